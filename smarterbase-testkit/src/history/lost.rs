//! Appends that no read shows: lost, or just too late.

use super::{
    document::{Append, Document, View},
    ledger::{Ledger, values_in},
    transaction::Key,
    verdict::{AnomalyKind, Findings},
};

/// Reports the appends that were acknowledged before a read began and that no read shows. Returns the other unseen ones.
pub(super) fn report(
    ledger: &Ledger<'_>,
    document: &Document<'_>,
    findings: &mut Findings<'_>,
) -> Vec<Append> {
    let seen = values_in(document.views.iter().map(|view| view.values));
    let unseen = |append: &Append| !seen.contains(&append.value);
    let mut unseen: Vec<_> = document.appends.iter().copied().filter(unseen).collect();
    let began = |view: &&View<'_>| ledger.history[view.reader].invoked;
    if let Some(last) = document.views.iter().max_by_key(began) {
        unseen.retain(|append| !is_lost(ledger, document.key, append, last, findings));
    }
    unseen
}

fn is_lost(
    ledger: &Ledger<'_>,
    key: Key,
    append: &Append,
    last: &View<'_>,
    findings: &mut Findings<'_>,
) -> bool {
    let (Append { writer, value }, reader) = (*append, last.reader);
    let began = ledger.history[reader].invoked;
    let done = ledger.history[writer].settled();
    let Some(done) = done.filter(|done| *done < began) else {
        return false;
    };
    let reason = format!(
        "T{writer} was done at {done} with the append of {value} to {key}, and no read shows it, not even T{reader} at {began}"
    );
    let transactions = vec![writer, reader];
    findings.report_once(AnomalyKind::LostAppend, (key, value), transactions, reason);
    true
}
