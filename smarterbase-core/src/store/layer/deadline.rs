//! A time limit for every attempt.

use std::{sync::Arc, task::Poll, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    future::{BoxFuture, Either, select},
    poll,
};

use crate::{
    document::Version,
    format::{Key, Prefix},
    port::{
        Attempt, Capabilities, CasStore, Changed, Clock, Expect, ListPage, Object, StoreError,
        StoreErrorKind,
    },
};

/// A store whose every call ends in time.
///
/// A read that takes too long is a [`Timeout`](StoreErrorKind::Timeout); a write is [`Attempt::Unknown`] with it: it may
/// be carried out later.
#[derive(Clone, Debug)]
pub struct Deadlines {
    inner: Arc<dyn CasStore>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
}

impl Deadlines {
    /// Gives every call of `inner` the time `timeout`.
    #[must_use]
    pub fn new(inner: Arc<dyn CasStore>, clock: Arc<dyn Clock>, timeout: Duration) -> Self {
        Self {
            inner,
            clock,
            timeout,
        }
    }

    /// The answer, or the error when the time is up first. An answer that is there at that moment counts.
    async fn in_time<T>(&self, what: &str, mut call: BoxFuture<'_, T>) -> Result<T, StoreError> {
        // A call that ends at once, as in memory, needs no timer.
        if let Poll::Ready(answer) = poll!(&mut call) {
            return Ok(answer);
        }
        match select(call, self.clock.sleep(self.timeout)).await {
            Either::Left((answer, _)) => Ok(answer),
            Either::Right(_) => Err(StoreError::new(
                StoreErrorKind::Timeout,
                format!("{what}: no answer within {:?}", self.timeout),
            )),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl CasStore for Deadlines {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        self.in_time("get", self.inner.get(key)).await?
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        self.in_time("get", self.inner.get_if_changed(key, version))
            .await?
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        self.in_time("put", self.inner.put(key, expect, body))
            .await
            .unwrap_or_else(Attempt::Unknown)
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        self.in_time("delete", self.inner.delete_if(key, version))
            .await
            .unwrap_or_else(Attempt::Unknown)
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        self.in_time("delete", self.inner.delete_retired(key))
            .await?
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        self.in_time("list", self.inner.list(prefix, after, limit))
            .await?
    }
}
