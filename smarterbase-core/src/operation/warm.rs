//! Scans that need not read everything again: what is kept, what is packed, and who packs.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Collection, Engine};
use crate::{error::Error, format::Nonce, port::Listed, store::bodies::Bodies};

/// What a database handle does with snapshots: packed copies of a collection's documents, which spare scans the reads.
///
/// A snapshot is a cache. Each body in it is used only where a LIST shows that the document is still at its version, so results
/// are the same with and without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Snapshots {
    /// They are left alone.
    #[default]
    Off,
    /// Scans read them. Packing is a command: `Db::pack_snapshot`.
    Read,
    /// Scans read them. After one that had to read more than a tenth of at least 1,000 documents one by one, the collection is
    /// packed in the background.
    ReadAndPack,
}

impl Snapshots {
    pub(crate) fn are_read(self) -> bool {
        self != Self::Off
    }
}

/// Packs a collection on a task of its own.
pub(crate) type BeginPacking = fn(&Arc<Engine>, Arc<Collection>);

/// Objects that cannot be packed, each at the version that it was seen at: as long as nothing else changed, packing their
/// collection again would change nothing. Of more than 100,000 some are forgotten.
#[derive(Debug, Default)]
pub(crate) struct LeftOut(HashSet<u64>);

impl LeftOut {
    const MOST: usize = 100_000;

    pub(crate) fn add(&mut self, listed: &Listed) {
        if self.0.len() < Self::MOST {
            self.0.insert(mark(listed));
        }
    }

    pub(crate) fn contains(&self, listed: &Listed) -> bool {
        !self.0.is_empty() && self.0.contains(&mark(listed))
    }
}

fn mark(listed: &Listed) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&listed.key, &listed.version).hash(&mut hasher);
    hasher.finish()
}

/// The state of warm scans of one database handle.
pub(crate) struct Warm {
    /// What is kept, and news; `None` when both are off, or the store's LISTs cannot be relied on.
    pub(crate) bodies: Option<Arc<Bodies>>,
    pub(crate) snapshots: Snapshots,
    pub(crate) begin_packing: BeginPacking,
    packing: Mutex<BTreeSet<&'static str>>,
    left_out: Mutex<BTreeMap<&'static str, Arc<LeftOut>>>,
    warned: Mutex<BTreeMap<&'static str, Option<Nonce>>>,
}

impl Warm {
    pub(crate) fn new(snapshots: Snapshots, begin_packing: BeginPacking) -> Self {
        Self {
            bodies: None,
            snapshots,
            begin_packing,
            packing: Mutex::default(),
            left_out: Mutex::default(),
            warned: Mutex::default(),
        }
    }

    /// Whether this process begins to pack the collection: it does not do so already.
    pub(crate) fn begin(&self, collection: &Collection) -> bool {
        let mut packing = self.packing.lock().unwrap_or_else(PoisonError::into_inner);
        packing.insert(collection.name())
    }

    pub(crate) fn end(&self, collection: &Collection) {
        let mut packing = self.packing.lock().unwrap_or_else(PoisonError::into_inner);
        packing.remove(collection.name());
    }

    /// What this process last left out when it packed the collection.
    pub(crate) fn left_out(&self, collection: &Collection) -> Arc<LeftOut> {
        let left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        left_out
            .get(collection.name())
            .map_or_else(Arc::default, Arc::clone)
    }

    pub(crate) fn remember_left_out(&self, collection: &Collection, objects: LeftOut) {
        let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        left_out.insert(collection.name(), Arc::new(objects));
    }

    /// Says once per collection and generation that its snapshot, or a part of it, is not used.
    pub(crate) fn warn(&self, collection: &'static str, generation: Option<Nonce>, error: &Error) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(collection, generation) != Some(generation) {
            tracing::warn!(collection, %error, "a snapshot is not used; documents are read one by one");
        }
    }
}
