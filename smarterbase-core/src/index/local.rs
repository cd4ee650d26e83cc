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
mod codec;
mod file;
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
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::{
    FutureExt,
    future::{Either, select},
};
use redb::Durability;
use tokio::sync::{OwnedRwLockReadGuard, RwLock, Semaphore};

use self::{
    apply::Tables,
    file::{Facts, File, Opened, Opening, Place},
    queue::{Job, Queue},
    session::{Anchor, Found, Session},
    tables::{Failure, fact, lost},
};
use crate::{
    error::{Code, Error, Result},
    format::{Nonce, index_key::ValueRange, path::EncodedId},
    port::{
        Clock, IndexError, IndexStore, Rng, SystemClock, SystemRng,
        index::{
            Announcement, Commit, Hit, Host, IndexEntry, IndexedCollection, Manifests, Placed,
            Presence, Scan, ScanPage,
        },
    },
};

/// What stands before the nonce in the name of an instance (rule S6).
const INSTANCE: &str = "local:";
/// How long a call may take, the wait for its turn included.
const DEADLINE: Duration = Duration::from_secs(10);
/// How many changes wait at the same time for their transaction; more callers wait before they hand theirs over.
const WAITING: usize = 1_024;
/// Up to here an estimate counts.
const ESTIMATE: u64 = 10_000;

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
    /// As [`IndexStore::announce`].
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

#[async_trait]
impl IndexStore for LocalIndex {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn uses_tags(&self) -> bool {
        false
    }

    async fn attach(&self, host: &Host) -> std::result::Result<(), IndexError> {
        self.inner.attach(host).await
    }

    async fn detach(&self) -> std::result::Result<(), IndexError> {
        if self.inner.databases.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        self.inner.close().await
    }

    async fn instance(
        &self,
        collection: &IndexedCollection,
    ) -> std::result::Result<Option<String>, IndexError> {
        let collection = collection.clone();
        let found = self
            .inner
            .read(move |file| read::instance(file, &collection));
        match found.await {
            Err(IndexError::Lost(_)) => Ok(None),
            found => found,
        }
    }

