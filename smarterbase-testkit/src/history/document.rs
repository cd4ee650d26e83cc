//! What was appended to each document, and what each transaction saw of it before its own appends.

use std::collections::BTreeMap;

use super::{
    ledger::Ledger,
    transaction::{Brief, Key, Operation, Transaction},
    verdict::{AnomalyKind, Findings},
};

/// One document, as the transactions that count wrote and saw it.
pub(super) struct Document<'a> {
    pub(super) key: Key,
    /// By transaction, each one's in its own order.
    pub(super) appends: Vec<Append>,
    pub(super) views: Vec<View<'a>>,
}

/// One append.
#[derive(Clone, Copy)]
pub(super) struct Append {
    pub(super) writer: usize,
    pub(super) value: u64,
}

/// The state of a document that a transaction found, without what it appended itself.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) reader: usize,
    pub(super) values: &'a [u64],
}

/// The documents of a history. Reports every transaction that contradicts itself.
pub(super) fn gather<'a>(ledger: &Ledger<'a>, findings: &mut Findings<'_>) -> Vec<Document<'a>> {
    let mut documents: BTreeMap<Key, Document<'a>> = BTreeMap::new();
    for (number, transaction) in ledger.counted() {
        for (key, progress) in replay(number, transaction, findings) {
            let new = || Document::new(key);
            let document = documents.entry(key).or_insert_with(new);
            document.add(number, progress);
        }
    }
    documents.into_values().collect()
}

impl<'a> Document<'a> {
    fn new(key: Key) -> Self {
        Self {
            key,
            appends: Vec::new(),
            views: Vec::new(),
        }
    }

    fn add(&mut self, number: usize, progress: Progress<'a>) {
        let append = |value| Append {
            writer: number,
            value,
        };
        self.appends.extend(progress.own.into_iter().map(append));
        self.views.extend(progress.found.map(|values| View {
            reader: number,
            values,
        }));
    }
}

/// What one transaction knows about one document so far.
#[derive(Default)]
struct Progress<'a> {
    found: Option<&'a [u64]>,
    own: Vec<u64>,
}

impl<'a> Progress<'a> {
    /// Learns from a read. `false` when it contradicts what the transaction knew.
    fn learn(&mut self, values: &'a [u64]) -> bool {
        let Some(length) = values.len().checked_sub(self.own.len()) else {
            return false;
        };
        let (found, own) = values.split_at(length);
        own == self.own && *self.found.get_or_insert(found) == found
    }
}

fn replay<'a>(
    number: usize,
    transaction: &'a Transaction,
    findings: &mut Findings<'_>,
) -> BTreeMap<Key, Progress<'a>> {
    let mut all: BTreeMap<Key, Progress<'a>> = BTreeMap::new();
    for operation in &transaction.operations {
        let progress = all.entry(operation.key()).or_default();
        match operation {
            Operation::Append(_, value) => progress.own.push(*value),
            Operation::Read(key, values) => {
                if !progress.learn(values) {
                    let reason = contradiction(number, *key, values, progress);
                    let about = (*key, number as u64);
                    findings.report_once(AnomalyKind::Internal, about, vec![number], reason);
                }
            }
        }
    }
    all
}

fn contradiction(number: usize, key: Key, values: &[u64], progress: &Progress<'_>) -> String {
    let (read, own) = (Brief(values), Brief(&progress.own));
    match progress.found {
        Some(found) => {
            let found = Brief(found);
            format!("T{number} read {key} {read} after it had found {found} and appended {own}")
        }
        None => format!("T{number} read {key} {read} after it had appended {own}"),
    }
}
