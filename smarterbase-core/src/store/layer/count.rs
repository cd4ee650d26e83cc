//! Counting the requests that reach a store.

use std::{
    ops::Sub,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    document::Version,
    format::{Key, Prefix},
    port::{Attempt, Capabilities, CasStore, Changed, Expect, ListPage, Object, StoreError},
};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of one store, counting up for ever. Every attempt counts, whatever its answer.
        #[derive(Debug, Default)]
        pub struct RequestCounts {
            $($name: AtomicU64,)*
        }

        /// The counters at one moment, or what was counted between two.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Requests {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl RequestCounts {
            /// The counters now. Calls that run meanwhile may be counted in part.
            #[must_use]
            pub fn snapshot(&self) -> Requests {
                Requests {
                    $($name: self.$name.load(Ordering::Relaxed),)*
                }
            }
        }

        impl Sub for Requests {
            type Output = Self;

            /// What was counted since `earlier`.
            fn sub(self, earlier: Self) -> Self {
                Self {
                    $($name: self.$name.saturating_sub(earlier.$name),)*
                }
            }
        }
    };
}

counters! {
    /// Reads, conditional ones included.
    gets,
    /// Conditional reads that were answered without a body.
    unchanged,
    /// Puts that expect nothing to be there.
    creates,
    /// Puts at a version.
    swaps,
    /// Conditional removals.
    conditional_deletes,
    /// Removals of retired names.
    deletes,
    /// Pages of lists.
    lists,
    /// Bytes of bodies that were read.
    bytes_in,
    /// Bytes of bodies that were sent.
    bytes_out,
}

impl Requests {
    /// All requests.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.gets + self.puts() + self.conditional_deletes + self.deletes + self.lists
    }

    /// Creates and swaps.
    #[must_use]
    pub fn puts(&self) -> u64 {
        self.creates + self.swaps
    }
}

/// A store that counts.
#[derive(Clone, Debug)]
pub struct Counted {
    inner: Arc<dyn CasStore>,
    counts: Arc<RequestCounts>,
}

impl Counted {
    /// Counts the calls of `inner` from 0.
    #[must_use]
    pub fn new(inner: Arc<dyn CasStore>) -> Self {
        Self {
            inner,
            counts: Arc::default(),
        }
    }

    fn add(&self, counter: impl Fn(&RequestCounts) -> &AtomicU64, number: u64) {
        counter(&self.counts).fetch_add(number, Ordering::Relaxed);
        let _no_operation = METERS.try_with(|meters| {
            for counts in meters {
                counter(counts).fetch_add(number, Ordering::Relaxed);
            }
        });
    }

    /// The counters.
    #[must_use]
    pub fn counts(&self) -> Arc<RequestCounts> {
        Arc::clone(&self.counts)
    }
}

tokio::task_local! {
    /// Count beside the store's own counters what an operation asks for: those of the operation, and of the ones around it.
    static METERS: Vec<Arc<RequestCounts>>;
}

/// The meters of the operation that runs now.
pub(crate) fn meters() -> Vec<Arc<RequestCounts>> {
    METERS.try_with(Clone::clone).unwrap_or_default()
}

/// Runs `operation` and adds its requests to `counts` as well, and to the meters of the operation around it. A task that it
/// spawns counts where it was given the meters.
pub(crate) async fn metered<R>(
    counts: Arc<RequestCounts>,
    operation: impl Future<Output = R>,
) -> R {
    let mut meters = meters();
    meters.push(counts);
    metered_by(meters, operation).await
}

/// Runs `operation` and adds its requests to these meters.
pub(crate) async fn metered_by<R>(
    meters: Vec<Arc<RequestCounts>>,
    operation: impl Future<Output = R>,
) -> R {
    METERS.scope(meters, operation).await
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl CasStore for Counted {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        self.add(|counts| &counts.gets, 1);
        let object = self.inner.get(key).await?;
        let bytes = object.as_ref().map_or(0, |object| object.bytes.len());
        self.add(|counts| &counts.bytes_in, bytes as u64);
        Ok(object)
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        self.add(|counts| &counts.gets, 1);
        let changed = self.inner.get_if_changed(key, version).await?;
        match &changed {
            Changed::Now(object) => self.add(|counts| &counts.bytes_in, object.bytes.len() as u64),
            Changed::Unchanged => self.add(|counts| &counts.unchanged, 1),
            Changed::Gone => {}
        }
        Ok(changed)
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        match expect {
            Expect::Absent => self.add(|counts| &counts.creates, 1),
            Expect::Exactly(_) => self.add(|counts| &counts.swaps, 1),
        }
        self.add(|counts| &counts.bytes_out, body.len() as u64);
        self.inner.put(key, expect, body).await
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        self.add(|counts| &counts.conditional_deletes, 1);
        self.inner.delete_if(key, version).await
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        self.add(|counts| &counts.deletes, 1);
        self.inner.delete_retired(key).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        self.add(|counts| &counts.lists, 1);
        self.inner.list(prefix, after, limit).await
    }
}
