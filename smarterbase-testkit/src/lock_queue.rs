//! A [`LockQueue`] in memory, shared by its clones: for simulations, and as the measure of the contract.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use smarterbase_core::{
    format::Nonce,
    port::{Clock, LockQueue, LockQueueError, QueuedLock},
};
use tokio::sync::Notify;

/// A queue in memory. Clones share it, as processes share a Redis.
#[derive(Clone, Debug)]
pub struct MemoryLockQueue {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_down: bool,
    queues: HashMap<QueuedLock, VecDeque<Waiting>>,
    wakes: HashMap<Nonce, Arc<Notify>>,
}

#[derive(Debug)]
struct Waiting {
    waiter: Nonce,
    /// Until when it is believed to be there.
    until: Duration,
}

impl MemoryLockQueue {
    /// An empty queue.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Arc::default(),
        }
    }

    /// Forgets everybody, as a flushed Redis does.
    pub fn forget(&self) {
        self.state().queues.clear();
    }

    /// Answers nothing but errors, or answers again.
    pub fn set_down(&self, is_down: bool) {
        self.state().is_down = is_down;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn use_state(&self) -> Result<MutexGuard<'_, State>, LockQueueError> {
        let state = self.state();
        match state.is_down {
            true => Err(LockQueueError("the queue is down".to_owned())),
            false => Ok(state),
        }
    }
}

impl State {
    /// The queue of a lock, without those at its head that were silent for too long.
    fn queue(&mut self, lock: &QueuedLock, now: Duration) -> &mut VecDeque<Waiting> {
        let queue = self.queues.entry(lock.clone()).or_default();
        while queue.front().is_some_and(|first| first.until < now) {
            queue.pop_front();
        }
        queue
    }

    fn wake_first(&mut self, lock: &QueuedLock, now: Duration) {
        let first = self.queue(lock, now).front().map(|first| first.waiter);
        if let Some(wake) = first.and_then(|first| self.wakes.get(&first)) {
            wake.notify_one();
        }
    }
}

#[async_trait]
impl LockQueue for MemoryLockQueue {
    async fn enter(
        &self,
        lock: &QueuedLock,
        waiter: Nonce,
        keep: Duration,
    ) -> Result<u64, LockQueueError> {
        let now = self.clock.elapsed();
        let mut state = self.use_state()?;
        state.wakes.entry(waiter).or_default();
        let queue = state.queue(lock, now);
        let until = now + keep;
        let place = queue.iter().position(|waiting| waiting.waiter == waiter);
        let place = place.unwrap_or(queue.len());
        match queue.get_mut(place) {
            Some(waiting) => waiting.until = until,
            None => queue.push_back(Waiting { waiter, until }),
        }
        Ok(place as u64)
    }

    async fn wait(&self, waiter: Nonce, longest: Duration) {
        let wake = self.state().wakes.entry(waiter).or_default().clone();
        tokio::select! {
            () = wake.notified() => {}
            () = self.clock.sleep(longest) => {}
        }
    }

    async fn leave(
        &self,
        lock: &QueuedLock,
        waiter: Nonce,
        passes_on: bool,
    ) -> Result<(), LockQueueError> {
        let now = self.clock.elapsed();
        self.state().wakes.remove(&waiter);
        let mut state = self.use_state()?;
        let queue = state.queue(lock, now);
        let was_first = queue.front().is_some_and(|first| first.waiter == waiter);
        queue.retain(|waiting| waiting.waiter != waiter);
        if was_first && passes_on {
            state.wake_first(lock, now);
        }
        Ok(())
    }

    async fn wake(&self, lock: &QueuedLock) -> Result<(), LockQueueError> {
        let now = self.clock.elapsed();
        self.use_state()?.wake_first(lock, now);
        Ok(())
    }

    async fn waiting(&self, lock: &QueuedLock) -> Result<u64, LockQueueError> {
        let now = self.clock.elapsed();
        Ok(self.use_state()?.queue(lock, now).len() as u64)
    }
}
