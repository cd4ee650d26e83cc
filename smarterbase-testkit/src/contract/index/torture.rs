//! Many writers, few documents; crashes before and after the put, delayed, repeated and late messages: a committed document is
//! never missed.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use smarterbase_core::{
    document::KeyKind,
    format::{index_key::EncodedValue, path::EncodedId},
    port::{IndexStore, index::Outcome},
};
use tokio::time::sleep;

use super::rig::{Live, Rig, Write, exactly, id, text};
use crate::SeededRng;

const WRITERS: u64 = 16;
const CHECKERS: u64 = 3;
const DOCUMENTS: u64 = 40;
const VALUES: u64 = 12;
const DURATION: Duration = Duration::from_millis(1_500);

struct World {
    rig: Rig,
    /// The object store: a compare-and-swap per document.
    store: Mutex<HashMap<EncodedId, Live>>,
    is_over: AtomicBool,
    commits: AtomicU64,
    checks: AtomicU64,
    missing: AtomicU64,
}

impl World {
    fn get(&self, id: &EncodedId) -> Live {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.get(id).cloned().unwrap_or_default()
    }

    fn swap(&self, write: &Write) -> bool {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let current = store.entry(write.id.clone()).or_default();
        let wins = current.rev == write.base;
        if wins {
            *current = write.after();
        }
        wins
    }

    async fn write(self: &Arc<Self>, dice: &SeededRng) {
        let id = document(dice);
        let values = match percent(dice, 15) {
            true => Vec::new(),
            false => vec![(0, value(dice)), (1, value(dice))],
        };
        let write = self.rig.write(&id, &self.get(&id), &values);
        self.rig.announce(&write).await;
        pause(dice, 3_000).await;
        if percent(dice, 5) {
            return; // It crashed before the put.
        }
        let wins = self.swap(&write);
        if percent(dice, 5) {
            return; // It crashed after the put.
        }
        let delay = Duration::from_micros(if percent(dice, 25) {
            dice.next() % 20_000
        } else {
            0
        });
        let times = if percent(dice, 10) { 2 } else { 1 };
        let announces_again = percent(dice, 3);
        let world = self.clone();
        let message = async move {
            sleep(delay).await;
            for _ in 0..times {
                world.tell(&write, wins).await;
            }
            if announces_again {
                world.rig.announce(&write).await;
            }
        };
        match delay.is_zero() {
            true => message.await,
            false => drop(tokio::spawn(message)),
        }
    }

    async fn tell(&self, write: &Write, wins: bool) {
        if !wins {
            // Entries with tags are named after the write that lost: nobody else needs them.
            return self.rig.abort(write).await;
        }
        let outcome = match write.entries.is_empty() {
            true => Outcome::Delete,
            false => Outcome::Put,
        };
        self.rig.tell(write, outcome).await;
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// A document that is the same before and after the scan must be in the scan.
    async fn check(&self, dice: &SeededRng) {
        pause(dice, 500).await;
        let id = document(dice);
        let before = self.get(&id);
        let Some(entry) = before.entries.first() else {
            return;
        };
        let found = self.rig.ids(0, &exactly(&entry.value)).await;
        if self.get(&id).rev == before.rev {
            self.checks.fetch_add(1, Ordering::Relaxed);
            self.missing
                .fetch_add(u64::from(!found.contains(&id)), Ordering::Relaxed);
        }
    }

    fn committed(&self) -> BTreeSet<(EncodedValue, EncodedId)> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = store.iter().flat_map(|(id, live)| {
            let first = live.entries.iter();
            let first = first.filter(|entry| entry.placed == self.rig.placed[0]);
            first.map(|entry| (entry.value.clone(), id.clone()))
        });
        entries.collect()
    }
}

fn document(dice: &SeededRng) -> EncodedId {
    id(&format!("user-{}", dice.next() % DOCUMENTS))
}

fn value(dice: &SeededRng) -> EncodedValue {
    text(&format!("value-{}", dice.next() % VALUES))
}

fn percent(dice: &SeededRng, percent: u64) -> bool {
    dice.next() % 100 < percent
}

async fn pause(dice: &SeededRng, at_most_micros: u64) {
    sleep(Duration::from_micros(dice.next() % at_most_micros)).await;
}

/// `SMARTERBASE_SEED` replays the choices of a run; the timing is real.
fn seed() -> u64 {
    let seed = std::env::var("SMARTERBASE_SEED").ok();
    seed.and_then(|seed| seed.parse().ok()).unwrap_or(0x5B_2026)
}

/// No check misses a committed document, and at rest every committed entry is there.
pub async fn committed_document_is_never_missed(index: Arc<dyn IndexStore>) {
    let world = Arc::new(World {
        rig: Rig::begin(&index, "users", KeyKind::Text, 1).await,
        store: Mutex::default(),
        is_over: AtomicBool::new(false),
        commits: AtomicU64::new(0),
        checks: AtomicU64::new(0),
        missing: AtomicU64::new(0),
    });
    let task = |number: u64| {
        let (world, dice) = (world.clone(), SeededRng::new(seed() ^ (number << 32)));
        tokio::spawn(async move {
            while !world.is_over.load(Ordering::Relaxed) {
                match number < WRITERS {
                    true => world.write(&dice).await,
                    false => world.check(&dice).await,
                }
            }
        })
    };
    let tasks: Vec<_> = (0..WRITERS + CHECKERS).map(task).collect();
    sleep(DURATION).await;
    world.is_over.store(true, Ordering::Relaxed);
    for ended in join_all(tasks).await {
        ended.expect("no task panics");
    }
    // The last late messages.
    sleep(Duration::from_millis(200)).await;
    let figures = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (commits, checks) = (figures(&world.commits), figures(&world.checks));
    assert!(
        commits > 50 && checks > 50,
        "too little to mean something: {commits} commits, {checks} checks"
    );
    assert_eq!(
        figures(&world.missing),
        0,
        "seed {:#x}: of {checks} checks",
        seed()
    );
    let found: BTreeSet<_> = world.rig.found(0).await.into_iter().collect();
    let missing: Vec<_> = world.committed().difference(&found).cloned().collect();
    assert_eq!(missing, [], "seed {:#x}: at rest", seed());
}
