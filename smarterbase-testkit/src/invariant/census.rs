//! Everything that lies in a store, read without the engine.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use smarterbase_core::{
    document::{Document, DocumentKey, IndexSink, Scalar},
    format::{
        Envelope, Key, Prefix, body,
        entry::EntryName,
        envelope::State,
        index_key::{IndexEncoder, IndexEntries},
        path::{self, EncodedId},
        upgrade,
    },
    port::{CasStore, Listed, index::Hit},
};

use super::pending;

/// One stored document, alive or dead.
pub(super) struct Resident<T> {
    pub(super) id: EncodedId,
    pub(super) key: Key,
    pub(super) envelope: Envelope,
    /// `None` for tombstones and stubs.
    pub(super) document: Option<T>,
    pub(super) values: IndexEntries,
    /// The components of every entry, by ordinal.
    pub(super) components: Vec<(u16, Vec<Scalar<'static>>)>,
}

/// Every document of a collection, by the order of `<id>.json`.
pub(super) struct Census<T> {
    pub(super) residents: Vec<Resident<T>>,
}

impl<T> Census<T> {
    pub(super) fn live(&self) -> impl Iterator<Item = &Resident<T>> {
        self.residents
            .iter()
            .filter(|resident| resident.document.is_some())
    }
}

/// Every object of a store and its bytes, to compare before and after.
///
/// # Panics
/// When the store does not answer.
pub async fn dump(store: &dyn CasStore) -> BTreeMap<String, Bytes> {
    let mut objects = BTreeMap::new();
    for listed in list(store, &Prefix::new("")).await {
        let object = store.get(&listed.key).await.expect("the store answers");
        if let Some(object) = object {
            objects.insert(listed.key.to_string(), object.bytes);
        }
    }
    objects
}

pub(super) async fn documents<T: Document>(store: &dyn CasStore) -> Census<T> {
    let mut residents = Vec::new();
    for shard in 0..T::SPEC.shards {
        let folder = path::documents(T::SPEC.collection, T::SPEC.shards, shard);
        for listed in list(store, &folder).await {
            residents.extend(resident::<T>(store, listed.key).await);
        }
    }
    residents.sort_by_key(|resident| format!("{}.json", resident.id));
    Census { residents }
}

async fn resident<T: Document>(store: &dyn CasStore, key: Key) -> Option<Resident<T>> {
    let id = path::parse_document(T::SPEC.collection, T::SPEC.shards, T::SPEC.key_kind, &key)?;
    let object = store.get(&key).await.expect("the store answers")?;
    let opened = pending::committed(store, &object.bytes).await;
    let mut document = None;
    let mut values = IndexEncoder::new(T::SPEC);
    let mut components = Components(Vec::new());
    if opened.envelope.state == State::Live {
        let text = T::Key::from_text(&id.decode().0).expect("a key of the type");
        let body = upgrade::current(T::SPEC, &upgrade::written_by(T::SPEC), &opened)
            .expect("a version that the type reads");
        let decoded: T = body::decode(&body, &text).expect("a document of the type");
        decoded.index_values(&mut values);
        decoded.index_values(&mut components);
        document = Some(decoded);
    }
    let values = values.finish().expect("values that can be indexed");
    Some(Resident {
        id,
        key,
        envelope: opened.envelope,
        document,
        values,
        components: components.0,
    })
}

/// Every entry object of one definition.
pub(super) async fn entries(store: &dyn CasStore, collection: &str, name: &str) -> Vec<Hit> {
    let folder = path::entries(collection, name);
    let listed = list(store, &folder).await;
    let hits = listed.into_iter().filter_map(|object| {
        let entry = EntryName::parse(&folder, &object.key)?;
        Some(Hit {
            value: entry.value,
            id: entry.id,
            tag: Some(entry.tag),
            last_modified: object.last_modified,
        })
    });
    hits.collect()
}

async fn list(store: &dyn CasStore, prefix: &Prefix) -> Vec<Listed> {
    let mut listed: Vec<Listed> = Vec::new();
    loop {
        let after = listed.last().map(|last| last.key.clone());
        let page = store
            .list(prefix, after.as_ref(), 1_000)
            .await
            .expect("the store answers");
        listed.extend(page.objects);
        if !page.has_more {
            return listed;
        }
    }
}

struct Components(Vec<(u16, Vec<Scalar<'static>>)>);

impl IndexSink for Components {
    fn entry(&mut self, ordinal: u16, components: &[Scalar<'_>]) {
        self.0
            .push((ordinal, components.iter().map(owned).collect()));
    }
}

fn owned(scalar: &Scalar<'_>) -> Scalar<'static> {
    match scalar {
        Scalar::Text(text) => Scalar::Text(Cow::Owned(text.clone().into_owned())),
        Scalar::Bytes(bytes) => Scalar::Bytes(Cow::Owned(bytes.clone().into_owned())),
        Scalar::Null => Scalar::Null,
        Scalar::Bool(value) => Scalar::Bool(*value),
        Scalar::Signed(value) => Scalar::Signed(*value),
        Scalar::Unsigned(value) => Scalar::Unsigned(*value),
        Scalar::Float(value) => Scalar::Float(*value),
        Scalar::Uuid(value) => Scalar::Uuid(*value),
        Scalar::Timestamp(seconds, nanoseconds) => Scalar::Timestamp(*seconds, *nanoseconds),
    }
}
