//! In which order the values of a document were appended, and which reads of it can be believed.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::{
    defect,
    document::{Append, Document, View},
    ledger::Ledger,
    lost,
    transaction::{Brief, Key},
    verdict::{AnomalyKind, Findings},
};

/// The past of one document, as its reads tell it.
pub(super) struct Order<'a> {
    pub(super) key: Key,
    /// The longest read, first value first. Each value was appended by a transaction that counts.
    pub(super) values: &'a [u64],
    /// The reads that are beginnings of `values` and not wrong by themselves.
    pub(super) views: Vec<View<'a>>,
    /// Appends that are in no read. They come after `values`: the longest read would have them otherwise.
    pub(super) unseen: Vec<Append>,
}

/// Infers the order of a document, and reports everything that is wrong about it without looking at another document.
///
/// A read that is reported gives no edges: it says nothing reliable, and would only repeat its anomaly as a cycle.
pub(super) fn infer<'a>(
    ledger: &Ledger<'_>,
    document: &Document<'a>,
    findings: &mut Findings<'_>,
) -> Order<'a> {
    let key = document.key;
    let mut views = prefixes(ledger, document, findings);
    let values = views.first().map_or(&[][..], |longest| longest.values);
    let places = places(values, &document.appends);
    report_program_order(key, values, &places, findings);
    views.retain(|view| !report_own_future(key, view, &places, findings));
    let ends = ends(&document.appends);
    views.retain(|view| !report_intermediate(ledger, key, view, &ends, findings));
    Order {
        key,
        values,
        views,
        unseen: lost::report(ledger, document, findings),
    }
}

/// The reads that fit to each other and hold only what they may, the longest first.
fn prefixes<'a>(
    ledger: &Ledger<'_>,
    document: &Document<'a>,
    findings: &mut Findings<'_>,
) -> Vec<View<'a>> {
    let mut views = document.views.clone();
    views.sort_by_key(|view| Reverse(view.values.len()));
    let mut prefixes: Vec<View<'a>> = Vec::new();
    for view in views {
        match prefixes.first() {
            Some(longest) if longest.values.starts_with(view.values) => prefixes.push(view),
            _ if defect::report(ledger, document.key, &view, findings) => {}
            Some(longest) => report_fork(document.key, longest, &view, findings),
            None => prefixes.push(view),
        }
    }
    prefixes
}

fn report_fork(key: Key, longest: &View<'_>, other: &View<'_>, findings: &mut Findings<'_>) {
    let [one, two] = [longest, other].map(|view| {
        let (reader, values) = (view.reader, Brief(view.values));
        format!("T{reader} read {key} {values}")
    });
    let reason = format!("{one}, {two}: neither begins with the other");
    let readers = vec![longest.reader, other.reader];
    findings.report_once(AnomalyKind::IncompatibleOrder, (key, 0), readers, reason);
}

/// Where in the order the appends of each transaction are, in the order in which it made them.
type Places = BTreeMap<usize, Vec<usize>>;

fn places(values: &[u64], appends: &[Append]) -> Places {
    let place: HashMap<_, _> = values.iter().zip(0..).collect();
    let mut places = Places::new();
    for append in appends {
        if let Some(place) = place.get(&append.value) {
            places.entry(append.writer).or_default().push(*place);
        }
    }
    places
}

/// The last append of each transaction.
fn ends(appends: &[Append]) -> HashMap<usize, u64> {
    let end = |append: &Append| (append.writer, append.value);
    appends.iter().map(end).collect()
}

fn report_program_order(key: Key, values: &[u64], places: &Places, findings: &mut Findings<'_>) {
    for (&writer, places) in places.iter().filter(|(_, places)| !places.is_sorted()) {
        let mut sorted = places.clone();
        sorted.sort_unstable();
        let [made, found] = [places, &sorted].map(|places| {
            let values: Vec<_> = places.iter().map(|&place| values[place]).collect();
            Brief(&values).to_string()
        });
        let reason = format!("T{writer} appended {made} to {key}, where they are as {found}");
        findings.report(AnomalyKind::IncompatibleOrder, vec![writer], vec![reason]);
    }
}

/// A read with values that its own transaction appends only afterwards.
fn report_own_future(
    key: Key,
    view: &View<'_>,
    places: &Places,
    findings: &mut Findings<'_>,
) -> bool {
    let (reader, length) = (view.reader, view.values.len());
    let mut own = places.get(&reader).into_iter().flatten();
    let is_early = own.any(|&place| place < length);
    if is_early {
        let read = Brief(view.values);
        let reason = format!("T{reader} read {key} {read} before it had appended all of that");
        let about = (key, reader as u64);
        findings.report_once(AnomalyKind::Internal, about, vec![reader], reason);
    }
    is_early
}

/// A read that ends with a value after which the same transaction appended more.
fn report_intermediate(
    ledger: &Ledger<'_>,
    key: Key,
    view: &View<'_>,
    ends: &HashMap<usize, u64>,
    findings: &mut Findings<'_>,
) -> bool {
    let last = view.values.last().copied();
    let writer = last.and_then(|last| ledger.writer(key, last));
    let end = writer.and_then(|writer| ends.get(&writer).copied());
    let (Some(last), Some(writer), Some(end)) = (last, writer, end) else {
        return false;
    };
    if last != end {
        let reader = view.reader;
        let reason =
            format!("T{reader} read {key} up to {last} of T{writer}, which also appended {end}");
        let transactions = vec![writer, reader];
        findings.report_once(AnomalyKind::G1b, (key, last), transactions, reason);
    }
    last != end
}
