//! The checker and brute force say the same about thousands of tiny histories.

use std::collections::BTreeMap;

use smarterbase_testkit::history::{AnomalyKind, Transaction, check};

use crate::{
    brute_force::{Orders, explains},
    small_world::{Dice, history},
};

const SEEDS: u64 = 6_000;

#[test]
fn an_anomaly_is_found_exactly_when_no_order_explains_the_history() {
    let mut explained = 0;
    let mut kinds: BTreeMap<AnomalyKind, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let history = history(&Dice::new(seed));
        let verdict = check(&history);
        let is_explained = explains(&history, Orders::Timed);
        assert_eq!(
            verdict.is_clean(),
            is_explained,
            "seed {seed}: {history:#?}\n{verdict}"
        );
        explained += u64::from(is_explained);
        for kind in verdict.kinds() {
            *kinds.entry(kind).or_default() += 1;
        }
    }
    assert!(
        explained > SEEDS / 4 && explained < SEEDS * 3 / 4,
        "{explained} explained"
    );
    assert_eq!(kinds.len(), 15, "a kind is never met: {kinds:?}");
}

/// The clock is blamed only where no order at all would do without it.
#[test]
fn without_the_clock_only_other_kinds_than_those_of_real_time_remain() {
    for seed in 0..SEEDS {
        let history = history(&Dice::new(seed));
        let kinds = check(&history).kinds();
        if !kinds.contains(&AnomalyKind::LostAppend) {
            let is_clean = kinds.iter().all(|kind| *kind >= AnomalyKind::G0RealTime);
            assert_eq!(is_clean, explains(&history, Orders::Any), "seed {seed}");
        }
    }
}

#[test]
fn without_a_final_read_nothing_is_found_that_an_order_explains() {
    let mut found = 0;
    for seed in 0..SEEDS {
        let mut history: Vec<Transaction> = history(&Dice::new(seed));
        history.pop();
        let verdict = check(&history);
        let is_explained = explains(&history, Orders::Timed);
        assert!(
            verdict.is_clean() || !is_explained,
            "seed {seed}: {history:#?}\n{verdict}"
        );
        found += u64::from(!verdict.is_clean());
    }
    assert!(found > SEEDS / 10, "{found} found");
}
