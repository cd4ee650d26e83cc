//! An [`IndexStore`] in memory that can be taken away, emptied and set back: a Redis for virtual time, and the measure of the
//! contract.

pub mod intercept;
mod shelf;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use smarterbase_core::{
    format::{Nonce, index_key::ValueRange, path::EncodedId},
    port::{
        IndexError, IndexStore,
        index::{Announcement, Commit, Hit, IndexedCollection, Manifests, Placed, Scan, ScanPage},
    },
};

use self::shelf::Shelf;

/// What stands before the nonce in the name of an instance.
const INSTANCE: &str = "memory:";

/// Entries in memory, with a manifest per document as in Redis. Clones share them, as processes share a Redis; they are lost
/// as a Redis loses them.
#[derive(Clone, Debug)]
pub struct MemoryIndex {
    world: Arc<World>,
    way: Arc<Way>,
}

/// How clones of one process reach it.
#[derive(Debug, Default)]
struct Way {
    is_cut_off: AtomicBool,
    /// How long an answer is under way.
    back: Mutex<Duration>,
}

#[derive(Debug)]
struct World {
    latency: Duration,
    calls: AtomicU64,
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    is_away: bool,
    /// Of the server, which is another one after a restart.
    run: u64,
    shelves: HashMap<(Nonce, String), Shelf>,
}

/// What was there at one moment.
#[derive(Clone, Debug)]
pub struct Backup(HashMap<(Nonce, String), Shelf>);

impl MemoryIndex {
    /// An empty one that answers at once.
    #[must_use]
    pub fn new() -> Self {
        Self::with_latency(Duration::ZERO)
    }

    /// An empty one that takes so long for each call.
    #[must_use]
    pub fn with_latency(latency: Duration) -> Self {
        Self {
            world: Arc::new(World {
                latency,
                calls: AtomicU64::new(0),
                state: Mutex::default(),
            }),
            way: Arc::default(),
        }
    }

    /// The same entries, as another process reaches them.
    #[must_use]
    pub fn from_another_process(&self) -> Self {
        Self {
            world: self.world.clone(),
            way: Arc::default(),
        }
    }

    /// Whether nobody gets an answer.
    pub fn take_away(&self, is_away: bool) {
        self.state().is_away = is_away;
    }

    /// Whether this process gets no answer.
    pub fn cut_off(&self, is_cut_off: bool) {
        self.way.is_cut_off.store(is_cut_off, Ordering::SeqCst);
    }

    /// How long answers are under way to this process: they tell what was there when they were given.
    pub fn answers_take(&self, time: Duration) {
        let back = self.way.back.lock();
        *back.unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Loses everything.
    pub fn flush(&self) {
        self.state().shelves.clear();
    }

    /// Loses the entries of every index, and nothing else: as when the largest keys are evicted.
    pub fn evict_indexes(&self) {
        let mut state = self.state();
        let shelves = state.shelves.values_mut();
        shelves.for_each(Shelf::evict_indexes);
    }

    /// What is there now.
    #[must_use]
    pub fn backup(&self) -> Backup {
        Backup(self.state().shelves.clone())
    }

    /// Starts again with what was there at an earlier moment.
    pub fn restart_from(&self, backup: &Backup) {
        let mut state = self.state();
        state.run += 1;
        state.shelves.clone_from(&backup.0);
    }

    /// How many calls were made, those included that got no answer.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.world.calls.load(Ordering::SeqCst)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.world.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: the shelf of the collection, and the run of the server.
    async fn call<R>(
        &self,
        collection: &IndexedCollection,
        work: impl FnOnce(&mut Shelf, u64) -> Result<R, IndexError> + Send,
    ) -> Result<R, IndexError> {
        self.world.calls.fetch_add(1, Ordering::SeqCst);
        if !self.world.latency.is_zero() {
            tokio::time::sleep(self.world.latency).await;
        }
        let answer = self.answer(collection, work);
        let back = *self.way.back.lock().unwrap_or_else(PoisonError::into_inner);
        if !back.is_zero() {
            tokio::time::sleep(back).await;
        }
        answer
    }

    fn answer<R>(
        &self,
        collection: &IndexedCollection,
        work: impl FnOnce(&mut Shelf, u64) -> Result<R, IndexError>,
    ) -> Result<R, IndexError> {
        let mut state = self.state();
        if state.is_away || self.way.is_cut_off.load(Ordering::SeqCst) {
            return Err(IndexError::Unavailable("it was taken away".to_owned()));
        }
        let run = state.run;
        let name = (collection.database, collection.name.clone());
        work(state.shelves.entry(name).or_default(), run)
    }

    /// As [`call`](Self::call), on the instance that the caller expects.
    async fn checked<R>(
        &self,
        collection: &IndexedCollection,
        work: impl FnOnce(&mut Shelf) -> Result<R, IndexError> + Send,
    ) -> Result<R, IndexError> {
        let expected = collection.instance.clone();
        self.call(collection, move |shelf, run| {
            let there = shelf.instance(run).map(named);
            if there.as_ref() != Some(&expected) {
                return Err(IndexError::Lost("another instance, or none".to_owned()));
            }
            work(shelf)
        })
        .await
    }
}

impl Default for MemoryIndex {
    fn default() -> Self {
        Self::new()
    }
}

fn named(nonce: Nonce) -> String {
    format!("{INSTANCE}{nonce}")
}

fn nonce_of(instance: Option<&str>) -> Option<Nonce> {
    Nonce::parse(instance?.strip_prefix(INSTANCE)?)
}

#[async_trait]
impl IndexStore for MemoryIndex {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn uses_tags(&self) -> bool {
        false
    }

