//! The waiting in this process: one seat per lock, and a queue before it. Who has the seat holds the lock, or contends with
//! other processes for it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::oneshot, task::JoinHandle};

use super::{Hold, Wish, document::Sight};
use crate::{
    format::{
        Key, Nonce,
        path::{self, EncodedId},
    },
    operation::Engine,
    port::{LockQueue, LockQueueError, QueuedLock},
    protocol::lease::{Claimed, Observation, open_from},
};

/// How many locks a process remembers that nobody in it wants now.
const MOST_REMEMBERED: usize = 1_024;
/// How many attempts a process remembers, per lock, that ended without its knowing whether they hold it.
const MOST_ABANDONED: usize = 16;
/// For how long it believes that a lock is as it released it.
const FREE_FOR: Duration = Duration::from_secs(5);

/// The locks of one open database.
#[derive(Debug, Default)]
pub(crate) struct Hall {
    locks: Mutex<HashMap<Key, Arc<Local>>>,
    process: OnceLock<Nonce>,
    pub(super) queue: Option<Arc<dyn LockQueue>>,
    queue_is_down: AtomicBool,
}

impl Hall {
    pub(crate) fn new(queue: Option<Arc<dyn LockQueue>>) -> Self {
        Self {
            queue,
            ..Self::default()
        }
    }

    pub(super) fn process(&self, engine: &Engine) -> Nonce {
        *self.process.get_or_init(|| engine.nonce())
    }

    /// Whether there is a queue that answers, as far as is known.
    pub(super) fn has_queue(&self) -> bool {
        self.queue.is_some() && !self.queue_is_down.load(Ordering::Relaxed)
    }

    /// The lock with this name.
    pub(super) fn local(&self, engine: &Engine, name: &EncodedId) -> Arc<Local> {
        let mut locks = lock(&self.locks);
        let key = path::lock(name);
        if locks.len() >= MOST_REMEMBERED && !locks.contains_key(&key) {
            locks.retain(|_, local| Arc::strong_count(local) > 1);
        }
        let new = || Arc::new(Local::new(engine, name, key.clone()));
        locks.entry(key.clone()).or_insert_with(new).clone()
    }

    /// Says once that the queue cannot be used, and once that it can again.
    pub(super) fn note_queue<T>(&self, answer: Result<T, LockQueueError>) -> Option<T> {
        let is_down = answer.is_err();
        let was_down = self.queue_is_down.swap(is_down, Ordering::Relaxed);
        match answer {
            Err(error) if !was_down => {
                tracing::warn!(%error, "waiting for locks falls back to looking at them");
                None
            }
            answer => answer.ok(),
        }
    }
}

/// One lock, as this process knows it.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) name: EncodedId,
    pub(super) key: Key,
    pub(super) queued: QueuedLock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    waiting: VecDeque<Waiter>,
    observed: Option<Observation>,
    /// What this process left when it released the lock, and when.
    free: Option<(Sight, Duration)>,
    abandoned: VecDeque<Nonce>,
    batch: Batch,
    /// Gives up the last place of this process in the queue that it shares with others.
    leaving: Option<JoinHandle<()>>,
    /// Until when this process stays back, so that others get the lock.
    stays_back_until: Duration,
}

/// How often the lock goes from hand to hand in this process before others get it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Batch {
    left: usize,
    pub(super) began: Duration,
}

/// The most hand-overs of one batch.
const LARGEST_BATCH: usize = 64;

/// Somebody in this process who waits for the lock.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) wish: Wish,
    turn: oneshot::Sender<Turn>,
}

/// What a waiter waits for.
#[derive(Debug)]
pub(super) enum Turn {
    /// It is the next of this process to contend.
    Seat(Seat),
    /// The lock was handed over.
    Held(Hold),
}

impl Waiter {
    /// Gives the turn; a waiter that is gone gives it back by dropping it.
    pub(super) fn give(self, turn: Turn) {
        drop(self.turn.send(turn));
    }
}

