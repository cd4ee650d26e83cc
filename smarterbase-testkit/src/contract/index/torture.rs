//! Many writers, few documents, crashes, delays and duplicates: no committed document may be missed, ever.
//!
//! ```no_run
//! use std::sync::Arc;
//! use smarterbase_core::{index::ObjectIndex, port::SystemClock, store::MemoryStore};
//! use smarterbase_testkit::contract::index::torture::Tortured;
//!
//! smarterbase_testkit::index_torture!(objects, async || {
//!     let store = Arc::new(MemoryStore::new());
//!     Tortured::without_manifests(Arc::new(ObjectIndex::new(store, Arc::new(SystemClock))))
//! });
//! # fn main() {}
//! ```

use std::{
    any::Any,
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::{BoxFuture, join_all};
use smarterbase_core::{
    document::KeyKind,
    format::{index_key::EncodedValue, path::EncodedId},
    port::{
        IndexError, IndexStore,
        index::{IndexedCollection, Outcome},
    },
};
use tokio::time::sleep;

use super::rig::{Live, Rig, Write, all, exactly, id, text};

const WRITERS: u64 = 16;
const CHECKERS: u64 = 3;
const DOCUMENTS: u64 = 40;
const VALUES: u64 = 12;

type Dirty = Box<
    dyn Fn(
            IndexedCollection,
            Duration,
            usize,
        ) -> BoxFuture<'static, Result<Vec<EncodedId>, IndexError>>
        + Send
        + Sync,
>;

/// An empty backend to torture, and what must live as long as it.
pub struct Tortured {
    index: Arc<dyn IndexStore>,
    dirty: Option<Dirty>,
    _keep: Option<Box<dyn Any + Send + Sync>>,
}

impl std::fmt::Debug for Tortured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tortured")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl Tortured {
    /// A backend that keeps manifests. `dirty` gives up to so many documents of a collection whose last announcement is so
    /// old and whose outcome nobody told: what was left by crashes is cleaned by it.
    #[must_use]
    pub fn new(
        index: Arc<dyn IndexStore>,
        dirty: impl Fn(
            IndexedCollection,
            Duration,
            usize,
        ) -> BoxFuture<'static, Result<Vec<EncodedId>, IndexError>>
        + Send
        + Sync
        + 'static,
        keep: impl Any + Send + Sync,
    ) -> Self {
        Self {
            index,
            dirty: Some(Box::new(dirty)),
            _keep: Some(Box::new(keep)),
        }
    }

    /// A backend whose leftovers are judged by whoever meets them.
    #[must_use]
    pub fn without_manifests(index: Arc<dyn IndexStore>) -> Self {
        Self {
            index,
            dirty: None,
            _keep: None,
        }
    }
}

/// Makes a module with the torture of an index backend, and the proof that it can fail.
///
/// The factory is an async closure without arguments that makes a [`Tortured`]. `SMARTERBASE_SEED` replays the choices of a
/// run; the timing is real. The caller needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! index_torture {
    ($module:ident, $factory:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "the factory may name anything of the file it stands in")]
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn committed_document_is_never_missed() {
                let backend = ($factory)().await;
                $crate::contract::index::torture::committed_document_is_never_missed(backend).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn without_announcements_committed_documents_are_missed() {
                let backend = ($factory)().await;
                $crate::contract::index::torture::without_announcements_committed_documents_are_missed(backend)
                    .await;
            }
        }
    };
}

/// The object store: a compare-and-swap per document.
#[derive(Debug, Default)]
struct Store(Mutex<HashMap<EncodedId, Live>>);

impl Store {
    fn get(&self, id: &EncodedId) -> Live {
        self.0
            .lock()
            .expect("no panic while holding the lock")
            .get(id)
            .cloned()
            .unwrap_or_default()
    }

    fn swap(&self, write: &Write) -> bool {
        let mut documents = self.0.lock().expect("no panic while holding the lock");
        let current = documents.entry(write.id.clone()).or_default();
        let wins = current.rev == write.base;
        if wins {
            *current = write.after();
        }
        wins
    }
}

#[derive(Debug)]
struct Dice(u64);

