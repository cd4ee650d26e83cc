//! Locks: what an attempt takes that lost too often, on everything that the attempt before it touched.
//!
//! In the order of the keys, each waiting for others by priority. What is locked keeps its version until the attempt is
//! decided, so the oldest transaction gets through.

use std::{sync::Arc, time::Duration};

use super::{Attempt, clear};
use crate::{
    error::{Error, Result},
    format::{
        Key,
        intent::{Author, Home, Intent, Operation},
    },
    operation::{Engine, read::Fetched},
    protocol::{PlaceMachine, Placed, SettleMachine, Settled, place::PlaceOutcome},
};

/// More objects than this are not locked.
const MOST_LOCKS: usize = 256;

impl Attempt {
    /// Locks what is there of `keys`, until `until` by the engine's clock. What cannot be locked is left: the attempt is then
    /// as any other.
    pub(crate) async fn lock(&self, keys: Vec<Key>, until: Duration) {
        if keys.len() > MOST_LOCKS {
            return;
        }
        let members = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        for key in keys {
            if self.engine().clock.elapsed() >= until {
                return;
            }
            if let Err(error) = self.lock_one(&key, members).await {
                tracing::debug!(%error, "an object was not locked");
                // Its lock may land yet: whoever clears the attempt looks there too.
                let doubted = self.with(|state| {
                    state.doubtful.push(key);
                    Ok(())
                });
                return drop(doubted);
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
            priority: self
                .settler
                .priority
                .clone()
                .unwrap_or_else(|| crate::format::intent::Priority(u64::MAX, String::new())),
        }
    }

    /// What is locked is read: it cannot change any more.
    fn hold(&self, key: &Key, placed: Placed) -> Result<()> {
        self.with(|state| {
            let fetched = placed.base.as_ref().map(|base| locked(base, &placed));
            state.reads.insert(key.clone(), fetched);
            state.locks.insert(key.clone(), placed);
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

impl Drop for Attempt {
    /// A transaction whose future is dropped while its closure runs gives its locks back.
    fn drop(&mut self) {
        let Some(closed) = self.take_state() else {
            return;
        };
        let is_bare = closed.locks.is_empty() && closed.doubtful.is_empty();
        if is_bare || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let engine: Arc<Engine> = self.engine().clone();
        let tasks = engine.tasks.clone();
        tasks.spawn(async move { clear::abandon(&engine, closed).await });
    }
}
