//! The calls of an index backend, each as one piece of work on the file.

use std::sync::atomic::Ordering;

use async_trait::async_trait;

use super::{LocalIndex, read};
use crate::{
    format::{Nonce, index_key::ValueRange, path::EncodedId},
    port::{
        IndexError, IndexStore,
        index::{
            Announcement, Commit, Hit, Host, IndexEntry, IndexedCollection, Manifests, Placed,
            Presence, Scan, ScanPage,
        },
    },
};

/// Up to here an estimate counts.
const ESTIMATE: u64 = 10_000;

#[async_trait]
impl IndexStore for LocalIndex {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn uses_tags(&self) -> bool {
        false
    }

    async fn attach(&self, host: &Host) -> Result<(), IndexError> {
        self.inner.attach(host).await
    }

    async fn detach(&self) -> Result<(), IndexError> {
        if self.inner.databases.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        self.inner.close().await
    }

    async fn instance(&self, collection: &IndexedCollection) -> Result<Option<String>, IndexError> {
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
    ) -> Result<String, IndexError> {
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
    ) -> Result<(), IndexError> {
        let (collection, placed) = (collection.clone(), placed.to_vec());
        self.inner
            .tell(move |tables| tables.extend(&collection, &placed))
            .await
    }

    async fn announce(
        &self,
        collection: &IndexedCollection,
        announcement: &Announcement,
    ) -> Result<(), IndexError> {
        let (collection, announcement) = (collection.clone(), announcement.clone());
        self.inner
            .tell(move |tables| tables.announce(&collection, &announcement))
            .await
    }

    async fn commit(
        &self,
        collection: &IndexedCollection,
        commit: &Commit,
    ) -> Result<(), IndexError> {
        let (collection, commit) = (collection.clone(), commit.clone());
        self.inner
            .tell(move |tables| tables.commit(&collection, &commit))
            .await
    }

    async fn scan(
        &self,
        collection: &IndexedCollection,
        scan: &Scan,
    ) -> Result<ScanPage, IndexError> {
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
    ) -> Result<u64, IndexError> {
        self.inner.count(collection, placed, range, u64::MAX).await
    }

    async fn estimate(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> Result<u64, IndexError> {
        self.inner.count(collection, placed, range, ESTIMATE).await
    }

    async fn remove_stale(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        hit: &Hit,
    ) -> Result<(), IndexError> {
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
    ) -> Result<Vec<Presence>, IndexError> {
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
    ) -> Result<Option<Manifests>, IndexError> {
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