impl Dice {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, below: u64) -> u64 {
        self.next() % below
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    async fn pause(&mut self, at_most_micros: u64) {
        sleep(Duration::from_micros(self.below(at_most_micros))).await;
    }
}

struct World {
    backend: Tortured,
    rig: Rig,
    store: Store,
    announces: bool,
    is_over: AtomicBool,
    commits: AtomicU64,
    crashes: AtomicU64,
    checks: AtomicU64,
    missing: AtomicU64,
}

impl World {
    async fn new(backend: Tortured, announces: bool) -> Arc<Self> {
        let rig = Rig::begin(&backend.index, "users", KeyKind::Text, 1).await;
        Arc::new(Self {
            backend,
            rig,
            store: Store::default(),
            announces,
            is_over: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            crashes: AtomicU64::new(0),
            checks: AtomicU64::new(0),
            missing: AtomicU64::new(0),
        })
    }

    fn document(dice: &mut Dice) -> EncodedId {
        id(&format!("user-{}", dice.below(DOCUMENTS)))
    }

    fn value(dice: &mut Dice) -> EncodedValue {
        text(&format!("value-{}", dice.below(VALUES)))
    }

    async fn writer(self: Arc<Self>, mut dice: Dice) {
        while !self.is_over.load(Ordering::Relaxed) {
            self.write(&mut dice).await;
        }
    }

