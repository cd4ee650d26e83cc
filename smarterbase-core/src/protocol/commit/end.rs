//! How an attempt to commit ended.

use std::collections::BTreeMap;

use crate::{
    document::Version,
    error::Error,
    format::{Key, Nonce},
    port::StoreError,
    protocol::{place::Placed, trouble::Trouble},
};

/// How an attempt ended.
#[derive(Debug)]
pub struct CommitEnd {
    /// What became of it.
    pub outcome: CommitOutcome,
    /// The objects that bear its intents.
    pub placed: BTreeMap<Key, Placed>,
    /// Objects that may bear one: they were being placed when the attempt failed.
    pub uncertain: Vec<Key>,
}

/// What became of an attempt.
#[derive(Debug)]
pub enum CommitOutcome {
    /// All of it happened. Where the one written object decided: the version that it has now, unless it was overwritten.
    Committed(Option<Version>),
    /// Nothing of it happened; others were faster. It can run again.
    Conflict(Lost),
    /// Nothing of it happened.
    Failed(Error),
    /// All of it may have happened, or nothing.
    Unknown(StoreError),
}

/// Against whom an attempt lost, and at which object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lost {
    /// What it had read was changed.
    Read(Key),
    /// What it was to write was changed.
    Write(Key),
    /// An older transaction, undecided yet, has the intent with this write id there. Waiting for it while holding what others
    /// want would keep them, and perhaps that very transaction, waiting too; it is waited for before the next attempt.
    Behind(Key, Nonce),
    /// Somebody whom it kept waiting aborted it.
    Wounded,
    /// What its writers agreed on changed, or it took too long.
    Agreement,
}

impl Lost {
    /// The object at which it lost, if at one.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Read(key) | Self::Write(key) | Self::Behind(key, _) => Some(key),
            Self::Wounded | Self::Agreement => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Failure {
    Lost(Lost),
    Error(std::sync::Arc<Error>),
    Unknown(Trouble),
}

impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Lost(one), Self::Lost(other)) => one == other,
            (Self::Error(one), Self::Error(other)) => one.code() == other.code(),
            (Self::Unknown(one), Self::Unknown(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Failure {}

impl std::hash::Hash for Failure {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Lost(lost) => lost.hash(state),
            Self::Error(error) => error.code().hash(state),
            Self::Unknown(trouble) => trouble.hash(state),
        }
    }
}

pub(super) fn owned(error: std::sync::Arc<Error>) -> Error {
    std::sync::Arc::try_unwrap(error).unwrap_or_else(|shared| shared.repeated())
}
