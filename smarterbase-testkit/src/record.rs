//! A log of the calls that reached a store, so that a test can say exactly which requests an operation makes.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use smarterbase_core::port::{Attempt, Changed, ListPage, Object, StoreError};

/// Which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallKind {
    /// `get`.
    Get,
    /// `get_if_changed`.
    GetIfChanged,
    /// `put` that expects nothing to be there.
    Create,
    /// `put` at a version.
    Swap,
    /// `delete_if`.
    DeleteIf,
    /// `delete_retired`.
    DeleteRetired,
    /// `list`.
    List,
}

impl CallKind {
    /// Whether the call can change something.
    #[must_use]
    pub fn is_write(self) -> bool {
        !matches!(self, Self::Get | Self::GetIfChanged | Self::List)
    }
}

/// What the client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// A write was applied, or a removal done.
    Applied,
    /// A write did not find what it expected.
    Rejected,
    /// A write may have been applied.
    Unknown,
    /// A write was refused.
    Refused,
    /// A read found an object, or a list was read.
    Found,
    /// A read found nothing.
    Missing,
    /// A read found the version that it knew.
    Unchanged,
    /// A read, a list or a removal failed.
    Failed,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its number, from 0, in the order in which the calls began.
    pub number: u64,
    /// Which call.
    pub kind: CallKind,
    /// The key, or the prefix of a list.
    pub path: String,
    /// What the client was told; `None` while the call runs, or when its future was dropped.
    pub outcome: Option<CallOutcome>,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.path)?;
        match self.outcome {
            Some(outcome) => write!(f, " -> {outcome:?}"),
            None => f.write_str(" -> …"),
        }
    }
}

/// The calls of one store. Clones share one log.
#[derive(Clone, Debug, Default)]
pub struct CallLog {
    calls: Arc<Mutex<Vec<Call>>>,
}

impl CallLog {
    /// Every call so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.lock().clone()
    }

    /// One line per call: `Create users/1.json -> Applied`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lock().iter().map(Call::to_string).collect()
    }

    /// How many calls of one kind there were.
    #[must_use]
    pub fn count(&self, kind: CallKind) -> usize {
        self.lock().iter().filter(|call| call.kind == kind).count()
    }

    /// How many calls there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there was no call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Forgets every call; numbers go on from 0. Only while no call runs.
    pub fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn begin(&self, kind: CallKind, path: &str) -> usize {
        let mut calls = self.lock();
        let number = calls.len();
        calls.push(Call {
            number: number as u64,
            kind,
            path: path.to_owned(),
            outcome: None,
        });
        number
    }

    pub(crate) fn end(&self, number: usize, outcome: CallOutcome) {
        if let Some(call) = self.lock().get_mut(number) {
            call.outcome = Some(outcome);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<&Attempt> for CallOutcome {
    fn from(attempt: &Attempt) -> Self {
        match attempt {
            Attempt::Applied(_) => Self::Applied,
            Attempt::Rejected => Self::Rejected,
            Attempt::Unknown(_) => Self::Unknown,
            Attempt::Refused(_) => Self::Refused,
        }
    }
}

impl From<&Result<Option<Object>, StoreError>> for CallOutcome {
    fn from(result: &Result<Option<Object>, StoreError>) -> Self {
        match result {
            Ok(Some(_)) => Self::Found,
            Ok(None) => Self::Missing,
            Err(_) => Self::Failed,
        }
    }
}

impl From<&Result<Changed, StoreError>> for CallOutcome {
    fn from(result: &Result<Changed, StoreError>) -> Self {
        match result {
            Ok(Changed::Now(_)) => Self::Found,
            Ok(Changed::Gone) => Self::Missing,
            Ok(Changed::Unchanged) => Self::Unchanged,
            Err(_) => Self::Failed,
        }
    }
}

impl From<&Result<ListPage, StoreError>> for CallOutcome {
    fn from(result: &Result<ListPage, StoreError>) -> Self {
        match result {
            Ok(_) => Self::Found,
            Err(_) => Self::Failed,
        }
    }
}

impl From<&Result<(), StoreError>> for CallOutcome {
    fn from(result: &Result<(), StoreError>) -> Self {
        match result {
            Ok(()) => Self::Applied,
            Err(_) => Self::Failed,
        }
    }
}
