//! Objects in the memory of this process.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;

use super::page;
use crate::{
    document::{Timestamp, Version},
    format::{Key, Prefix},
    port::{
        Attempt, Capabilities, CasStore, Changed, Clock, ConditionalDelete, Expect, ListPage,
        Listed, Object, StoreError, SystemClock,
    },
};

/// Objects in the memory of this process, gone with it. Clones share the same objects.
///
/// Every call is one step under one lock, so the store is linearizable. A version is the number of the put, counted
/// over all keys, and never comes back.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use smarterbase_core::{format::Key, port::{Attempt, CasStore, Expect}, store::MemoryStore};
///
/// let store = MemoryStore::new();
/// let key = Key::from_stored("users/ada.json");
/// assert!(matches!(store.put(&key, &Expect::Absent, "{}".into()).await, Attempt::Applied(_)));
/// assert!(matches!(store.put(&key, &Expect::Absent, "{}".into()).await, Attempt::Rejected));
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<Key, Stored>,
    puts: u64,
}

#[derive(Debug)]
struct Stored {
    put: u64,
    bytes: Bytes,
    at: Timestamp,
}

impl MemoryStore {
    /// An empty store, which stamps objects with the system's time.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// An empty store, which stamps objects with the time of `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Arc::default(),
            clock,
        }
    }

    /// The state. A panic under the lock cannot leave it half changed, so a poisoned lock is taken all the same.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn meets(&self, key: &Key, expect: &Expect) -> bool {
        match (self.objects.get(key), expect) {
            (None, Expect::Absent) => true,
            (Some(stored), Expect::Exactly(version)) => stored.version() == *version,
            (None, Expect::Exactly(_)) | (Some(_), Expect::Absent) => false,
        }
    }

    fn store(&mut self, key: &Key, bytes: Bytes, at: Timestamp) -> Version {
        self.puts += 1;
        let stored = Stored {
            put: self.puts,
            bytes,
            at,
        };
        let version = stored.version();
        self.objects.insert(key.clone(), stored);
        version
    }
}

impl Stored {
    fn version(&self) -> Version {
        Version::from_e_tag(self.put.to_string())
    }

    fn object(&self) -> Object {
        Object {
            version: self.version(),
            bytes: self.bytes.clone(),
        }
    }

    fn listed(&self, key: &Key) -> Listed {
        Listed {
            key: key.clone(),
            version: self.version(),
            size: self.bytes.len() as u64,
            last_modified: Some(self.at),
        }
    }
}

#[async_trait]
impl CasStore for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            conditional_delete: ConditionalDelete::Native,
            sorted_list: true,
            location: "memory".to_owned(),
            is_volatile: true,
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        Ok(self.state().objects.get(key).map(Stored::object))
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        Ok(match self.state().objects.get(key) {
            None => Changed::Gone,
            Some(stored) if stored.version() == *version => Changed::Unchanged,
            Some(stored) => Changed::Now(stored.object()),
        })
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        let at = self.clock.now();
        let mut state = self.state();
        if !state.meets(key, expect) {
            return Attempt::Rejected;
        }
        Attempt::Applied(state.store(key, body, at))
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        let mut state = self.state();
        if !state.meets(key, &Expect::Exactly(version.clone())) {
            return Attempt::Rejected;
        }
        state.objects.remove(key);
        Attempt::Applied(Version::default())
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        self.state().objects.remove(key);
        Ok(())
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        page::check_limit(limit)?;
        let state = self.state();
        let from = match after {
            Some(after) if after.as_str() >= prefix.as_str() => Bound::Excluded(after.clone()),
            _ => Bound::Included(Key::from_stored(prefix.as_str())),
        };
        let found = state
            .objects
            .range((from, Bound::Unbounded))
            .take_while(|(key, _)| key.as_str().starts_with(prefix.as_str()))
            .take(limit + 1)
            .map(|(key, stored)| stored.listed(key))
            .collect();
        Ok(page::cut(found, limit))
    }
}
