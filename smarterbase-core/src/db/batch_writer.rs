//! A writer that gathers single writes into batches: bounded by items, bytes and time, with an account of every item.

mod held;

use std::{ops::Range, sync::Arc, time::Duration};

use tokio::sync::{Mutex, OwnedMutexGuard};

use self::held::{Held, Item};
use super::{Db, Handle};
use crate::{
    document::{Document, IntoDocument, Stored},
    error::{Code, Error, Result},
    operation::{Engine, View, verb::create},
};

/// The number of one write of a [`BatchWriter`], from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

impl Ticket {
    /// The number: how many writes were handed in before.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// What became of the writes since the last report.
#[derive(Debug)]
pub struct WriteReport {
    /// The numbers of the writes that it is about.
    pub tickets: Range<u64>,
    /// The writes that failed, in the order of their tickets. All others are durable.
    pub failures: Vec<(Ticket, Error)>,
}

impl WriteReport {
    /// How many writes are durable.
    #[must_use]
    pub fn written(&self) -> u64 {
        let all = self.tickets.end - self.tickets.start;
        all - self.failures.len() as u64
    }

    /// What became of one write; `None` when another report has it.
    #[must_use]
    pub fn result(&self, ticket: Ticket) -> Option<Result<(), &Error>> {
        if !self.tickets.contains(&ticket.0) {
            return None;
        }
        let failure = self.failures.iter().find(|(failed, _)| *failed == ticket);
        Some(failure.map_or(Ok(()), |(_, error)| Err(error)))
    }
}

/// Gathers creates, upserts, saves and deletes, and writes them side by side when there are enough of them, when they are old
/// enough, or when [`flush`](Self::flush) says so.
///
/// It holds a bounded number of writes: whoever hands in the one that fills it waits until all of them are written (back
/// pressure). Writes of one document happen in the order in which they were handed in. At most
/// [`Limits::concurrent_reads`](crate::operation::limits::Limits::concurrent_reads) run at the same time. It is no transaction.
///
/// **What was handed in is written for certain only after [`flush`](Self::flush) or [`close`](Self::close).** A writer that is
/// dropped loses what it holds, and says so in the log (a warning).
///
/// ```
/// # use smarterbase_core::{db::{Db, DocumentExt}, document::{Document, IntoDocument}, Result};
/// # async fn example<T: Document>(db: &Db, new: Vec<T>) -> Result<()> {
/// let writer = T::batch_writer(db).max_items(200);
/// for document in new {
///     writer.create(document).await?;
/// }
/// let report = writer.close().await;
/// for (ticket, error) in &report.failures {
///     eprintln!("write {} failed: {error}", ticket.number());
/// }
/// # Ok(()) }
/// ```
#[must_use = "a batch writer that is dropped loses what it holds: call `close`"]
pub struct BatchWriter<T: Document> {
    engine: Arc<Engine>,
    _handle: Handle,
    limits: Limits,
    held: Arc<Mutex<Held<T>>>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    items: usize,
    bytes: usize,
    delay: Duration,
    failures: usize,
}

impl<T: Document> std::fmt::Debug for BatchWriter<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BatchWriter")
            .field("collection", &T::SPEC.collection)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl<T: Document> BatchWriter<T> {
    pub(crate) fn new(db: &Db) -> Self {
        let held = Held {
            engine: db.engine.clone(),
            items: Vec::new(),
            bytes: 0,
            next: 0,
            reported: 0,
            failures: Vec::new(),
            underway: None,
            timer: None,
        };
        Self {
            engine: db.engine.clone(),
            _handle: db.handle.clone(),
            limits: Limits {
                items: 500,
                bytes: 8 * 1024 * 1024,
                delay: Duration::from_secs(1),
                failures: 1_000,
            },
            held: Arc::new(Mutex::new(held)),
        }
    }

    /// Writes when it holds this many items (500).
    pub fn max_items(mut self, items: usize) -> Self {
        self.limits.items = items.max(1);
        self
    }

    /// Writes when the JSON of what it holds has this many bytes (8 MiB).
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = bytes;
        self
    }

