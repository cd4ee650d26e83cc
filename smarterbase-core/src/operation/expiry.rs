//! Documents that do not last: how often a process deletes those that are past their time, and what came of it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{Engine, limits::LONGEST_INTERVAL};

/// What became of the documents that were past their time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpiryReport {
    /// How many were deleted; what went along with them is not counted.
    pub deleted: u64,
    /// How many stay because a document that refers to them forbids that they go (`on_delete = restrict`).
    pub restricted: u64,
}

impl ExpiryReport {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            deleted: self.deleted + other.deleted,
            restricted: self.restricted + other.restricted,
        }
    }
}

/// Runs the task of an engine that deletes what is past its time; it stands above this module.
pub(crate) type BeginExpiring = fn(&Arc<Engine>, Duration);

/// Whether a process deletes what is past its time.
pub(crate) struct Expiry {
    /// How often; `None`: only when it is asked to.
    every: Option<Duration>,
    begin: BeginExpiring,
    has_begun: AtomicBool,
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiry")
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

impl Expiry {
    pub(crate) fn new(every: Option<Duration>, begin: BeginExpiring) -> Self {
        const SHORTEST: Duration = Duration::from_secs(1);
        Self {
            every: every.map(|every| every.clamp(SHORTEST, LONGEST_INTERVAL)),
            begin,
            has_begun: AtomicBool::new(false),
        }
    }
}

impl Engine {
    /// The task begins with the first collection that is used, once the program has told a type with a TTL index.
    pub(crate) fn watch_expiry(self: &Arc<Self>) {
        let Some(every) = self.expiry.every.filter(|_| self.check_open().is_ok()) else {
            return;
        };
        let mut types = self.relations.types().iter();
        let has_ttl = types.any(|kin| kin.expire.is_some());
        if has_ttl && !self.expiry.has_begun.swap(true, Ordering::Relaxed) {
            (self.expiry.begin)(self, every);
        }
    }
}
