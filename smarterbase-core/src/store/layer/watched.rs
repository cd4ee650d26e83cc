//! Telling the kept bodies what this process writes and reads, before whoever asked is told.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    document::Version,
    format::{Key, Prefix},
    port::{Attempt, Capabilities, CasStore, Changed, Expect, ListPage, Object, StoreError},
    store::bodies::Bodies,
};

/// A store that tells [`Bodies`] what is seen of it.
#[derive(Debug)]
pub(crate) struct Watched {
    inner: Arc<dyn CasStore>,
    bodies: Arc<Bodies>,
}

impl Watched {
    pub(crate) fn new(inner: Arc<dyn CasStore>, bodies: Arc<Bodies>) -> Self {
        Self { inner, bodies }
    }

    fn wrote(&self, key: &Key, attempt: &Attempt, body: Option<Bytes>) {
        match (attempt, body) {
            (Attempt::Applied(version), Some(bytes)) => {
                let version = version.clone();
                self.bodies.saw(key, &Object { version, bytes });
            }
            (Attempt::Applied(_), None) | (Attempt::Unknown(_), _) => self.bodies.tell(key, None),
            (Attempt::Rejected | Attempt::Refused(_), _) => {}
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl CasStore for Watched {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        let found = self.inner.get(key).await?;
        match &found {
            Some(object) => self.bodies.saw(key, object),
            None => self.bodies.tell(key, None),
        }
        Ok(found)
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        let changed = self.inner.get_if_changed(key, version).await?;
        match &changed {
            Changed::Unchanged => self.bodies.tell(key, Some(version)),
            Changed::Gone => self.bodies.tell(key, None),
            Changed::Now(object) => self.bodies.saw(key, object),
        }
        Ok(changed)
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        let attempt = self.inner.put(key, expect, body.clone()).await;
        self.wrote(key, &attempt, Some(body));
        attempt
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        let attempt = self.inner.delete_if(key, version).await;
        self.wrote(key, &attempt, None);
        attempt
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        self.inner.delete_retired(key).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        self.inner.list(prefix, after, limit).await
    }
}
