//! A store far away: every request takes its time, on a clock that jumps.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use smarterbase_core::{
    document::Version,
    format::{Key, Prefix},
    port::{Attempt, Capabilities, CasStore, Changed, Expect, ListPage, Object, StoreError},
    store::MemoryStore,
};
use tokio::time::sleep;

pub(crate) const GET: Duration = Duration::from_millis(10);
pub(crate) const PUT: Duration = Duration::from_millis(20);
pub(crate) const LIST: Duration = Duration::from_millis(25);

/// Memory with latency; a removal takes as long as a put.
#[derive(Debug)]
pub(crate) struct PacedStore {
    inner: MemoryStore,
}

impl PacedStore {
    pub(crate) fn over(inner: MemoryStore) -> Arc<Self> {
        Arc::new(Self { inner })
    }
}

#[async_trait]
impl CasStore for PacedStore {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        sleep(GET).await;
        self.inner.get(key).await
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        sleep(GET).await;
        self.inner.get_if_changed(key, version).await
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        sleep(PUT).await;
        self.inner.put(key, expect, body).await
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        sleep(PUT).await;
        self.inner.delete_if(key, version).await
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        sleep(PUT).await;
        self.inner.delete_retired(key).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        sleep(LIST).await;
        self.inner.list(prefix, after, limit).await
    }
}
