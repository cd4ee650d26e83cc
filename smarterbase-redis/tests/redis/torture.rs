//! Many writers, few documents, crashes, delays and duplicates: no committed document may be missed, ever.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use smarterbase_core::{
    document::KeyKind,
    format::{index_key::EncodedValue, path::EncodedId},
    port::index::Outcome,
};
use smarterbase_redis::RedisIndex;
use smarterbase_testkit::{
    contract::index::rig::{Live, Rig, Write, all, exactly, id, text},
    server::redis::RedisServer,
};
use tokio::time::sleep;

use crate::{index_on, shared};

const WRITERS: u64 = 16;
const CHECKERS: u64 = 3;
const DOCUMENTS: u64 = 40;
const VALUES: u64 = 12;

/// The object store: a compare-and-swap per document.
#[derive(Debug, Default)]
struct Store(Mutex<HashMap<EncodedId, Live>>);

impl Store {
    fn get(&self, id: &EncodedId) -> Live {
        self.0.lock().unwrap().get(id).cloned().unwrap_or_default()
    }

    fn swap(&self, write: &Write) -> bool {
        let mut documents = self.0.lock().unwrap();
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
    index: RedisIndex,
    rig: Rig,
    store: Store,
    announces: bool,
    is_over: AtomicBool,
    commits: AtomicU64,
    crashes: AtomicU64,
    checks: AtomicU64,
    missing: AtomicU64,
    _server: RedisServer,
}

impl World {
    async fn new(announces: bool) -> Arc<Self> {
        let server = RedisServer::start(&[]).unwrap();
        let index = index_on(&server).await;
        let rig = Rig::begin(&shared(&index), "users", KeyKind::Text, 1).await;
        Arc::new(Self {
            index,
            rig,
            store: Store::default(),
            announces,
            is_over: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            crashes: AtomicU64::new(0),
            checks: AtomicU64::new(0),
            missing: AtomicU64::new(0),
            _server: server,
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
        for id in self
            .index
            .dirty(&self.rig.collection, older_than, 100)
            .await
            .unwrap()
        {
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
            task.unwrap();
        }
        // The last late messages.
        sleep(Duration::from_millis(200)).await;
        eprintln!(
            "seed {seed:#x}: {} commits, {} crashes, {} checks, {} missing",
            self.commits.load(Ordering::Relaxed),
            self.crashes.load(Ordering::Relaxed),
            self.checks.load(Ordering::Relaxed),
            self.missing.load(Ordering::Relaxed),
        );
    }

    fn expected(&self) -> BTreeSet<(EncodedValue, EncodedId)> {
        let documents = self.store.0.lock().unwrap();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committed_document_is_never_missed() {
    let world = World::new(true).await;
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
    assert_eq!(found, world.expected());
    assert_eq!(world.rig.count(1, &all()).await, DOCUMENTS);
    assert!(
        world
            .index
            .dirty(&world.rig.collection, Duration::ZERO, 100)
            .await
            .unwrap()
            .is_empty()
    );
}

/// The test above can fail: without announcements its checkers find what is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_announcements_committed_documents_are_missed() {
    let world = World::new(false).await;
    world.run(seed(), Duration::from_secs(2)).await;
    assert!(world.missing.load(Ordering::Relaxed) > 0);
}
