//! One collection as this process knows it: the type's static facts, its definitions and its copy of the catalog.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use tokio::sync::OnceCell;

use super::{
    agreement::CatalogCell,
    read::{self, EntriesOf},
    rewrite::{self, Rewrite, WRITE_BACKS},
};
use crate::{
    document::{Document, DocumentSpec, IndexKind},
    format::{
        Key, Nonce,
        definition::{self, Definition},
        envelope::BodyShape,
        index_key::EncodedValue,
        path::{self, EncodedId},
        upgrade,
    },
    port::index::IndexedCollection,
};

/// Where samples go on, so that one after the other they see everything.
#[derive(Debug, Default)]
pub(crate) struct Sampled {
    pub(crate) documents: Option<EncodedId>,
    /// By definition and backend.
    pub(crate) entries: BTreeMap<(usize, &'static str), (EncodedValue, EncodedId)>,
    /// By definition.
    pub(crate) claims: BTreeMap<usize, Key>,
}

/// A collection and what this process knows of it.
#[derive(Debug)]
pub(crate) struct Collection {
    pub(crate) spec: &'static DocumentSpec,
    /// One per ordinal of the spec.
    pub(crate) definitions: Vec<Definition>,
    /// What the envelope says of every body that is written.
    pub(crate) shape: BodyShape,
    pub(crate) catalog: CatalogCell,
    /// Filled once the type's schema was found to be the published one.
    pub(crate) published: OnceCell<()>,
    /// Makes the change that writes a document again: the type itself is not known here.
    pub(crate) rewrite: Rewrite,
    /// The entries that a stored document has.
    pub(crate) entries: EntriesOf,
    /// Where the last sample of a verification ended.
    pub(crate) sampled: Mutex<Sampled>,
    /// The documents that are being written back.
    rewriting: Mutex<BTreeSet<EncodedId>>,
    /// Whether only the published facts of the type are known: such a writer refuses what it does not know, where a program
    /// with the type would take an unknown index out of use.
    pub(crate) is_untyped: bool,
    this: Weak<Self>,
    hold_until: Mutex<Duration>,
}

impl Collection {
    pub(crate) fn new<T: Document>() -> Arc<Self> {
        let (spec, rewrite) = (T::SPEC, rewrite::rewritten::<T> as Rewrite);
        Arc::new_cyclic(|this| Self {
            entries: read::entries_of::<T>,
            ..Self::of(spec, upgrade::written_by(spec), rewrite, this.clone())
        })
    }

    /// A collection of which the type is not here, only what is published of it.
    pub(crate) fn untyped(spec: &'static DocumentSpec, shape: BodyShape) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            is_untyped: true,
            ..Self::of(spec, shape, rewrite::without_type, this.clone())
        })
    }

    fn of(
        spec: &'static DocumentSpec,
        shape: BodyShape,
        rewrite: Rewrite,
        this: Weak<Self>,
    ) -> Self {
        let definitions = spec
            .indexes
            .iter()
            .map(|index| definition::define(spec, index))
            .collect();
        Self {
            spec,
            definitions,
            shape,
            catalog: CatalogCell::default(),
            published: OnceCell::new(),
            rewrite,
            entries: read::entries_without_type,
            sampled: Mutex::default(),
            rewriting: Mutex::default(),
            is_untyped: false,
            this,
            hold_until: Mutex::new(Duration::ZERO),
        }
    }

    /// The collection itself, for a task that outlives the caller.
    pub(crate) fn shared(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    /// Whether the document is to be written back now: nobody is at it, and not too many are under way.
    pub(crate) fn begin_rewrite(&self, id: &EncodedId) -> bool {
        let mut rewriting = self
            .rewriting
            .lock()
            .expect("no panic while holding the lock");
        rewriting.len() < WRITE_BACKS && rewriting.insert(id.clone())
    }

    pub(crate) fn end_rewrite(&self, id: &EncodedId) {
        self.rewriting
            .lock()
            .expect("no panic while holding the lock")
            .remove(id);
    }

    pub(crate) fn name(&self) -> &'static str {
        self.spec.collection
    }

    pub(crate) fn key(&self, id: &EncodedId) -> Key {
        path::document(self.spec.collection, self.spec.shards, id)
    }

    pub(crate) fn id_of(&self, key: &Key) -> Option<EncodedId> {
        path::parse_document(
            self.spec.collection,
            self.spec.shards,
            self.spec.key_kind,
            key,
        )
    }

    pub(crate) fn kind(&self, ordinal: usize) -> IndexKind {
        self.spec.indexes[ordinal].kind
    }

    /// The collection as an index backend's instance sees it.
    pub(crate) fn on(&self, database: Nonce, instance: &str) -> IndexedCollection {
        IndexedCollection {
            database,
            name: self.spec.collection.to_owned(),
            shards: self.spec.shards,
            key_kind: self.spec.key_kind,
            instance: instance.to_owned(),
        }
    }

    /// Until when replies that affect an index are held (rule S3), by [`Clock::elapsed`](crate::port::Clock::elapsed).
    pub(crate) fn hold_until(&self) -> Duration {
        *self
            .hold_until
            .lock()
            .expect("no panic while holding the lock")
    }

    pub(crate) fn hold(&self, until: Duration) {
        let mut held = self
            .hold_until
            .lock()
            .expect("no panic while holding the lock");
        *held = until.max(*held);
    }
}
