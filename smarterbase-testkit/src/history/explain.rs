//! Says in words why the transactions of a cycle come before each other.

use super::{
    cycle::{Cycle, Hop},
    graph::Dependency,
    transaction::Transaction,
    verdict::Findings,
};

/// Reports a cycle: its transactions, then its edges.
pub(super) fn report(cycle: &Cycle, history: &[Transaction], findings: &mut Findings<'_>) {
    let transactions = cycle.hops.iter().map(|hop| hop.from).collect();
    let reasons = cycle.hops.iter().map(|hop| reason(hop, history));
    findings.report(cycle.kind, transactions, reasons.collect());
}

fn reason(hop: &Hop, history: &[Transaction]) -> String {
    let (from, to) = (hop.from, hop.to);
    match hop.why {
        Dependency::WriteWrite { key, before, after } => {
            format!(
                "T{from} -ww-> T{to}: T{to} appended {after} to {key} after {before} of T{from}"
            )
        }
        Dependency::WriteRead { key, value } => {
            format!("T{from} -wr-> T{to}: T{to} read {key} with {value} of T{from}")
        }
        Dependency::ReadWrite { key, value } => {
            format!("T{from} -rw-> T{to}: T{from} read {key} without {value} of T{to}")
        }
        Dependency::RealTime | Dependency::Passage => {
            let done = history[from].settled();
            let done = done.expect("only what was done is before something in real time");
            let began = history[to].invoked;
            format!("T{from} -rt-> T{to}: T{from} was done at {done}, T{to} began at {began}")
        }
    }
}
