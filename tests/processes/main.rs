//! Real processes on one folder, killed with `kill -9` and stopped: transactions on lists, whose history is checked for every
//! anomaly up to strict serializability; locks, whose holders never meet; counters, sequences and idempotent transactions; and an
//! index in a file.
//!
//! The test starts itself as its workers, so it has a main function of its own. `SECONDS=<n>` lets it run longer.

#![allow(
    clippy::print_stdout,
    reason = "a worker tells its parent, and the parent the person"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod counter;
mod counters;
mod fleet;
mod line;
#[cfg(feature = "local-index")]
mod local;
mod locker;
mod locks;
mod stalled;
mod worker;

use smarterbase_testkit::history;

fn main() {
    if let Some(arguments) = worker::Arguments::from_environment() {
        return worker::run(arguments);
    }
    if let Some(arguments) = locker::Arguments::from_environment() {
        return locker::run(arguments);
    }
    if let Some(arguments) = counter::Arguments::from_environment() {
        return counter::run(arguments);
    }
    #[cfg(feature = "local-index")]
    if let Some(arguments) = local::Arguments::from_environment() {
        return local::run(arguments);
    }
    let seconds = std::env::var("SECONDS").map_or(8, |seconds| seconds.parse().unwrap());
    lists(seconds);
    locks::holders_never_meet(seconds);
    stalled::a_holder_that_stood_still_is_stopped_by_its_fence_and_by_nothing_else();
    counters::everything_acknowledged_counts_once(seconds);
    let passed = 4 + local_index();
    println!("test result: ok. {passed} passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
}

/// How many tests it is.
#[cfg(feature = "local-index")]
fn local_index() -> u64 {
    local::a_killed_process_loses_nothing_and_the_index_is_rebuilt();
    1
}

#[cfg(not(feature = "local-index"))]
fn local_index() -> u64 {
    0
}

fn lists(seconds: u64) {
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
}
