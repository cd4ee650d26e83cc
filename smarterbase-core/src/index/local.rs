//! Index entries in one file of this machine (`redb`): for one process on one disk, which has the file to itself.
//!
//! ```no_run
//! use std::sync::Arc;
//! use smarterbase_core::{db::Db, index::{LocalIndex, LocalOptions}, store::{FileOptions, FileStore}};
//!
//! # async fn example() -> smarterbase_core::Result<()> {
//! let store = FileStore::open("./data", FileOptions::default()).await?;
//! let index = LocalIndex::open("./data/.sb/index.redb", LocalOptions::default()).await?;
//! let db = Db::builder().store(Arc::new(store)).index(Arc::new(index)).open().await?;
//! # db.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! Changes of many writers share a transaction, and transactions become durable once a second. In between the file says
//! that it is not whole. So after a crash or a power loss nothing in it is believed, and it is rebuilt from the documents;
//! see `docs/decisions/0013-local-index.md`.

mod apply;
mod backend;
mod calls;
mod codec;
mod file;
mod life;
mod manifest;
mod queue;
mod read;
mod session;
mod sync;
mod tables;
#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use tokio::sync::{RwLock, Semaphore};

use self::{
    file::{Facts, File, Opening, Place},
    queue::Queue,
    session::{Anchor, Session},
};
use crate::{
    error::{Code, Error, Result},
    format::path::EncodedId,
    port::{Clock, IndexError, Rng, SystemClock, SystemRng, index::IndexedCollection},
};

/// What stands before the nonce in the name of an instance (rule S6).
const INSTANCE: &str = "local:";
/// How many changes wait at the same time for their transaction; more callers wait before they hand theirs over.
const WAITING: usize = 1_024;

/// The index backend `local`. Clones share the file.
///
/// `Db::close` of the last database that uses it closes it for good. Where it is dropped instead, the
/// last clone waits for the disk.
#[derive(Clone, Debug)]
pub struct LocalIndex {
    inner: Arc<Inner>,
}

/// How the file is opened.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// Opens a file that is there, beside other readers, and never writes to it. A process that writes has it to itself.
    pub read_only: bool,
    /// How many bytes of the file are kept in memory (64 MiB).
    pub cache: usize,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where the names of sessions come from.
    pub rng: Arc<dyn Rng>,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            read_only: false,
            cache: 64 << 20,
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
        }
    }
}

#[derive(Debug)]
struct Inner {
    file: File,
    queue: Queue,
    /// Held shared by every change that is under way, so that a session does not end below it.
    session: Arc<RwLock<Session>>,
    /// Whether what the file held when it was opened may be believed, or was forgotten.
    is_trusted: AtomicBool,
    /// The nonce of the file, and what it said of its last session.
    facts: Mutex<Facts>,
    anchor: Mutex<Option<Anchor>>,
    /// Held from the look at whom the file belongs to until that is settled.
    attaching: tokio::sync::Mutex<()>,
    /// How many databases of this process are open with it.
    databases: AtomicU64,
    waiting: Arc<Semaphore>,
    /// How many transactions were applied: whether anything happened since somebody looked.
    transactions: AtomicU64,
    is_syncing: AtomicBool,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl LocalIndex {
    /// The name in the catalog.
    pub const NAME: &'static str = "local";

    /// Opens the file, and makes it with its folder where it is missing. One that a crash damaged is made anew.
    ///
    /// # Errors
    /// - [`Misconfigured`](crate::ErrorKind::Misconfigured): another process has it, or it is no index.
    /// - [`Denied`](crate::ErrorKind::Denied), [`Refused`](crate::ErrorKind::Refused) (the disk is full),
    ///   [`Unavailable`](crate::ErrorKind::Unavailable): as the disk says.
    pub async fn open(path: impl Into<PathBuf>, options: LocalOptions) -> Result<Self> {
        Self::open_at(Place::Path(path.into()), options).await
    }

    /// An index in memory, which lives as long as the process. For stores in memory, and for tests.
    ///
    /// # Errors
    /// None that is known.
    pub async fn in_memory(options: LocalOptions) -> Result<Self> {
        Self::open_at(Place::Memory, options).await
    }

    async fn open_at(place: Place, options: LocalOptions) -> Result<Self> {
        let opening = Opening {
            place,
            cache: options.cache,
            read_only: options.read_only,
        };
        let fresh = options.rng.nonce();
        let opened = tokio::task::spawn_blocking(move || File::open(opening, fresh)).await;
        let (file, facts) = opened.map_err(|error| {
            Error::new(Code::UNAVAILABLE, "the opening of the index was cut off").with_source(error)
        })??;
        Ok(Self {
            inner: Arc::new(Inner {
                file,
                queue: Queue::default(),
                session: Arc::new(RwLock::new(Session::Idle)),
                is_trusted: AtomicBool::new(facts.session.is_none()),
                facts: Mutex::new(facts),
                anchor: Mutex::default(),
                attaching: tokio::sync::Mutex::default(),
                databases: AtomicU64::new(0),
                waiting: Arc::new(Semaphore::new(WAITING)),
                transactions: AtomicU64::new(0),
                is_syncing: AtomicBool::new(false),
                clock: options.clock,
                rng: options.rng,
            }),
        })
    }

    /// Up to `limit` documents whose last announcement is at least `older_than` old and whose outcome nobody told: their
    /// writers crashed, or are still at it. Oldest first.
    ///
    /// Reading such a document and committing what the store says ([`Outcome::Restore`](crate::port::index::Outcome))
    /// resolves it.
    ///
    /// # Errors
    /// As [`IndexStore::announce`](crate::port::IndexStore::announce).
    pub async fn dirty(
        &self,
        collection: &IndexedCollection,
        older_than: Duration,
        limit: usize,
    ) -> std::result::Result<Vec<EncodedId>, IndexError> {
        let collection = collection.clone();
        let age = i64::try_from(older_than.as_millis()).unwrap_or(i64::MAX);
        let before = self.inner.now().saturating_sub(age);
        self.inner
            .read(move |file| read::unresolved(file, &collection, before, limit))
            .await
    }
}

impl Inner {
    fn now(&self) -> i64 {
        self.clock.now().as_milliseconds()
    }

    fn anchor(&self) -> std::sync::MutexGuard<'_, Option<Anchor>> {
        self.anchor.lock().expect("no panic while holding the lock")
    }

    fn facts(&self) -> std::sync::MutexGuard<'_, Facts> {
        self.facts.lock().expect("no panic while holding the lock")
    }
}
