//! A store that holds the object of the sessions, and can be away.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    document::Version,
    format::{Key, Prefix},
    port::{
        Attempt, Capabilities, CasStore, Changed, ConditionalDelete, Expect, ListPage, Object,
        StoreError, StoreErrorKind,
    },
};

#[derive(Debug, Default)]
pub(super) struct Objects {
    objects: Mutex<BTreeMap<Key, Object>>,
    is_away: AtomicBool,
    puts: AtomicU64,
    /// How many more puts are looked at; `None`: all.
    puts_left: Mutex<Option<u64>>,
}

impl Objects {
    pub(super) fn go_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    /// From then on puts are denied; `None`: never.
    pub(super) fn deny_puts_after(&self, puts: Option<u64>) {
        *self.puts_left.lock().unwrap() = puts;
    }

    fn denies_put(&self) -> bool {
        match &mut *self.puts_left.lock().unwrap() {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    pub(super) fn puts(&self) -> u64 {
        self.puts.load(Ordering::SeqCst)
    }

    fn there(&self) -> Result<MutexGuard<'_, BTreeMap<Key, Object>>, StoreError> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(StoreError::new(StoreErrorKind::Denied, "away")),
            false => Ok(self.objects.lock().unwrap()),
        }
    }
}

#[async_trait]
impl CasStore for Objects {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            conditional_delete: ConditionalDelete::Unsupported,
            sorted_list: true,
            location: "a test".to_owned(),
            is_volatile: true,
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        // Whoever asks at the same time has his turn first, as with a store that takes its time.
        tokio::task::yield_now().await;
        Ok(self.there()?.get(key).cloned())
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        Ok(match self.get(key).await? {
            None => Changed::Gone,
            Some(object) if object.version == *version => Changed::Unchanged,
            Some(object) => Changed::Now(object),
        })
    }

    async fn put(&self, key: &Key, expect: &Expect, bytes: Bytes) -> Attempt {
        if self.denies_put() {
            return Attempt::Refused(StoreError::new(StoreErrorKind::Denied, "no puts"));
        }
        let mut objects = match self.there() {
            Ok(objects) => objects,
            Err(error) => return Attempt::Refused(error),
        };
        let current = objects.get(key).map(|object| object.version.clone());
        let expected = match expect {
            Expect::Absent => None,
            Expect::Exactly(version) => Some(version.clone()),
        };
        if current != expected {
            return Attempt::Rejected;
        }
        let number = self.puts.fetch_add(1, Ordering::SeqCst);
        let version = Version::from_e_tag(number.to_string());
        let object = Object {
            version: version.clone(),
            bytes,
        };
        objects.insert(key.clone(), object);
        Attempt::Applied(version)
    }

    async fn delete_if(&self, _: &Key, _: &Version) -> Attempt {
        let text = "nobody deletes the object of the sessions";
        Attempt::Refused(StoreError::new(StoreErrorKind::Unsupported, text))
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        self.there()?.remove(key);
        Ok(())
    }

    async fn list(&self, _: &Prefix, _: Option<&Key>, _: usize) -> Result<ListPage, StoreError> {
        let text = "nobody lists the objects of the sessions";
        Err(StoreError::new(StoreErrorKind::Unsupported, text))
    }
}