    async fn begin(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> std::result::Result<String, IndexError> {
        self.inner.revive().await?;
        let (collection, placed) = (collection.clone(), placed.to_vec());
        let replacing = replacing.map(str::to_owned);
        self.inner
            .apply(move |tables| tables.begin(&collection, &placed, fresh, replacing.as_deref()))
            .await
    }

    async fn extend(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
    ) -> std::result::Result<(), IndexError> {
        let (collection, placed) = (collection.clone(), placed.to_vec());
        self.inner
            .tell(move |tables| tables.extend(&collection, &placed))
            .await
    }

    async fn announce(
        &self,
        collection: &IndexedCollection,
        announcement: &Announcement,
    ) -> std::result::Result<(), IndexError> {
        let (collection, announcement) = (collection.clone(), announcement.clone());
        self.inner
            .tell(move |tables| tables.announce(&collection, &announcement))
            .await
    }

    async fn commit(
        &self,
        collection: &IndexedCollection,
        commit: &Commit,
    ) -> std::result::Result<(), IndexError> {
        let (collection, commit) = (collection.clone(), commit.clone());
        self.inner
            .tell(move |tables| tables.commit(&collection, &commit))
            .await
    }

    async fn scan(
        &self,
        collection: &IndexedCollection,
        scan: &Scan,
    ) -> std::result::Result<ScanPage, IndexError> {
        let (collection, scan) = (collection.clone(), scan.clone());
        self.inner
            .read(move |file| read::scan(file, &collection, &scan))
            .await
    }

    async fn count(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> std::result::Result<u64, IndexError> {
        self.inner.count(collection, placed, range, u64::MAX).await
    }

    async fn estimate(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> std::result::Result<u64, IndexError> {
        self.inner.count(collection, placed, range, ESTIMATE).await
    }

    async fn remove_stale(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        hit: &Hit,
    ) -> std::result::Result<(), IndexError> {
        let (collection, placed, hit) = (collection.clone(), placed.clone(), hit.clone());
        self.inner
            .tell(move |tables| tables.remove_stale(&collection, &placed, &hit))
            .await
    }

    async fn presence(
        &self,
        collection: &IndexedCollection,
        id: &EncodedId,
        _: &[Placed],
        entries: &[IndexEntry],
    ) -> std::result::Result<Vec<Presence>, IndexError> {
        let (collection, id, entries) = (collection.clone(), id.clone(), entries.to_vec());
        self.inner
            .read(move |file| read::presence(file, &collection, &id, &entries))
            .await
    }

    async fn manifests(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
    ) -> std::result::Result<Option<Manifests>, IndexError> {
        let (collection, placed, ids) = (collection.clone(), placed.to_vec(), ids.to_vec());
        let of = self
            .inner
            .read(move |file| read::manifests(file, &collection, &placed, &ids));
        let requests = 0; // Nobody else is asked.
        Ok(Some(Manifests {
            of: of.await?,
            requests,
        }))
    }
}

impl Inner {
    /// Finds out whether what the file holds may be believed. One GET.
    async fn attach(&self, host: &Host) -> std::result::Result<(), IndexError> {
        let refuse = |text: &str| Err(IndexError::Refused(text.to_owned()));
        let session = self.session.read().await;
        let known = self.anchor().as_ref().map(|anchor| anchor.host.database);
        match known {
            _ if *session == Session::Closed => return refuse("the local index was closed"),
            Some(known) if known != host.database => {
                return refuse("the local index belongs to another database");
            }
            Some(_) => {}
            None => {
                let anchor = Anchor::read(host).await?;
                self.trust(&anchor);
                *self.anchor() = Some(anchor);
            }
        }
        self.databases.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    fn trust(&self, anchor: &Anchor) {
        let facts = self.facts();
        let named = anchor.session();
        let is_named = named.is_some_and(|named| {
            named.file == facts.file && Some(named.session) == facts.session && facts.is_clean
        });
        if is_named {
            self.is_trusted.store(true, Ordering::Release);
        } else if facts.session.is_some() {
            tracing::warn!(
                is_clean = facts.is_clean,
                "the local index is an old copy, of another database, or was left by a crash; it is rebuilt"
            );
        }
    }

    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Opened) -> std::result::Result<T, Failure> + Send + 'static,
    ) -> std::result::Result<T, IndexError> {
        if !self.is_trusted.load(Ordering::Acquire) {
            return Err(lost("what the file holds is not to be believed"));
        }
        let inner = Arc::clone(self);
        self.within_the_deadline(blocking(move || inner.file.run(work)))
            .await
    }

    async fn count(
        self: &Arc<Self>,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
        most: u64,
    ) -> std::result::Result<u64, IndexError> {
        let (collection, placed, range) = (collection.clone(), placed.clone(), range.clone());
        self.read(move |file| read::count(file, &collection, &placed, &range, most))
            .await
    }

    async fn tell(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Tables<'_>) -> std::result::Result<(), Failure> + Send + 'static,
    ) -> std::result::Result<(), IndexError> {
        let work = move |tables: &mut Tables<'_>| work(tables).map(|()| String::new());
        self.apply(work).await.map(drop)
    }

    /// Runs `work` in the next transaction, together with what others hand over meanwhile.
    async fn apply(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Tables<'_>) -> std::result::Result<String, Failure> + Send + 'static,
    ) -> std::result::Result<String, IndexError> {
        self.within_the_deadline(async {
            let place = self.waiting.clone().acquire_owned().await;
            let place = place.map_err(|_| unavailable("the index was closed"))?;
            let session = self.active_session().await?;
            let (job, answer) = Job::new(work, session, place);
            if self.queue.push(job) {
                let inner = Arc::clone(self);
                tokio::task::spawn_blocking(move || inner.drain());
            }
            self.sync_in_background();
            answer.await.unwrap_or_else(|_| Err(cut_off()))
        })
        .await
    }

    /// The session, begun where none is under way.
    async fn active_session(
        self: &Arc<Self>,
    ) -> std::result::Result<OwnedRwLockReadGuard<Session>, IndexError> {
        let session = self.session.clone().read_owned().await;
        if *session == Session::Active {
            return Ok(session);
        }
        drop(session);
        let mut session = self.session.clone().write_owned().await;
        if *session == Session::Idle {
            self.begin_session().await?;
            *session = Session::Active;
        }
        match *session {
            Session::Closed => Err(unavailable("the index was closed")),
            _ => Ok(session.downgrade()),
        }
    }

    /// The file says that it is not whole, then the store names the session; both before anything is changed.
    async fn begin_session(self: &Arc<Self>) -> std::result::Result<(), IndexError> {
        let session = self.rng.nonce();
        let is_trusted = self.is_trusted.load(Ordering::Acquire);
        let inner = Arc::clone(self);
        blocking(move || inner.mark(session, !is_trusted)).await?;
        if self.name_session(session).await? == Found::Foreign {
            // Another file served the database meanwhile.
            let inner = Arc::clone(self);
            blocking(move || inner.mark(session, true)).await?;
        }
        self.is_trusted.store(true, Ordering::Release);
        Ok(())
    }

    fn mark(&self, session: Nonce, forgets: bool) -> std::result::Result<(), IndexError> {
        let durability = Durability::Immediate;
        self.file.write(durability, self.now(), |tables| {
            tables.set_fact(fact::SESSION, Some(session.as_str()))?;
            tables.set_fact(fact::CLEAN, None)?;
            if forgets {
                tables.forget_instances()?;
            }
            Ok(())
        })
    }

    async fn name_session(&self, session: Nonce) -> std::result::Result<Found, IndexError> {
        let anchor = self.anchor().clone();
        let Some(mut anchor) = anchor else {
            return Ok(Found::Own); // Nothing but this process uses it.
        };
        let file = self.facts().file;
        let named = anchor.name(file, session, &*self.clock, &*self.rng).await;
        *self.anchor() = Some(anchor);
        named
    }

    /// A file that failed is made anew, and holds nothing.
    async fn revive(self: &Arc<Self>) -> std::result::Result<(), IndexError> {
        if !self.file.has_failed() {
            return Ok(());
        }
        let mut session = self.session.clone().write_owned().await;
        if *session == Session::Closed || !self.file.has_failed() {
            return Ok(());
        }
        let (inner, fresh) = (Arc::clone(self), self.rng.nonce());
        let facts = blocking(move || inner.file.revive(fresh)).await?;
        *self.facts() = facts;
        self.is_trusted.store(true, Ordering::Release);
        *session = Session::Idle;
        Ok(())
    }

    /// Ends the session and lets go of the file.
    async fn close(self: &Arc<Self>) -> std::result::Result<(), IndexError> {
        let mut session = self.session.clone().write_owned().await;
        let was_active = *session == Session::Active;
        *session = Session::Closed;
        let inner = Arc::clone(self);
        blocking(move || {
            let ended = if was_active {
                inner.mark_clean()
            } else {
                Ok(())
            };
            inner.file.close();
            ended
        })
        .await
    }

    /// Everything that was acknowledged is in the file.
    fn mark_clean(&self) -> std::result::Result<(), IndexError> {
        self.file
            .write_last(|tables| tables.set_fact(fact::CLEAN, Some("yes")))
    }

    async fn within_the_deadline<T>(
        &self,
        work: impl Future<Output = std::result::Result<T, IndexError>> + Send,
    ) -> std::result::Result<T, IndexError> {
        match select(work.boxed(), self.clock.sleep(DEADLINE)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(unavailable("the disk did not answer in time")),
        }
    }

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

impl Drop for Inner {
    /// A database that was dropped instead of closed ends its session as well. Waits for the disk.
    fn drop(&mut self) {
        let is_active = self
            .session
            .try_read()
            .is_ok_and(|session| *session == Session::Active);
        if is_active && let Err(error) = self.mark_clean() {
            tracing::warn!(%error, "the local index was not closed well and is rebuilt when it is opened");
        }
    }
}

/// Runs work that waits for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, IndexError> + Send + 'static,
) -> std::result::Result<T, IndexError> {
    let outcome = tokio::task::spawn_blocking(work).await;
    outcome.unwrap_or_else(|_| Err(cut_off()))
}

fn cut_off() -> IndexError {
    unavailable("the work on the file was cut off")
}

fn unavailable(text: &str) -> IndexError {
    IndexError::Unavailable(text.to_owned())
}
