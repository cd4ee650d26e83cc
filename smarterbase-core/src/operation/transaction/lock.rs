//! Locks: what an attempt takes first where the one before it lost, and after several on all that was touched.
//!
//! In the order of the keys, each waiting for others by priority. What is locked keeps its version until the attempt is
//! decided, so a transaction gets through once it is the oldest that wants the objects.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{Attempt, clear};
use crate::{
    error::{Error, Result},
    format::{
        Key,
        intent::{Attempt as Name, Author, Home, Intent, Operation, Priority},
    },
    operation::{Engine, read::Fetched},
    protocol::{PlaceMachine, Placed, SettleMachine, Settled, place::PlaceOutcome},
};

/// Where more objects were touched none is locked: locks are taken one after the other, and the first ones would be taken
/// for a dead process's before the last ones are there.
pub(super) const MOST_LOCKS: usize = 64;

/// The objects that bear a lock of one attempt. Who drops them gives them back, in the background.
#[derive(Debug)]
pub(crate) struct Locks {
    engine: Arc<Engine>,
    attempt: Name,
    placed: BTreeMap<Key, Placed>,
    /// Objects that may bear a lock, or come to: its put has no answer yet, or had none.
    doubtful: BTreeSet<Key>,
}

impl Locks {
    pub(super) fn none(engine: &Arc<Engine>, attempt: Name) -> Self {
        Self {
            engine: engine.clone(),
            attempt,
            placed: BTreeMap::new(),
            doubtful: BTreeSet::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.placed.is_empty() && self.doubtful.is_empty()
    }

    /// Whether a lock is known to be on the object.
    pub(super) fn bears(&self, key: &Key) -> bool {
        self.placed.contains_key(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.placed.keys().chain(&self.doubtful)
    }

    /// The locks, and where one is doubtful, for who takes care of them.
    pub(super) fn take(&mut self) -> (BTreeMap<Key, Placed>, Vec<Key>) {
        let doubtful = std::mem::take(&mut self.doubtful);
        (
            std::mem::take(&mut self.placed),
            doubtful.into_iter().collect(),
        )
    }
}

impl Drop for Locks {
    /// A transaction whose future is dropped gives its locks back.
    fn drop(&mut self) {
        if self.is_empty() || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (placed, doubtful) = self.take();
        let (engine, attempt) = (self.engine.clone(), self.attempt.clone());
        let tasks = engine.tasks.clone();
        tasks.spawn(async move { clear::give_back(&engine, &attempt, placed, doubtful).await });
    }
}

impl Attempt {
    /// Locks what is there of `keys`, until `until` by the engine's clock. What cannot be locked is left: the attempt is then
    /// as any other.
    pub(crate) async fn lock(&self, keys: Vec<Key>, until: Duration) {
        let members = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        for key in keys {
            if self.engine().clock.elapsed() >= until {
                return;
            }
            if let Err(error) = self.lock_one(&key, members).await {
                tracing::debug!(%error, "an object was not locked");
                return;
            }
        }
    }

    async fn lock_one(&self, key: &Key, members: u32) -> Result<()> {
        let engine = self.engine();
        let settling: SettleMachine = SettleMachine::replace(key.clone(), self.settler.clone());
        let settled = engine.drive(settling).await.map_err(Error::from)?;
        let Some(settled) = settled else {
            return Ok(()); // Nothing is there to keep, and a lock would leave a stub.
        };
        let intent = Intent::hold(
            &self.locker(members),
            Operation::Lock,
            settled.opened.envelope.rev,
            engine.nonce(),
        );
        let placing: PlaceMachine =
            PlaceMachine::new(key.clone(), Some(settled), intent, self.settler.clone());
        // From here on it may land, whatever becomes of this future.
        self.doubt(key)?;
        match engine.drive(placing.on_any_version()).await {
            PlaceOutcome::Placed(placed) => self.hold(key, placed),
            PlaceOutcome::Conflict => Ok(()),
            PlaceOutcome::Failed(error) => Err(error),
        }
    }

    fn locker(&self, members: u32) -> Author {
        Author {
            transaction: self.name.clone(),
            home: Home::Record,
            members,
            priority: self.settler.priority.clone().unwrap_or_else(Priority::last),
        }
    }

    fn doubt(&self, key: &Key) -> Result<()> {
        self.with(|state| {
            state.locks.doubtful.insert(key.clone());
            Ok(())
        })
    }

    /// What is locked is read: it cannot change any more.
    fn hold(&self, key: &Key, placed: Placed) -> Result<()> {
        self.with(|state| {
            let fetched = placed.base.as_ref().map(|base| locked(base, &placed));
            state.reads.insert(key.clone(), fetched);
            state.locks.doubtful.remove(key);
            state.locks.placed.insert(key.clone(), placed);
            Ok(())
        })
    }
}

/// The committed version, under the put that bears the lock.
fn locked(base: &Settled, placed: &Placed) -> Fetched {
    let mut settled = base.clone();
    settled.version = placed.version.clone();
    settled.opened.envelope.put = placed.envelope.put;
    settled.bears_intent = true;
    Fetched::from(settled)
}
