//! An index backend that breaks when it is told to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use smarterbase::prelude::*;
use smarterbase_core::{index::ObjectIndex, port::IndexError};
use smarterbase_testkit::{
    index::intercept::{Fate, IndexCall, Intercepted, Interceptor},
    sweep::World,
};

/// Entries as objects, under another name: while it is broken, writers are told that it does not answer.
#[derive(Debug)]
pub(crate) struct Brittle {
    index: Arc<Intercepted>,
    mood: Arc<Mood>,
}

impl Brittle {
    pub(crate) fn new(world: &World) -> Self {
        let entries = ObjectIndex::new(world.store.clone(), world.clock.clone());
        let mood = Arc::<Mood>::default();
        let index = Intercepted::new(Arc::new(entries), mood.clone());
        Self {
            index: Arc::new(index.named("brittle")),
            mood,
        }
    }

    pub(crate) fn break_down(&self, is_broken: bool) {
        self.mood.is_broken.store(is_broken, Ordering::SeqCst);
    }

    /// The next scan takes this long.
    pub(crate) fn stall_next_scan(&self, duration: Duration) {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap();
        let next = &self.mood.scan_milliseconds;
        next.store(milliseconds, Ordering::SeqCst);
    }

    pub(crate) fn scans(&self) -> u64 {
        self.mood.scans.load(Ordering::SeqCst)
    }

    pub(crate) async fn open(&self, world: &World, client: u64) -> Db {
        let builder = world.builder(client, world.store.clone());
        builder.index(self.index.clone()).open().await.unwrap()
    }
}

#[derive(Debug, Default)]
struct Mood {
    is_broken: AtomicBool,
    scan_milliseconds: AtomicU64,
    scans: AtomicU64,
}

#[async_trait]
impl Interceptor for Mood {
    async fn before(&self, call: IndexCall) -> Fate {
        match call {
            IndexCall::Announce | IndexCall::Commit if self.is_broken.load(Ordering::SeqCst) => {
                Fate::Fail(IndexError::Unavailable("broken".into()))
            }
            IndexCall::Scan => {
                self.scans.fetch_add(1, Ordering::SeqCst);
                let stalled = self.scan_milliseconds.swap(0, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(stalled)).await;
                Fate::Pass
            }
            _ => Fate::Pass,
        }
    }
}
