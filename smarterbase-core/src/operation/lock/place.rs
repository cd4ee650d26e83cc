//! The place of this process in the queue that it shares with others, where there is one.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;

use super::hall::Local;
use crate::{format::Nonce, operation::Engine};

/// How often a waiter says that it is there, and looks at the lock whether or not it was woken.
pub(super) const HEARTBEAT: Duration = Duration::from_millis(500);
/// A waiter that is silent for so long loses its place.
const KEEP: Duration = Duration::from_secs(3);

/// A place in the queue. Dropped, it is given up.
#[derive(Debug)]
pub(super) struct Place {
    engine: Arc<Engine>,
    local: Arc<Local>,
    waiter: Option<Nonce>,
    /// Whether the lock was not taken, and so is the next one's.
    passes_on: bool,
}

impl Place {
    pub(super) fn none(engine: &Arc<Engine>, local: &Arc<Local>) -> Self {
        Self {
            engine: engine.clone(),
            local: local.clone(),
            waiter: None,
            passes_on: true,
        }
    }

    /// Takes a place, or keeps it. Gives how many are before it; `None` where there is no queue to be used.
    pub(super) async fn enter(&mut self) -> Option<u64> {
        let hall = &self.engine.locks;
        let queue = hall.queue.as_ref()?;
        let waiter = *self.waiter.get_or_insert_with(|| self.engine.nonce());
        let entered = queue.enter(&self.local.queued, waiter, KEEP).await;
        hall.note_queue(entered)
    }

    /// Returns when it was woken, or after `longest`.
    pub(super) async fn wait(&self, longest: Duration) {
        if let (Some(queue), Some(waiter)) = (&self.engine.locks.queue, self.waiter) {
            queue.wait(waiter, longest).await;
        }
    }

    /// The lock was taken.
    pub(super) fn succeed(mut self) {
        self.passes_on = false;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter else { return };
        let Some(queue) = self.engine.locks.queue.clone() else {
            return;
        };
        let (local, passes_on) = (self.local.clone(), self.passes_on);
        let engine = self.engine.clone();
        let leaving = async move {
            let left = queue.leave(&local.queued, waiter, passes_on).await;
            engine.locks.note_queue(left);
        };
        // Where there is no runtime, the place lapses.
        if let Ok(runtime) = Handle::try_current() {
            let leaving = self.engine.tasks.spawn_on(leaving, &runtime);
            self.local.note_leaving(leaving);
        }
    }
}

/// Wakes the first one in the queue.
pub(super) async fn wake(engine: &Engine, local: &Local) {
    if let Some(queue) = &engine.locks.queue {
        local.left().await;
        let woken = queue.wake(&local.queued).await;
        engine.locks.note_queue(woken);
    }
}

/// How many processes wait; `None` where nobody can tell.
pub(super) async fn waiting(engine: &Engine, local: &Local) -> Option<u64> {
    let queue = engine.locks.queue.as_ref()?;
    local.left().await;
    let waiting = queue.waiting(&local.queued).await;
    engine.locks.note_queue(waiting)
}
