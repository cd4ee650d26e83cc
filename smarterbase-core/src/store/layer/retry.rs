//! Asking again where that is harmless.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    document::Version,
    format::{Key, Prefix},
    port::{
        Attempt, Capabilities, CasStore, Changed, Clock, Expect, ListPage, Object, Rng, StoreError,
    },
};

/// How long to go on.
#[derive(Clone, Copy, Debug)]
pub struct RetryLimits {
    /// How many attempts in all, at least 1: 8.
    pub attempts: u32,
    /// No attempt begins later than this after the first: 15 s.
    pub time: Duration,
}

impl Default for RetryLimits {
    fn default() -> Self {
        Self {
            attempts: 8,
            time: Duration::from_secs(15),
        }
    }
}

/// A store that tries reads, lists and retirements again after transient failures.
///
/// It waits 0 to 10 ms × 2^n, at most 1 s, at random ("full jitter"). Conditional writes pass through as one attempt:
/// whether to send one again is for [`protocol`](crate::protocol) to say, after it read back.
///
/// Source: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
#[derive(Clone, Debug)]
pub struct Retried {
    inner: Arc<dyn CasStore>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    limits: RetryLimits,
}

impl Retried {
    /// Tries the calls of `inner` again within the limits.
    #[must_use]
    pub fn new(
        inner: Arc<dyn CasStore>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        limits: RetryLimits,
    ) -> Self {
        Self {
            inner,
            clock,
            rng,
            limits,
        }
    }

    fn tries(&self) -> Tries<'_> {
        Tries {
            layer: self,
            failed: 0,
            until: self.clock.elapsed() + self.limits.time,
        }
    }
}

/// The attempts of one call.
struct Tries<'a> {
    layer: &'a Retried,
    failed: u32,
    until: Duration,
}

impl Tries<'_> {
    /// Waits and returns `Ok` when there is another attempt to make after `error`; else gives the error back.
    async fn next(&mut self, error: StoreError) -> Result<(), StoreError> {
        self.failed += 1;
        if !error.is_transient() || self.failed >= self.layer.limits.attempts {
            return Err(error);
        }
        let pause = self.pause();
        if self.layer.clock.elapsed() + pause > self.until {
            return Err(error);
        }
        self.layer.clock.sleep(pause).await;
        Ok(())
    }

    fn pause(&self) -> Duration {
        let longest = u64::min(10_000 << self.failed.min(7), 1_000_000);
        Duration::from_micros(self.layer.rng.below(longest + 1))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl CasStore for Retried {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        let mut tries = self.tries();
        loop {
            match self.inner.get(key).await {
                Err(error) => tries.next(error).await?,
                answer => return answer,
            }
        }
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        let mut tries = self.tries();
        loop {
            match self.inner.get_if_changed(key, version).await {
                Err(error) => tries.next(error).await?,
                answer => return answer,
            }
        }
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        self.inner.put(key, expect, body).await
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        self.inner.delete_if(key, version).await
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        let mut tries = self.tries();
        loop {
            match self.inner.delete_retired(key).await {
                Err(error) => tries.next(error).await?,
                answer => return answer,
            }
        }
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        let mut tries = self.tries();
        loop {
            match self.inner.list(prefix, after, limit).await {
                Err(error) => tries.next(error).await?,
                answer => return answer,
            }
        }
    }
}
