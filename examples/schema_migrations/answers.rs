//! Was every answer of a program right, or a polite refusal that it had to expect?

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    audit::Findings,
    catalogue::Catalogue,
    journal::{Journal, Phase, Program, Said},
    report::{Facts, Line},
    value::Value,
};

pub(crate) fn check(catalogue: &Catalogue, journal: &Journal, findings: &mut Findings) {
    let known = known(catalogue, journal);
    for said in &journal.said {
        findings.answers += 1;
        if let Some(what) = wrong(said, &known) {
            findings.breach(what);
        }
    }
}

/// What never changes in a product.
fn known(catalogue: &Catalogue, journal: &Journal) -> BTreeMap<String, Facts> {
    let files = catalogue.products.values();
    let facts = files.map(|entry| facts(&entry.expected));
    let made = journal.created().map(|(facts, _)| facts.clone());
    facts
        .chain(made)
        .map(|facts| (facts.id.clone(), facts))
        .collect()
}

fn facts(expected: &Value) -> Facts {
    let text = |name| expected.get(name).and_then(Value::text).map(str::to_owned);
    let cents = expected.get("cents").and_then(Value::as_number);
    Facts {
        id: text("id").unwrap_or_default(),
        sku: text("sku").unwrap_or_default(),
        brand: text("brand").unwrap_or_default(),
        title: text("title").unwrap_or_default(),
        cents: cents.unwrap_or_default(),
        place: text("place"),
    }
}

fn wrong(said: &Said, known: &BTreeMap<String, Facts>) -> Option<String> {
    match &said.line {
        Line::Read(facts) => (known.get(&facts.id) != Some(facts))
            .then(|| format!("{:?} read something else in {}", said.by, facts.id)),
        Line::Found { brand, ids } => (found(ids) != of_brand(known, brand))
            .then(|| format!("{:?} did not find exactly the products of a brand", said.by)),
        Line::Failed { what, error } => Some(format!("{:?}: {what} failed: {error}", said.by)),
        Line::Refused { what, code } => (!is_due(said))
            .then(|| format!("{:?}: {what} was refused without a reason: {code}", said.by)),
        Line::Wrote(_) | Line::Created(..) => None,
    }
}

/// The older program is too old from the deploy on; the newer one never is.
fn is_due(said: &Said) -> bool {
    !said.is_refusal() || (said.by == Program::Old && said.phase != Phase::Before)
}

fn found(ids: &[String]) -> BTreeSet<&str> {
    ids.iter().map(String::as_str).collect()
}

fn of_brand<'a>(known: &'a BTreeMap<String, Facts>, brand: &str) -> BTreeSet<&'a str> {
    let products = known.values().filter(|facts| facts.brand == brand);
    products.map(|facts| facts.id.as_str()).collect()
}
