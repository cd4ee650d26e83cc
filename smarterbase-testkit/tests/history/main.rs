//! The checker of histories: it finds each anomaly, accepts what is right next to it, and agrees with brute force.

#![allow(clippy::unwrap_used, reason = "a broken expectation fails the test")]

mod agreement;
mod brute_force;
mod cycles;
mod documents;
mod export;
mod outcomes;
mod properties;
mod real_time;
mod serial_world;
mod small_world;
mod tampering;
mod wait_free;

use std::collections::BTreeSet;

use smarterbase_testkit::history::{AnomalyKind, Key, Transaction, Verdict, check};

const X: Key = Key(0);
const Y: Key = Key(1);
const Z: Key = Key(2);

/// Checks a history that has exactly one anomaly.
fn only(kind: AnomalyKind, history: &[Transaction]) -> String {
    let verdict = check(history);
    assert_eq!(verdict.kinds(), BTreeSet::from([kind]), "{verdict}");
    assert_eq!(verdict.anomalies.len(), 1, "{verdict}");
    verdict.anomalies[0].text.clone()
}

/// Checks a history that is right, for instance because one event of a wrong one is changed.
fn accept(history: &[Transaction]) {
    let verdict: Verdict = check(history);
    verdict.assert_clean();
}