impl Local {
    fn new(engine: &Engine, name: &EncodedId, key: Key) -> Self {
        Self {
            name: name.clone(),
            key,
            queued: QueuedLock {
                database: engine.database.id,
                name: name.as_str().to_owned(),
            },
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The seat, if nobody has it.
    pub(super) fn try_seat(self: &Arc<Self>) -> Option<Seat> {
        let mut state = self.state();
        (!std::mem::replace(&mut state.is_taken, true)).then(|| Seat::of(self))
    }

    /// Waits for the seat behind those who came before.
    pub(super) async fn queue(self: &Arc<Self>, wish: &Wish) -> Turn {
        loop {
            let turn = match self.join(wish) {
                Ok(seat) => return Turn::Seat(seat),
                Err(turn) => turn,
            };
            if let Ok(turn) = turn.await {
                return turn;
            }
        }
    }

    fn join(self: &Arc<Self>, wish: &Wish) -> Result<Seat, oneshot::Receiver<Turn>> {
        let mut state = self.state();
        if !state.is_taken {
            state.is_taken = true;
            return Ok(Seat::of(self));
        }
        let (turn, receiver) = oneshot::channel();
        let wish = wish.clone();
        state.waiting.push_back(Waiter { wish, turn });
        Err(receiver)
    }

    /// The next one that still waits.
    fn pop(&self) -> Option<Waiter> {
        let mut state = self.state();
        loop {
            let waiter = state.waiting.pop_front()?;
            if !waiter.turn.is_closed() {
                return Some(waiter);
            }
        }
    }

    /// What is known of the lock after it was seen so at `now`: from when on it may be taken.
    pub(super) fn observe(&self, engine: &Engine, sight: &Sight, now: Duration) -> Duration {
        let mut state = self.state();
        let seen = Observation::after(state.observed, sight.put(), now);
        state.observed = Some(seen);
        let is_abandoned = sight.write().is_some_and(|write| {
            let process = sight.holder.as_ref().map(|holder| holder.process);
            process == Some(engine.locks.process(engine)) && state.abandoned.contains(&write)
        });
        let claimed = match is_abandoned {
            true => Claimed::Abandoned,
            false => sight.claimed(),
        };
        open_from(&seen, claimed)
    }

    /// Nobody in this process holds the lock by this attempt, whatever its document says.
    pub(super) fn abandon(&self, write: Nonce) {
        let mut state = self.state();
        if state.abandoned.len() == MOST_ABANDONED {
            state.abandoned.pop_front();
        }
        state.abandoned.push_back(write);
    }

    pub(super) fn remember_free(&self, sight: Sight, now: Duration) {
        self.state().free = Some((sight, now));
    }

    /// The document as this process released it a moment ago.
    pub(super) fn take_free(&self, now: Duration) -> Option<Sight> {
        let (sight, since) = self.state().free.take()?;
        (now.saturating_sub(since) <= FREE_FOR).then_some(sight)
    }

    pub(super) fn begin_batch(&self, began: Duration) -> Batch {
        let mut state = self.state();
        let left = state.waiting.len().min(LARGEST_BATCH);
        state.batch = Batch { left, began };
        state.batch
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.state().waiting.is_empty()
    }

    /// The next of this process, as long as the batch lasts.
    pub(super) fn next_of_batch(&self) -> Option<Waiter> {
        {
            let mut state = self.state();
            state.batch.left = state.batch.left.checked_sub(1)?;
        }
        self.pop()
    }

    pub(super) fn batch(&self) -> Batch {
        self.state().batch
    }

    pub(super) fn note_leaving(&self, leaving: JoinHandle<()>) {
        self.state().leaving = Some(leaving);
    }

    /// Returns once this process has no place in the queue any more. Else a wake that it sends could be its own.
    pub(super) async fn left(&self) {
        let leaving = self.state().leaving.take();
        if let Some(leaving) = leaving {
            drop(leaving.await);
        }
    }

    pub(super) fn stay_back(&self, until: Duration) {
        self.state().stays_back_until = until;
    }

    pub(super) fn stays_back_until(&self) -> Duration {
        self.state().stays_back_until
    }

    /// The lock is held by nobody here and contended for by nobody here: the next one may.
    fn pass_on(self: &Arc<Self>) {
        let next = {
            let mut state = self.state();
            state.waiting.retain(|waiter| !waiter.turn.is_closed());
            let next = state.waiting.pop_front();
            state.is_taken = next.is_some();
            next
        };
        // Outside of the lock: a waiter that went away meanwhile drops the seat, which comes back here.
        if let Some(next) = next {
            next.give(Turn::Seat(Seat::of(self)));
        }
    }
}

/// The right of one in this process to hold the lock or to contend for it. Dropped, it goes to the next one.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(super) local: Arc<Local>,
}

impl Seat {
    fn of(local: &Arc<Local>) -> Self {
        Self {
            local: local.clone(),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.local.pass_on();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
