//! What a transaction read and writes.

use crate::{
    format::{
        Key,
        intent::{Author, Intent},
    },
    protocol::{
        settle::{Settled, Settler},
        validate::Seen,
    },
};

/// What a transaction read and writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommitPlan {
    /// The attempt.
    pub author: Author,
    /// How long it waits for others.
    pub settler: Settler,
    /// What it writes, in the order of the keys.
    pub writes: Vec<Write>,
    /// Objects that bear a lock of this attempt and are not written.
    pub locked: Vec<Key>,
    /// What it read and does not write.
    pub reads: Vec<Seen>,
    /// How many ranges it read.
    pub ranges: usize,
    /// Whether index entries must be announced.
    pub announces: bool,
    /// The staged bodies that its intents refer to.
    pub staged: Vec<Key>,
    /// Whether intents are placed one after the other, in the order of the keys, each waiting for whoever is in the way.
    pub in_order: bool,
}

/// One object that a transaction writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    /// Its path.
    pub key: Key,
    /// What was read there, or what is assumed to be there; `None`: nothing.
    pub base: Option<Settled>,
    /// The pending write.
    pub intent: Intent,
}