    /// Writes when the oldest item that it holds is this old (1 s), by itself.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.limits.delay = delay;
        self
    }

    /// Takes no further writes once so many have failed that no report told of (1,000).
    pub fn max_failures(mut self, failures: usize) -> Self {
        self.limits.failures = failures.max(1);
        self
    }

    /// Creates a document that must not be there yet. The automatic fields are filled now.
    ///
    /// # Errors
    /// [`Refused`](crate::ErrorKind::Refused): the database takes no writes; or (`SB-TOO-MANY`) too many writes failed, and
    /// [`flush`](Self::flush) tells which. The write was not taken.
    pub async fn create(&self, new: impl IntoDocument<T>) -> Result<Ticket> {
        let made = create::made(&View::plain(self.engine.clone()), new);
        self.add(json_bytes(&made), Item::Create(made)).await
    }

    /// Creates a document, or replaces the one with its key.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn upsert(&self, new: impl IntoDocument<T>) -> Result<Ticket> {
        let made = create::made(&View::plain(self.engine.clone()), new);
        self.add(json_bytes(&made), Item::Upsert(made)).await
    }

    /// Writes a loaded document back, if nobody changed it since it was read.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn save(&self, document: Stored<T>) -> Result<Ticket> {
        self.add(json_bytes(&*document), Item::Save(Box::new(document)))
            .await
    }

    /// Deletes a document whatever its revision; one that is not there is no failure.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn delete(&self, key: &T::Key) -> Result<Ticket> {
        self.add(0, Item::Delete(key.clone())).await
    }

    /// Writes everything that was handed in before, and tells what became of all writes since the last report. Dropping the
    /// future does not stop them, and the next report has them.
    pub async fn flush(&self) -> WriteReport {
        let held = self.lock().await;
        self.write_out(held).await;
        self.lock().await.report()
    }

    /// [`flush`](Self::flush), and the end of the writer.
    pub async fn close(self) -> WriteReport {
        self.flush().await
    }

    async fn add(&self, bytes: usize, item: Item<T>) -> Result<Ticket> {
        self.engine.check_writable()?;
        let mut held = self.lock().await;
        if held.failures.len() >= self.limits.failures {
            return Err(too_many::<T>(held.failures.len()));
        }
        let ticket = Ticket(held.next);
        held.next += 1;
        held.bytes += bytes;
        held.items.push((ticket, item));
        if held.items.len() >= self.limits.items || held.bytes >= self.limits.bytes {
            self.write_out(held).await;
        } else if held.items.len() == 1 {
            self.start_timer(&mut held);
        }
        Ok(ticket)
    }

    async fn lock(&self) -> OwnedMutexGuard<Held<T>> {
        let mut held = self.held.clone().lock_owned().await;
        held.mourn();
        held
    }

    /// On a task of its own, so that a caller that goes away leaves no half of a batch behind. A task that died is found by
    /// whoever comes next.
    async fn write_out(&self, mut held: OwnedMutexGuard<Held<T>>) {
        let writing = async move { held.write_out().await };
        let _ = self.engine.tasks.spawn(writing).await;
    }

    fn start_timer(&self, held: &mut Held<T>) {
        let (engine, delay) = (self.engine.clone(), self.limits.delay);
        let weak = Arc::downgrade(&self.held);
        let waiting = self.engine.tasks.spawn(async move {
            let closing = engine.medic.closing();
            tokio::select! {
                () = engine.clock.sleep(delay) => {}
                () = closing.cancelled() => {}
            }
            if let Some(held) = weak.upgrade() {
                held.lock_owned().await.write_out().await;
            }
        });
        if let Some(earlier) = held.timer.replace(waiting.abort_handle()) {
            earlier.abort();
        }
    }
}

impl<T: Document> Drop for BatchWriter<T> {
    fn drop(&mut self) {
        // Locked, it is being written, and holds nothing else.
        let Ok(mut held) = self.held.try_lock() else {
            return;
        };
        if let Some(timer) = held.timer.take() {
            timer.abort();
        }
        let (lost, failed) = (held.items.len(), held.failures.len());
        held.items.clear();
        if lost > 0 || failed > 0 {
            tracing::warn!(
                collection = T::SPEC.collection,
                lost,
                failed,
                "a batch writer was dropped with writes that nobody waited for"
            );
        }
    }
}

/// How many bytes the document has as JSON. What cannot be serialized fails when it is written.
fn json_bytes<T: Document>(value: &T) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

fn too_many<T: Document>(failures: usize) -> Error {
    let text = format!(
        "{failures} writes of the batch writer failed and no report told of them; call `flush`, or raise `max_failures`"
    );
    Error::new(Code::TOO_MANY, text)
        .in_collection(T::SPEC.collection)
        .during("batch_writer")
}
