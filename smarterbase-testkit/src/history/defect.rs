//! What is wrong with a read by itself: values that it must not hold.

use std::collections::HashSet;

use super::{
    document::View,
    ledger::Ledger,
    transaction::{Key, Outcome},
    verdict::{AnomalyKind, Findings},
};

/// Reports every value that the read must not hold. Whether there was one.
pub(super) fn report(
    ledger: &Ledger<'_>,
    key: Key,
    view: &View<'_>,
    findings: &mut Findings<'_>,
) -> bool {
    let mut earlier = HashSet::new();
    let mut is_defective = false;
    for &value in view.values {
        let kind = match ledger.writer(key, value) {
            _ if !earlier.insert(value) => AnomalyKind::DuplicateValue,
            None => AnomalyKind::UnwrittenRead,
            Some(writer) if ledger.history[writer].outcome == Outcome::Aborted => AnomalyKind::G1a,
            Some(_) => continue,
        };
        is_defective = true;
        let writer = ledger.writer(key, value);
        let transactions = writer.into_iter().chain([view.reader]).collect();
        let reason = reason(kind, view.reader, key, value);
        findings.report_once(kind, (key, value), transactions, reason);
    }
    is_defective
}

fn reason(kind: AnomalyKind, reader: usize, key: Key, value: u64) -> String {
    let why = match kind {
        AnomalyKind::DuplicateValue => "twice, which was appended once",
        AnomalyKind::G1a => "of a transaction that was aborted",
        _ => "that nobody appended",
    };
    format!("T{reader} read {key} with a {value} {why}")
}
