//! Histories of any size: those of a serial execution are accepted, and one change that nothing explains is found.

use proptest::prelude::{Strategy, any, prop_assert, prop_assume, proptest};
use smarterbase_testkit::history::{AnomalyKind, Operation, Outcome, RealTime, Transaction, check};

use crate::{
    serial_world::{Size, history},
    small_world::Dice,
};

fn histories() -> impl Strategy<Value = Vec<Transaction>> {
    (any::<u64>(), 1..150_u64, 1..8_u64).prop_map(|(seed, transactions, keys)| {
        let size = Size { transactions, keys };
        history(&Dice::new(seed), size)
    })
}

proptest! {
    #[test]
    fn what_ran_one_after_the_other_is_accepted(history in histories()) {
        let verdict = check(&history);
        prop_assert!(verdict.is_clean(), "{}", verdict);
    }

    /// The longer read cannot come before the shorter one.
    #[test]
    fn swapped_reads_are_found(mut history in histories(), choice: usize) {
        let pairs = growing_reads(&history);
        prop_assume!(!pairs.is_empty());
        let (one, other) = pairs[choice % pairs.len()];
        swap_operations(&mut history, one, other);
        prop_assert!(!check(&history).is_clean());
    }

    #[test]
    fn an_append_that_vanishes_is_found(mut history in histories(), choice: usize) {
        let appends = acknowledged_appends(&history);
        prop_assume!(!appends.is_empty());
        drop_from_reads(&mut history, &appends[choice % appends.len()]);
        prop_assert!(!check(&history).is_clean());
    }

    /// A transaction, and a later one that read what it had appended, change their times.
    #[test]
    fn a_read_that_is_moved_before_its_append_is_found(mut history in histories(), choice: usize) {
        let pairs = observations(&history);
        prop_assume!(!pairs.is_empty());
        let (append, read) = pairs[choice % pairs.len()];
        swap_times(&mut history, append, read);
        let verdict = check(&history);
        prop_assert!(verdict.kinds().contains(&AnomalyKind::G1cRealTime), "{}", verdict);
    }
}

fn is_strict(transaction: &Transaction) -> bool {
    transaction.outcome == Outcome::Committed && transaction.real_time == RealTime::Strict
}

/// Pairs of single reads of one document, one done before the other began, with more in the other.
fn growing_reads(history: &[Transaction]) -> Vec<(usize, usize)> {
    let reads = single_reads(history);
    let grows = |one: usize, other: usize| {
        let [Operation::Read(key, values)] = &history[one].operations[..] else {
            return false;
        };
        let [Operation::Read(same, more)] = &history[other].operations[..] else {
            return false;
        };
        key == same && values.len() < more.len() && is_before(&history[one], &history[other])
    };
    pairs(&reads, &reads, grows)
}

fn single_reads(history: &[Transaction]) -> Vec<usize> {
    let is_read = |one: &Transaction| matches!(one.operations[..], [Operation::Read(..)]);
    (0..history.len())
        .filter(|at| is_strict(&history[*at]) && is_read(&history[*at]))
        .collect()
}

fn pairs(
    ones: &[usize],
    others: &[usize],
    fits: impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let all = ones
        .iter()
        .flat_map(|one| others.iter().map(|other| (*one, *other)));
    all.filter(|(one, other)| fits(*one, *other)).collect()
}

fn is_before(one: &Transaction, other: &Transaction) -> bool {
    one.completed.is_some_and(|done| done < other.invoked)
}

fn swap_operations(history: &mut [Transaction], one: usize, other: usize) {
    let operations = std::mem::take(&mut history[one].operations);
    history[one].operations = std::mem::replace(&mut history[other].operations, operations);
}

fn acknowledged_appends(history: &[Transaction]) -> Vec<Operation> {
    let committed = history
        .iter()
        .filter(|one| one.outcome == Outcome::Committed);
    let operations = committed.flat_map(|one| one.operations.iter().cloned());
    operations
        .filter(|operation| matches!(operation, Operation::Append(..)))
        .collect()
}

fn drop_from_reads(history: &mut [Transaction], append: &Operation) {
    let Operation::Append(key, value) = append else {
        return;
    };
    for operation in history.iter_mut().flat_map(|one| &mut one.operations) {
        if let Operation::Read(from, values) = operation
            && from == key
        {
            values.retain(|other| other != value);
        }
    }
}

/// Pairs of strict transactions, one done before the other began, of which the other one read the end of what the one
/// appended.
fn observations(history: &[Transaction]) -> Vec<(usize, usize)> {
    let strict: Vec<_> = (0..history.len())
        .filter(|at| is_strict(&history[*at]))
        .collect();
    let observes = |one: usize, other: usize| {
        let (one, other) = (&history[one], &history[other]);
        is_before(one, other)
            && one
                .operations
                .iter()
                .any(|operation| found(other, operation))
    };
    pairs(&strict, &strict, observes)
}

/// Whether a document ended with the append when the transaction first read it.
fn found(transaction: &Transaction, append: &Operation) -> bool {
    let Operation::Append(key, value) = append else {
        return false;
    };
    let mut operations = transaction.operations.iter();
    let first = operations.find(|operation| operation.key() == *key);
    matches!(first, Some(Operation::Read(_, values)) if values.last() == Some(value))
}

fn swap_times(history: &mut [Transaction], one: usize, other: usize) {
    let [first, second] = history.get_disjoint_mut([one, other]).unwrap();
    std::mem::swap(&mut first.invoked, &mut second.invoked);
    std::mem::swap(&mut first.completed, &mut second.completed);
}
