//! On whose behalf an object is settled, and how long they wait for whoever is in the way.

use std::time::Duration;

use crate::{
    format::intent::{Attempt, Intent, Priority},
    protocol::Patience,
};

/// On whose behalf an object is settled, and how long they wait for others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settler {
    /// The attempt; `None` for a plain write or a strict read.
    pub attempt: Option<Attempt>,
    /// Its priority; without one everybody else goes first.
    pub priority: Option<Priority>,
    /// How long the older one waits for the younger (250 ms).
    pub grace: Duration,
    /// How long anyone waits for an intent that does not change; to it come 20 ms per member of its transaction (5 s).
    pub lease: Duration,
    /// But no longer than this, which is shorter than the deadline of whoever waits: else nobody would ever have waited
    /// long enough.
    pub longest: Duration,
}

/// What comes to the lease for each object that takes part.
const LEASE_PER_MEMBER: Duration = Duration::from_millis(20);

impl Settler {
    /// Whether the intent is this very attempt's.
    #[must_use]
    pub fn owns(&self, intent: &Intent) -> bool {
        self.attempt.as_ref() == Some(&intent.transaction)
    }

    /// How long to wait for the intent before it is aborted.
    pub(super) fn patience(&self, intent: &Intent) -> Patience {
        let own = self.attempt.as_ref().map(Attempt::transaction);
        if own == Some(intent.transaction.transaction()) {
            return Patience::Nobody; // An earlier attempt of the same transaction.
        }
        match &self.priority {
            Some(priority) if *priority < intent.priority => {
                Patience::Grace(self.grace.min(self.longest))
            }
            _ => {
                let lease = self.lease + LEASE_PER_MEMBER * intent.members.min(1_000);
                Patience::Lease(lease.min(self.longest))
            }
        }
    }
}
