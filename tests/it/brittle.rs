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
use smarterbase_core::{
    format::{Nonce, index_key::ValueRange},
    index::ObjectIndex,
    port::{
        IndexError, IndexStore,
        index::{Announcement, Commit, Hit, IndexedCollection, Placed, Scan, ScanPage},
    },
};
use smarterbase_testkit::sweep::World;

/// Entries as objects, under another name: while it is broken, writers are told that it does not answer.
#[derive(Debug)]
pub(crate) struct Brittle {
    entries: ObjectIndex,
    is_broken: AtomicBool,
    scan_milliseconds: AtomicU64,
    scans: AtomicU64,
}

impl Brittle {
    pub(crate) fn new(world: &World) -> Arc<Self> {
        Arc::new(Self {
            entries: ObjectIndex::new(world.store.clone(), world.clock.clone()),
            is_broken: AtomicBool::new(false),
            scan_milliseconds: AtomicU64::new(0),
            scans: AtomicU64::new(0),
        })
    }

    pub(crate) fn break_down(&self, is_broken: bool) {
        self.is_broken.store(is_broken, Ordering::SeqCst);
    }

    /// The next scan takes this long.
    pub(crate) fn stall_next_scan(&self, duration: Duration) {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap();
        self.scan_milliseconds.store(milliseconds, Ordering::SeqCst);
    }

    pub(crate) fn scans(&self) -> u64 {
        self.scans.load(Ordering::SeqCst)
    }

    pub(crate) async fn open(self: &Arc<Self>, world: &World, client: u64) -> Db {
        let builder = world.builder(client, world.store.clone());
        builder.index(self.clone()).open().await.unwrap()
    }

    fn check(&self) -> Result<(), IndexError> {
        match self.is_broken.load(Ordering::SeqCst) {
            true => Err(IndexError::Unavailable("broken".into())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl IndexStore for Brittle {
    fn name(&self) -> &'static str {
        "brittle"
    }

    fn uses_tags(&self) -> bool {
        true
    }

    async fn instance(&self, _: &IndexedCollection) -> Result<Option<String>, IndexError> {
        Ok(Some("brittle:1".into()))
    }

    async fn begin(
        &self,
        _: &IndexedCollection,
        _: &[Placed],
        _: Nonce,
        _: Option<&str>,
    ) -> Result<String, IndexError> {
        Ok("brittle:1".into())
    }

    async fn extend(&self, _: &IndexedCollection, _: &[Placed]) -> Result<(), IndexError> {
        Ok(())
    }

    async fn announce(
        &self,
        collection: &IndexedCollection,
        announcement: &Announcement,
    ) -> Result<(), IndexError> {
        self.check()?;
        self.entries.announce(collection, announcement).await
    }

    async fn commit(
        &self,
        collection: &IndexedCollection,
        commit: &Commit,
    ) -> Result<(), IndexError> {
        self.check()?;
        self.entries.commit(collection, commit).await
    }

    async fn scan(
        &self,
        collection: &IndexedCollection,
        scan: &Scan,
    ) -> Result<ScanPage, IndexError> {
        self.scans.fetch_add(1, Ordering::SeqCst);
        let stalled = self.scan_milliseconds.swap(0, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(stalled)).await;
        self.entries.scan(collection, scan).await
    }

    async fn count(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> Result<u64, IndexError> {
        self.entries.count(collection, placed, range).await
    }

    async fn remove_stale(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        hit: &Hit,
    ) -> Result<(), IndexError> {
        self.entries.remove_stale(collection, placed, hit).await
    }
}