    async fn instance(&self, collection: &IndexedCollection) -> Result<Option<String>, IndexError> {
        self.call(collection, |shelf, run| Ok(shelf.instance(run).map(named)))
            .await
    }

    async fn begin(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> Result<String, IndexError> {
        let replaced = nonce_of(replacing);
        self.call(collection, |shelf, run| {
            if shelf.is_to_replace(run, fresh, replaced) {
                shelf.begin(run, fresh);
            }
            shelf.extend(placed);
            Ok(named(shelf.instance(run).unwrap_or(fresh)))
        })
        .await
    }

    async fn go_on(
        &self,
        collection: &IndexedCollection,
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> Result<Option<String>, IndexError> {
        let replaced = nonce_of(replacing);
        self.call(collection, |shelf, run| {
            if shelf.is_to_replace(run, fresh, replaced) && !shelf.go_on(run, fresh) {
                return Ok(None);
            }
            Ok(shelf.instance(run).map(named))
        })
        .await
    }

    async fn known(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
    ) -> Result<Vec<Option<String>>, IndexError> {
        self.checked(collection, |shelf| Ok(shelf.known(placed, ids)))
            .await
    }

    async fn extend(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
    ) -> Result<(), IndexError> {
        self.checked(collection, |shelf| {
            shelf.extend(placed);
            Ok(())
        })
        .await
    }

    async fn announce(
        &self,
        collection: &IndexedCollection,
        announcement: &Announcement,
    ) -> Result<(), IndexError> {
        let kind = collection.key_kind;
        self.checked(collection, |shelf| shelf.announce(kind, announcement))
            .await
    }

    async fn commit(
        &self,
        collection: &IndexedCollection,
        commit: &Commit,
    ) -> Result<(), IndexError> {
        let kind = collection.key_kind;
        self.checked(collection, |shelf| shelf.commit(kind, commit))
            .await
    }

    async fn scan(
        &self,
        collection: &IndexedCollection,
        scan: &Scan,
    ) -> Result<ScanPage, IndexError> {
        let kind = collection.key_kind;
        self.checked(collection, |shelf| shelf.scan(kind, scan))
            .await
    }

    async fn count(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> Result<u64, IndexError> {
        self.checked(collection, |shelf| shelf.count(placed, range))
            .await
    }

    async fn manifests(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
    ) -> Result<Option<Manifests>, IndexError> {
        self.checked(collection, |shelf| Ok(Some(shelf.manifests(placed, ids))))
            .await
    }

    async fn remove_stale(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        hit: &Hit,
    ) -> Result<(), IndexError> {
        let kind = collection.key_kind;
        self.checked(collection, |shelf| shelf.remove_stale(kind, placed, hit))
            .await
    }
}
