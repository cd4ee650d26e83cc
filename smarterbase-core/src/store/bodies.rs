//! Bodies that were read before, and what this process was told since: a body is used again where a LIST shows its version.
//!
//! What is kept are facts: this object at this version has these bytes. They never become wrong, so nothing has to be
//! invalidated for them to be true. Whether a version is *current* is what the LIST says, except where this process knows
//! better: since the LIST was sent it wrote the object, or read another version of it. Such news is remembered for as long as
//! a walk still uses the page.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use quick_cache::{OptionsBuilder, Weighter, sync::Cache};

use crate::{
    document::Version,
    format::{Key, envelope},
    port::{Listed, Object},
};

/// What a kept body costs beside its bytes: key, version, and their places in the cache.
const OVERHEAD: u64 = 256;

/// How many parts the cache has, each with a lock of its own.
const PARTS: usize = 4;

/// How many objects news is remembered of. With more, what was listed before is not believed any more.
const MOST_NEWS: usize = 16_384;

/// The bodies that a process keeps, up to a number of bytes, and its news.
#[derive(Debug)]
pub(crate) struct Bodies {
    facts: Option<Cache<Key, Object, Weight>>,
    news: Mutex<News>,
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Key, Object> for Weight {
    fn weight(&self, key: &Key, object: &Object) -> u64 {
        OVERHEAD + key.as_str().len() as u64 + object.bytes.len() as u64
    }
}

/// What this process wrote or was told of, while pages of LISTs are in use.
#[derive(Debug, Default)]
struct News {
    /// Counts the events.
    moment: u64,
    /// When the pages in use were asked for.
    pages: BTreeSet<u64>,
    told: HashMap<Key, Told>,
    /// What was listed before is not believed.
    floor: u64,
}

#[derive(Debug)]
struct Told {
    moment: u64,
    /// The version, where all news named the same one.
    only: Option<Version>,
}

/// A page of a LIST that is in use: it was asked for at this moment.
#[derive(Debug)]
pub(crate) struct Sight {
    bodies: Arc<Bodies>,
    moment: u64,
}

impl Bodies {
    /// Keeps bodies of up to `bytes` in all; with 0 none, only news.
    pub(crate) fn new(bytes: u64) -> Arc<Self> {
        let facts = (bytes > 0).then(|| {
            let options = OptionsBuilder::new()
                .shards(PARTS)
                .estimated_items_capacity(usize::try_from(bytes / 2_048).unwrap_or(usize::MAX))
                .weight_capacity(bytes)
                .build()
                .expect("both capacities are given");
            Cache::with_options(
                options,
                Weight,
                quick_cache::DefaultHashBuilder::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            )
        });
        Arc::new(Self {
            facts,
            news: Mutex::default(),
        })
    }

    /// The bytes that are kept now, with what they cost beside themselves.
    pub(crate) fn weight(&self) -> u64 {
        self.facts.as_ref().map_or(0, Cache::weight)
    }

    /// The body of a listed object, if it is kept at this version.
    pub(crate) fn recall(&self, listed: &Listed) -> Option<Object> {
        let object = self.facts.as_ref()?.get(&listed.key)?;
        is_of(&object, listed).then_some(object)
    }

    /// Keeps a body that was read, for the next scan.
    pub(crate) fn keep(&self, key: &Key, object: &Object) {
        let Some(facts) = self.facts.as_ref().filter(|_| can_be_kept(object)) else {
            return;
        };
        let is_kept = |kept: &Object| kept.version == object.version;
        if !facts.get(key).as_ref().is_some_and(is_kept) {
            facts.insert(key.clone(), owned(object));
        }
    }

    /// An object was read: a body that is kept of it is replaced by this one.
    pub(crate) fn saw(&self, key: &Key, object: &Object) {
        self.tell(key, Some(&object.version));
        let Some(facts) = &self.facts else { return };
        match facts.get(key) {
            Some(kept) if kept.version != object.version && can_be_kept(object) => {
                let _was_evicted_meanwhile = facts.replace(key.clone(), owned(object), false);
            }
            _ => {}
        }
    }

    /// Something else than what was listed may be there now; at this version, if it is known.
    pub(crate) fn tell(&self, key: &Key, version: Option<&Version>) {
        if is_document(key) {
            self.news().tell(key, version);
        }
    }

    /// A page of a LIST is about to be asked for.
    pub(crate) fn look(self: &Arc<Self>) -> Sight {
        let moment = self.news().look();
        Sight {
            bodies: self.clone(),
            moment,
        }
    }

    /// The news. A panic under the lock cannot leave it half changed.
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl News {
    fn look(&mut self) -> u64 {
        self.moment += 1;
        self.pages.insert(self.moment);
        self.moment
    }

    fn tell(&mut self, key: &Key, version: Option<&Version>) {
        if self.pages.is_empty() {
            return;
        }
        self.moment += 1;
        self.make_room();
        let moment = self.moment;
        let told = self.told.entry(key.clone()).or_insert_with(|| Told {
            moment,
            only: version.cloned(),
        });
        told.moment = moment;
        if told.only.as_ref() != version {
            told.only = None;
        }
    }

    /// News from before every page in use is of no use. Where that is not enough, no page is believed.
    fn make_room(&mut self) {
        if self.told.len() < MOST_NEWS {
            return;
        }
        let oldest = self.pages.first().copied().unwrap_or(self.moment);
        self.told.retain(|_, told| told.moment > oldest);
        if self.told.len() >= MOST_NEWS {
            self.told.clear();
            self.floor = self.moment;
        }
    }

    fn forget(&mut self, page: u64) {
        self.pages.remove(&page);
        if self.pages.is_empty() {
            self.told = HashMap::new();
        }
    }

    fn believes(&self, page: u64, listed: &Listed) -> bool {
        let is_known =
            |told: &Told| told.moment <= page || told.only.as_ref() == Some(&listed.version);
        page > self.floor && self.told.get(&listed.key).is_none_or(is_known)
    }
}

impl Sight {
    /// Whether this process knows nothing newer of the object than what the page says.
    pub(crate) fn is_current(&self, listed: &Listed) -> bool {
        self.bodies.news().believes(self.moment, listed)
    }
}

impl Drop for Sight {
    fn drop(&mut self) {
        self.bodies.news().forget(self.moment);
    }
}

/// Whether the bytes are those of the listed object.
pub(crate) fn is_of(object: &Object, listed: &Listed) -> bool {
    object.version == listed.version && object.bytes.len() as u64 == listed.size
}

/// Whether the version identifies the bytes: a strong entity tag, and a nonce of ours in the body, so that no two writes have
/// equal bytes.
pub(crate) fn can_be_kept(object: &Object) -> bool {
    let e_tag = object.version.e_tag.as_deref();
    e_tag.is_some_and(|tag| !tag.starts_with("W/"))
        && envelope::physical_nonce(&object.bytes).is_some()
}

/// Documents lie in folders of their own; everything else begins with `_`.
fn is_document(key: &Key) -> bool {
    !key.as_str().starts_with('_')
}

/// A copy: the bytes of a reply may be part of a buffer that is much larger.
fn owned(object: &Object) -> Object {
    Object {
        version: object.version.clone(),
        bytes: Bytes::copy_from_slice(&object.bytes),
    }
}

#[cfg(test)]
mod tests;
