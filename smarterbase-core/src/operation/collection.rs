//! One collection as this process knows it: the type's static facts, its definitions and its copy of the catalog.

use std::{sync::Mutex, time::Duration};

use super::agreement::CatalogCell;
use crate::{
    document::{DocumentSpec, IndexKind},
    format::{
        Key, Nonce,
        definition::{self, Definition},
        envelope::BodyShape,
        path::{self, EncodedId},
        upgrade,
    },
    port::index::IndexedCollection,
};

/// A collection and what this process knows of it.
#[derive(Debug)]
pub(crate) struct Collection {
    pub(crate) spec: &'static DocumentSpec,
    /// One per ordinal of the spec.
    pub(crate) definitions: Vec<Definition>,
    /// What the envelope says of every body that is written.
    pub(crate) shape: BodyShape,
    pub(crate) catalog: CatalogCell,
    hold_until: Mutex<Duration>,
}

impl Collection {
    pub(crate) fn new(spec: &'static DocumentSpec) -> Self {
        let definitions = spec
            .indexes
            .iter()
            .map(|index| definition::define(spec, index))
            .collect();
        Self {
            spec,
            definitions,
            shape: upgrade::written_by(spec),
            catalog: CatalogCell::default(),
            hold_until: Mutex::new(Duration::ZERO),
        }
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
