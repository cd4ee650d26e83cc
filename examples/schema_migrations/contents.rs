//! Is every product there, as today's program stores it, with everything that was ever written into it?

use std::collections::BTreeMap;

use anyhow::Context;

use crate::{
    audit::Findings,
    catalogue::Catalogue,
    journal::Journal,
    report::{Facts, Write},
    value::Value,
    watch::Stored,
    writers::TODAY,
};

pub(crate) fn check(
    catalogue: &Catalogue,
    journal: &Journal,
    stored: &BTreeMap<String, Vec<u8>>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let expected = expected(catalogue, journal);
    for id in stored.keys().filter(|id| !expected.contains_key(*id)) {
        findings.breach(format!("{id} is there, and nobody made it"));
    }
    for (id, expected) in &expected {
        match stored.get(id) {
            Some(bytes) => compare(id, expected, bytes, findings)?,
            None => findings.breach(format!("{id} is gone")),
        }
    }
    Ok(())
}

/// What must be stored: what the files' expectations say, what was made besides, and what was put into stock.
fn expected(catalogue: &Catalogue, journal: &Journal) -> BTreeMap<String, Value> {
    let files = catalogue.products.iter();
    let mut expected: BTreeMap<String, Value> = files
        .map(|(id, entry)| (id.clone(), entry.expected.clone()))
        .collect();
    for (facts, _) in journal.created() {
        expected.insert(facts.id.clone(), made(facts));
    }
    for write in journal.said.iter().filter_map(|said| said.write()) {
        if let Some(product) = expected.get_mut(&write.id) {
            restock(product, write);
        }
    }
    expected
}

fn made(facts: &Facts) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    let null = Value::Literal("null".to_owned());
    let members = [
        ("id", text(&facts.id)),
        ("sku", text(&facts.sku)),
        ("brand", text(&facts.brand)),
        ("title", text(&facts.title)),
        ("cents", Value::number(facts.cents)),
        ("place", facts.place.as_deref().map_or(null, text)),
        ("stock", Value::number(0)),
        ("status", text("OnSale")),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    Value::Object(members.into())
}

fn restock(product: &mut Value, write: &Write) {
    let before = product.get("stock").and_then(Value::as_number);
    let after = before.unwrap_or_default() + write.added;
    product.set("stock", Some(Value::number(after)));
}

fn compare(
    id: &str,
    expected: &Value,
    bytes: &[u8],
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let stored = Stored::parse(bytes).with_context(|| format!("{id} is no JSON"))?;
    if !stored.has_envelope() || stored.schema() != TODAY {
        findings.breach(format!("{id} is not of today's version"));
        return Ok(());
    }
    let mut value = Value::parse(std::str::from_utf8(bytes)?)?;
    value.set("_sb", None);
    let (expected, value) = (members(expected), members(&value));
    findings.members += value.len();
    for (name, wanted) in &expected {
        match value.get(name) {
            Some(found) if found == wanted => {}
            Some(_) => findings.breach(format!("{id} has another `{name}` than was written")),
            None => findings.breach(format!("{id} lost `{name}`")),
        }
    }
    for name in value.keys().filter(|name| !expected.contains_key(*name)) {
        findings.breach(format!("{id} has `{name}`, which nobody wrote"));
    }
    Ok(())
}

fn members(value: &Value) -> BTreeMap<String, Value> {
    value.members().cloned().unwrap_or_default()
}