    async fn write(self: &Arc<Self>, dice: &mut Dice) {
        let id = Self::document(dice);
        let before = self.store.get(&id);
        let values = if dice.percent(15) {
            Vec::new()
        } else {
            vec![(0, Self::value(dice)), (1, Self::value(dice))]
        };
        let write = self.rig.write(&id, &before, &values);
        if self.announces {
            self.rig.announce(&write).await;
        }
        dice.pause(3_000).await;
        if dice.percent(5) {
            self.crashes.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let wins = self.store.swap(&write);
        if dice.percent(5) {
            self.crashes.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.tell(write, wins, dice).await;
    }

    /// The outcome, at once or late, once or twice, and sometimes the announcement again after it.
    async fn tell(self: &Arc<Self>, write: Write, wins: bool, dice: &mut Dice) {
        let delay = dice
            .percent(25)
            .then(|| Duration::from_micros(dice.below(20_000)));
        let times = if dice.percent(10) { 2 } else { 1 };
        let announces_again = self.announces && dice.percent(3);
        let world = self.clone();
        let message = async move {
            sleep(delay.unwrap_or_default()).await;
            for _ in 0..times {
                world.outcome(&write, wins).await;
            }
            if announces_again {
                world.rig.announce(&write).await;
            }
        };
        if delay.is_some() {
            tokio::spawn(message);
        } else {
            message.await;
        }
    }

    async fn outcome(&self, write: &Write, wins: bool) {
        if !wins {
            return self.rig.abort(write).await;
        }
        let outcome = if write.entries.is_empty() {
            Outcome::Delete
        } else {
            Outcome::Put
        };
        self.rig.tell(write, outcome).await;
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// A document that is the same before and after the scan must be in the scan.
    async fn checker(self: Arc<Self>, mut dice: Dice) {
        while !self.is_over.load(Ordering::Relaxed) {
            // Without an await on every way round, the checkers would starve the writers of two threads.
            dice.pause(500).await;
            let id = Self::document(&mut dice);
            let before = self.store.get(&id);
            let Some(entry) = before.entries.first() else {
                continue;
            };
            let found = self.rig.ids(0, &exactly(&entry.value)).await;
            if self.store.get(&id).rev == before.rev {
                self.checks.fetch_add(1, Ordering::Relaxed);
                self.missing
                    .fetch_add(u64::from(!found.contains(&id)), Ordering::Relaxed);
            }
        }
    }

    /// Tells what the store says of every document whose outcome nobody told, while writers go on.
    async fn sweeper(self: Arc<Self>, older_than: Duration) {
        while !self.is_over.load(Ordering::Relaxed) {
            self.sweep(older_than).await;
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn sweep(&self, older_than: Duration) {
        for id in self.dirty(older_than).await {
            let live = self.store.get(&id);
            let truth = Write {
                base: live.rev.saturating_sub(1),
                entries: live.entries,
                ..self.rig.write(&id, &Live::none(), &[])
            };
            if live.rev > 0 {
                self.rig.tell(&truth, Outcome::Restore).await;
            }
        }
    }

    async fn dirty(&self, older_than: Duration) -> Vec<EncodedId> {
        let Some(dirty) = &self.backend.dirty else {
            return Vec::new();
        };
        let found = dirty(self.rig.collection.clone(), older_than, 100).await;
        found.expect("a healthy backend answers")
    }

    async fn run(self: &Arc<Self>, seed: u64, duration: Duration) {
        let mut tasks = Vec::new();
        for number in 0..WRITERS {
            tasks.push(tokio::spawn(
                self.clone().writer(Dice(seed ^ (number << 32))),
            ));
        }
        for number in WRITERS..WRITERS + CHECKERS {
            tasks.push(tokio::spawn(
                self.clone().checker(Dice(seed ^ (number << 32))),
            ));
        }
        tasks.push(tokio::spawn(
            self.clone().sweeper(Duration::from_millis(50)),
        ));
        sleep(duration).await;
        self.is_over.store(true, Ordering::Relaxed);
        for task in join_all(tasks).await {
            task.expect("no task panics");
        }
        // The last late messages.
        sleep(Duration::from_millis(200)).await;
        #[allow(
            clippy::print_stderr,
            reason = "a failing test shows what it did, and its seed"
        )]
        let () = eprintln!(
            "seed {seed:#x}: {} commits, {} crashes, {} checks, {} missing",
            self.commits.load(Ordering::Relaxed),
            self.crashes.load(Ordering::Relaxed),
            self.checks.load(Ordering::Relaxed),
            self.missing.load(Ordering::Relaxed),
        );
    }

    fn expected(&self) -> BTreeSet<(EncodedValue, EncodedId)> {
        let documents = self
            .store
            .0
            .lock()
            .expect("no panic while holding the lock");
        let entries = documents.iter().flat_map(|(id, live)| {
            live.entries
                .iter()
                .filter(|entry| entry.placed == self.rig.placed[0])
                .map(|entry| (entry.value.clone(), id.clone()))
        });
        entries.collect()
    }
}

/// `SMARTERBASE_SEED` replays the choices of a run; the timing is real.
fn seed() -> u64 {
    std::env::var("SMARTERBASE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(0x5B_2026)
}

/// A document that is committed, and stays, is in every scan for its value, while sixteen writers crash, repeat and come
/// late. At the end nothing is left that no document has.
///
/// # Panics
/// When one is missed.
pub async fn committed_document_is_never_missed(backend: Tortured) {
    let world = World::new(backend, true).await;
    world.run(seed(), Duration::from_secs(4)).await;
    assert!(
        world.checks.load(Ordering::Relaxed) > 500,
        "too few checks to mean something"
    );
    assert_eq!(world.missing.load(Ordering::Relaxed), 0);

    let mut found: BTreeSet<_> = world.rig.found(0).await.into_iter().collect();
    assert!(
        found.is_superset(&world.expected()),
        "an entry is missing at rest"
    );
    // An announcement on the current revision stays until a revision after it: every document is written once more.
    world.sweep(Duration::ZERO).await;
    for number in 0..DOCUMENTS {
        let id = id(&format!("user-{number}"));
        let write = world.rig.write(
            &id,
            &world.store.get(&id),
            &[(0, text("last")), (1, text("last"))],
        );
        world.rig.announce(&write).await;
        assert!(world.store.swap(&write));
        world.rig.commit(&write).await;
    }
    found = world.rig.found(0).await.into_iter().collect();
    if world.backend.dirty.is_none() {
        assert!(found.is_superset(&world.expected()));
        return;
    }
    assert_eq!(found, world.expected());
    assert_eq!(world.rig.count(1, &all()).await, DOCUMENTS);
    assert!(world.dirty(Duration::ZERO).await.is_empty());
}

/// The test above can fail: without announcements its checkers find what is missing.
///
/// # Panics
/// When nothing is missed.
pub async fn without_announcements_committed_documents_are_missed(backend: Tortured) {
    let world = World::new(backend, false).await;
    world.run(seed(), Duration::from_secs(2)).await;
    assert!(world.missing.load(Ordering::Relaxed) > 0);
}
