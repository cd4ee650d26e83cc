//! Many items side by side: never more at once than the limit, one result each, and an account that stays true when the
//! batch is cancelled or dropped.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::oneshot;

use crate::{
    ErrorKind,
    error::{Code, Error, Result},
    format::path::EncodedId,
};

/// What became of one item of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ItemState {
    /// Nothing was sent for it.
    #[default]
    NotBegun,
    /// It is under way.
    Running,
    /// It succeeded.
    Done,
    /// It failed, and nothing happened.
    Failed,
    /// It may have happened: the store did not say, or the batch was dropped while it was under way.
    Unknown,
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many items there are, where the batch knows it before it comes to the end.
    pub total: Option<u64>,
    /// How many succeeded.
    pub done: u64,
    /// How many failed without effect.
    pub failed: u64,
    /// Of how many it is not known whether they happened.
    pub unknown: u64,
    /// The sizes of the documents that were read or written, as they are stored. What is deleted counts nothing.
    pub bytes: u64,
}

impl Progress {
    /// How many items have ended in any way.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.done + self.failed + self.unknown
    }

    fn count(&mut self, state: ItemState) {
        match state {
            ItemState::Done => self.done += 1,
            ItemState::Failed => self.failed += 1,
            ItemState::Unknown => self.unknown += 1,
            ItemState::NotBegun | ItemState::Running => {}
        }
    }
}

/// A look at one batch from outside, also after its future was dropped; and the way to cancel it.
///
/// Cheap to clone. It belongs to one batch: give every batch its own.
///
/// ```
/// use smarterbase_core::operation::batch::BatchHandle;
/// let handle = BatchHandle::new();
/// // User::create_many(&db, users).with_handle(&handle).await
/// handle.cancel();
/// assert!(handle.states().is_empty()); // nothing has begun
/// ```
#[derive(Clone, Debug, Default)]
pub struct BatchHandle {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    is_cancelled: AtomicBool,
    account: Mutex<Account>,
}

#[derive(Debug, Default)]
struct Account {
    states: Vec<ItemState>,
    progress: Progress,
}

impl BatchHandle {
    /// A handle for one batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins no further item. Those under way end, and have their results; the others get
    /// [`Refused`](ErrorKind::Refused) (`SB-CANCELLED`).
    pub fn cancel(&self) {
        self.shared.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.shared.is_cancelled.load(Ordering::Relaxed)
    }

    /// How far the batch is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.account().progress
    }

    /// What became of each item, in request order. Items after the last one of the list have not begun.
    ///
    /// After the batch's future was dropped, what was under way is [`Unknown`](ItemState::Unknown): a write goes on by
    /// itself, and nobody waits for its reply.
    #[must_use]
    pub fn states(&self) -> Vec<ItemState> {
        self.account().states.clone()
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.shared
            .account
            .lock()
            .expect("no panic while holding the lock")
    }

    fn set(&self, position: usize, state: ItemState, bytes: u64) {
        let mut account = self.account();
        if account.states.len() <= position {
            account.states.resize(position + 1, ItemState::NotBegun);
        }
        account.states[position] = state;
        account.progress.count(state);
        account.progress.bytes += bytes;
    }
}

/// One item of a batch: what to run, and after whom. The future gives the result and the bytes that it moved.
pub(crate) struct Job<'a, R> {
    pub(crate) turn: Turn,
    pub(crate) run: BoxFuture<'a, Result<(R, u64)>>,
}

/// The items of one document run one after the other, in request order.
#[derive(Default)]
pub(crate) struct Turns {
    last: HashMap<EncodedId, oneshot::Receiver<()>>,
}

/// A place behind the items of the same document. The next one goes on when it is dropped.
#[derive(Default)]
pub(crate) struct Turn {
    before: Option<oneshot::Receiver<()>>,
    _end: Option<oneshot::Sender<()>>,
}

impl Turns {
    pub(crate) fn join(&mut self, id: &EncodedId) -> Turn {
        let (end, ended) = oneshot::channel();
        Turn {
            before: self.last.insert(id.clone(), ended),
            _end: Some(end),
        }
    }
}

/// What a batch tells while it runs.
pub(crate) type OnProgress<'a> = Box<dyn FnMut(Progress) + Send + 'a>;

/// Runs `jobs`, at most `at_once` at the same time, and gives one result each, in their order.
pub(crate) async fn run<'a, R>(
    mut jobs: impl Iterator<Item = Job<'a, R>>,
    at_once: usize,
    handle: &BatchHandle,
    on_progress: &mut OnProgress<'_>,
) -> Vec<Result<R>> {
    let (least, most) = jobs.size_hint();
    handle.account().progress.total = most.filter(|most| *most == least).map(|most| most as u64);
    let mut results: Vec<Option<Result<R>>> = Vec::new();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < at_once && !handle.is_cancelled() {
            let Some(job) = jobs.next() else {
                break;
            };
            running.push(item(handle, results.len(), job));
            results.push(None);
        }
        let Some((position, result)) = running.next().await else {
            break;
        };
        results[position] = Some(result);
        on_progress(handle.progress());
    }
    // Only a cancelled batch has any left.
    results.extend(jobs.map(|_| Some(Err(cancelled()))));
    results
        .into_iter()
        .map(|result| result.expect("every item that began has ended"))
        .collect()
}

async fn item<R>(handle: &BatchHandle, position: usize, job: Job<'_, R>) -> (usize, Result<R>) {
    let Turn { before, _end } = job.turn;
    if let Some(before) = before {
        // It says nothing: its sender is dropped when the item before has ended.
        let _ = before.await;
    }
    if handle.is_cancelled() {
        handle.set(position, ItemState::NotBegun, 0);
        return (position, Err(cancelled()));
    }
    let guard = Underway::begin(handle, position);
    let result = job.run.await;
    (position, guard.end(result))
}

/// An item under way: dropped before its end, nobody knows what became of it.
struct Underway<'a> {
    handle: &'a BatchHandle,
    position: usize,
    has_ended: bool,
}

impl<'a> Underway<'a> {
    fn begin(handle: &'a BatchHandle, position: usize) -> Self {
        handle.set(position, ItemState::Running, 0);
        Self {
            handle,
            position,
            has_ended: false,
        }
    }

    fn end<R>(mut self, result: Result<(R, u64)>) -> Result<R> {
        self.has_ended = true;
        let (state, bytes) = match &result {
            Ok((_, bytes)) => (ItemState::Done, *bytes),
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => (ItemState::Unknown, 0),
            Err(_) => (ItemState::Failed, 0),
        };
        self.handle.set(self.position, state, bytes);
        result.map(|(value, _)| value)
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.handle.set(self.position, ItemState::Unknown, 0);
        }
    }
}

/// What an item gets that never began.
pub(crate) fn cancelled() -> Error {
    Error::new(
        Code::CANCELLED,
        "the batch was cancelled before this item began; nothing was done for it",
    )
}
