//! How the transactions of a process went, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::commit::Lost;

/// Counters of one open database.
#[derive(Debug, Default)]
pub struct TransactionCounters {
    committed: AtomicU64,
    conflicts: AtomicU64,
    wounded: AtomicU64,
    escalated: AtomicU64,
}

/// How the transactions of this process went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionCounts {
    /// How many were committed.
    pub committed: u64,
    /// How many attempts lost against others and ran again, the wounded ones included.
    pub conflicts: u64,
    /// How many attempts were aborted by a transaction or a write that they kept waiting.
    pub wounded: u64,
    /// How many attempts locked first all that the one before them touched.
    pub escalated: u64,
}

impl TransactionCounters {
    /// The counts up to now.
    #[must_use]
    pub fn read(&self) -> TransactionCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TransactionCounts {
            committed: read(&self.committed),
            conflicts: read(&self.conflicts),
            wounded: read(&self.wounded),
            escalated: read(&self.escalated),
        }
    }

    pub(crate) fn note_commit(&self) {
        self.committed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_conflict(&self, lost: Option<&Lost>) {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
        if lost == Some(&Lost::Wounded) {
            self.wounded.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn note_escalation(&self) {
        self.escalated.fetch_add(1, Ordering::Relaxed);
    }
}
