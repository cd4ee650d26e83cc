//! A store that takes its time, under virtual time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use smarterbase_core::{
    document::Version,
    format::{Key, Prefix},
    port::{Attempt, Capabilities, CasStore, Changed, Expect, ListPage, Object, Rng, StoreError},
};
use tokio::time::sleep;

use crate::SeededRng;

/// How long each kind of call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latencies {
    /// Reads.
    pub get: Duration,
    /// Puts and removals.
    pub put: Duration,
    /// Lists.
    pub list: Duration,
}

impl Latencies {
    /// What the performance contract is measured with: 10 ms GET, 20 ms PUT, 25 ms LIST.
    pub const CONTRACT: Self = Self {
        get: Duration::from_millis(10),
        put: Duration::from_millis(20),
        list: Duration::from_millis(25),
    };
}

/// A store whose calls take time: exactly as told, or at random before and after the store acts.
#[derive(Debug)]
pub struct LatentStore {
    inner: Arc<dyn CasStore>,
    latencies: Latencies,
    random: Option<SeededRng>,
}

impl LatentStore {
    /// Every call takes exactly its time, and the store acts at the end of it.
    #[must_use]
    pub fn exact(inner: Arc<dyn CasStore>, latencies: Latencies) -> Self {
        Self {
            inner,
            latencies,
            random: None,
        }
    }

    /// Every call takes up to its time on the way there and as much on the way back, by the seed: clients interleave.
    #[must_use]
    pub fn random(inner: Arc<dyn CasStore>, latencies: Latencies, seed: u64) -> Self {
        Self {
            inner,
            latencies,
            random: Some(SeededRng::new(seed)),
        }
    }

    async fn there(&self, latency: Duration) {
        sleep(self.drawn(latency).unwrap_or(latency)).await;
    }

    async fn back(&self, latency: Duration) {
        if let Some(drawn) = self.drawn(latency) {
            sleep(drawn).await;
        }
    }

    fn drawn(&self, latency: Duration) -> Option<Duration> {
        let rng: &dyn Rng = self.random.as_ref()?;
        let longest = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        Some(Duration::from_micros(rng.below(longest.max(1))))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl CasStore for LatentStore {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        self.there(self.latencies.get).await;
        let answer = self.inner.get(key).await;
        self.back(self.latencies.get).await;
        answer
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        self.there(self.latencies.get).await;
        let answer = self.inner.get_if_changed(key, version).await;
        self.back(self.latencies.get).await;
        answer
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        self.there(self.latencies.put).await;
        let answer = self.inner.put(key, expect, body).await;
        self.back(self.latencies.put).await;
        answer
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        self.there(self.latencies.put).await;
        let answer = self.inner.delete_if(key, version).await;
        self.back(self.latencies.put).await;
        answer
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        self.there(self.latencies.put).await;
        let answer = self.inner.delete_retired(key).await;
        self.back(self.latencies.put).await;
        answer
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        self.there(self.latencies.list).await;
        let answer = self.inner.list(prefix, after, limit).await;
        self.back(self.latencies.list).await;
        answer
    }
}
