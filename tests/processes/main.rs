//! Transactions on lists by real processes on one folder, killed with `kill -9`; their history is checked for every anomaly
//! up to strict serializability.
//!
//! The test starts itself as its workers, so it has a main function of its own. `SECONDS=<n>` lets it run longer.

#![allow(
    clippy::print_stdout,
    reason = "a worker tells its parent, and the parent the person"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fleet;
mod line;
mod worker;

use smarterbase_testkit::history;

fn main() {
    if let Some(arguments) = worker::Arguments::from_environment() {
        return worker::run(arguments);
    }
    let seconds = std::env::var("SECONDS").map_or(8, |seconds| seconds.parse().unwrap());
    let (transactions, kills) = fleet::run(seconds);
    let committed = transactions
        .iter()
        .filter(|transaction| transaction.completed.is_some());
    let committed = committed.count();
    let verdict = history::check(&transactions);
    println!(
        "processes: {} transactions, {committed} with a reply, {kills} processes killed: {verdict}",
        transactions.len()
    );
    verdict.assert_clean();
    assert!(kills >= seconds, "only {kills} processes were killed");
    assert!(
        committed >= 4 * usize::try_from(seconds).unwrap(),
        "only {committed} transactions ended"
    );
    println!("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
}
