//! Histories for `elle-cli`, which has the original checker.

use super::transaction::{Operation, Outcome, RealTime, Transaction};

/// The history as `elle-cli --model list-append` reads it, an event per line.
///
/// Each transaction is a process of its own, since a process may not go on after an unknown outcome there. Wait-free reads
/// are left out: Elle would expect them to be strict.
///
/// Source: <https://github.com/ligurio/elle-cli#list-append>.
#[must_use]
pub fn to_edn(history: &[Transaction]) -> String {
    let moments = history.iter().flat_map(|transaction| transaction.completed);
    let last = moments.chain(history.iter().map(|transaction| transaction.invoked));
    let last = last.max().unwrap_or_default();
    let mut events = Vec::new();
    for (number, transaction) in history.iter().enumerate() {
        if transaction.real_time == RealTime::Strict {
            events.push((transaction.invoked, false, number));
            events.push((transaction.completed.unwrap_or(last), true, number));
        }
    }
    events.sort_unstable();
    let line = |(index, (time, is_end, number))| {
        let (kind, value) = event(&history[number], is_end);
        format!(
            "{{:index {index}, :type {kind}, :process {number}, :time {time}, :f :txn, :value [{value}]}}\n"
        )
    };
    events.into_iter().enumerate().map(line).collect()
}

fn event(transaction: &Transaction, is_end: bool) -> (&'static str, String) {
    let kind = match transaction.outcome {
        _ if !is_end => ":invoke",
        Outcome::Committed => ":ok",
        Outcome::Aborted => ":fail",
        Outcome::Unknown => ":info",
    };
    let operations = transaction.operations.iter();
    let values: Vec<_> = operations
        .map(|one| operation(one, kind == ":ok"))
        .collect();
    (kind, values.join(" "))
}

fn operation(operation: &Operation, is_known: bool) -> String {
    match operation {
        Operation::Append(key, value) => format!("[:append {} {value}]", key.0),
        Operation::Read(key, values) if is_known => {
            let values: Vec<_> = values.iter().map(u64::to_string).collect();
            format!("[:r {} [{}]]", key.0, values.join(" "))
        }
        Operation::Read(key, _) => format!("[:r {} nil]", key.0),
    }
}
