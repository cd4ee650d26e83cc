//! Which transactions count, and who appended what.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::transaction::{Key, Operation, Outcome, RealTime, Transaction};

/// A history whose unknown outcomes are decided. Transactions are known by their positions.
pub(super) struct Ledger<'a> {
    pub(super) history: &'a [Transaction],
    writers: HashMap<(Key, u64), usize>,
    counts: Vec<bool>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(history: &'a [Transaction]) -> Self {
        history.iter().for_each(assert_is_possible);
        let writers = writers(history);
        let counts = counts(history, &writers);
        Self {
            history,
            writers,
            counts,
        }
    }

    /// Whether the transaction is part of what has to be explained.
    pub(super) fn counts(&self, number: usize) -> bool {
        self.counts[number]
    }

    /// The transactions that count, and their positions.
    pub(super) fn counted(&self) -> impl Iterator<Item = (usize, &'a Transaction)> {
        let numbered = self.history.iter().enumerate();
        numbered.filter(|(number, _)| self.counts(*number))
    }

    /// Who appended the value, whether that counts or not.
    pub(super) fn writer(&self, key: Key, value: u64) -> Option<usize> {
        self.writers.get(&(key, value)).copied()
    }
}

fn assert_is_possible(transaction: &Transaction) {
    if let Some(completed) = transaction.completed {
        let invoked = transaction.invoked;
        assert!(invoked <= completed, "ends before it begins: {transaction}");
    } else {
        let outcome = transaction.outcome;
        assert!(outcome != Outcome::Committed, "no end: {transaction}");
    }
    if transaction.real_time == RealTime::PerDocument {
        let is_one_read = matches!(transaction.operations[..], [Operation::Read(..)]);
        assert!(is_one_read, "wait-free, but not one read: {transaction}");
    }
}

fn writers(history: &[Transaction]) -> HashMap<(Key, u64), usize> {
    let mut writers = HashMap::new();
    for (number, transaction) in history.iter().enumerate() {
        for (key, value) in appends(transaction) {
            let earlier = writers.insert((key, value), number);
            assert!(earlier.is_none(), "{value} is appended twice to {key}");
        }
    }
    writers
}

/// Committed ones, and unknown ones as soon as one that counts has seen an append of theirs.
fn counts(history: &[Transaction], writers: &HashMap<(Key, u64), usize>) -> Vec<bool> {
    let is = |outcome| move |transaction: &Transaction| transaction.outcome == outcome;
    let mut counts: Vec<_> = history.iter().map(is(Outcome::Committed)).collect();
    let is_unknown: Vec<_> = history.iter().map(is(Outcome::Unknown)).collect();
    while is_unknown.contains(&true) {
        let seen = seen_by_counted(history, &counts);
        let writers = seen.iter().filter_map(|append| writers.get(append));
        let more: Vec<_> = writers
            .filter(|&&writer| is_unknown[writer] && !counts[writer])
            .collect();
        if more.is_empty() {
            break;
        }
        more.into_iter().for_each(|&writer| counts[writer] = true);
    }
    counts
}

fn seen_by_counted(history: &[Transaction], counts: &[bool]) -> HashSet<(Key, u64)> {
    let mut reads: BTreeMap<Key, Vec<&[u64]>> = BTreeMap::new();
    let counted = history.iter().zip(counts).filter(|(_, counts)| **counts);
    for operation in counted.flat_map(|(transaction, _)| &transaction.operations) {
        if let Operation::Read(key, values) = operation {
            reads.entry(*key).or_default().push(values);
        }
    }
    let of_key = |(key, reads): (Key, Vec<&[u64]>)| {
        let values = values_in(reads.into_iter());
        values.into_iter().map(move |value| (key, value))
    };
    reads.into_iter().flat_map(of_key).collect()
}

/// Every value in any of the reads of one document.
///
/// Nearly all reads are beginnings of another one, and comparing is much faster than looking at each value.
pub(super) fn values_in<'a>(reads: impl Iterator<Item = &'a [u64]>) -> HashSet<u64> {
    let mut longest: Vec<&[u64]> = Vec::new();
    for read in reads {
        if !longest.iter().any(|other| other.starts_with(read)) {
            longest.retain(|other| !read.starts_with(other));
            longest.push(read);
        }
    }
    longest.into_iter().flatten().copied().collect()
}

/// What a transaction appends, in its order.
pub(super) fn appends(transaction: &Transaction) -> impl Iterator<Item = (Key, u64)> {
    transaction
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Append(key, value) => Some((*key, *value)),
            Operation::Read(..) => None,
        })
}
