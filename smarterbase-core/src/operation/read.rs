//! Reading one document: fetch ▸ open ▸ decode. Each step is the reverse of one in [`write`](super::write).

use bytes::Bytes;

use super::{Collection, Engine, engine::store_failure};
use crate::{
    document::{
        Document, DocumentKey, Version,
        stored::{Meta, Origin, Stored},
    },
    error::{Code, Error, Result},
    format::{
        body::{self, UnknownMembers},
        envelope::{self, Envelope, Opened, State},
        index_key::{IndexEncoder, IndexEntries},
        path::EncodedId,
        upgrade,
    },
    port::Object,
};

/// An object as it was read: any state, envelope split off.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) version: Version,
    pub(crate) bytes: Bytes,
    pub(crate) opened: Opened,
}

impl Fetched {
    pub(crate) fn envelope(&self) -> &Envelope {
        &self.opened.envelope
    }

    pub(crate) fn is_live(&self) -> bool {
        self.envelope().state == State::Live
    }
}

/// Loads a document; `None` when there is none, or it was deleted.
pub(crate) async fn load<T: Document>(
    engine: &Engine,
    collection: &Collection,
    id: &EncodedId,
) -> Result<Option<Stored<T>>> {
    let Some(fetched) = fetch(engine, collection, id).await? else {
        return Ok(None);
    };
    if !fetched.is_live() {
        return Ok(None);
    }
    decode(collection, id, fetched).map(Some)
}

/// Fetches and opens the object at a document's path, whatever its state.
pub(crate) async fn fetch(
    engine: &Engine,
    collection: &Collection,
    id: &EncodedId,
) -> Result<Option<Fetched>> {
    let object = engine
        .store
        .get(&collection.key(id))
        .await
        .map_err(|error| at(collection, id, store_failure(error)))?;
    object
        .map(|object| open(collection, id, object))
        .transpose()
}

/// Splits the envelope off and refuses what this build cannot read.
pub(crate) fn open(collection: &Collection, id: &EncodedId, object: Object) -> Result<Fetched> {
    let opened = envelope::open(&object.bytes).map_err(|error| at(collection, id, error))?;
    if opened.envelope.intent.is_some() {
        let text = "the document bears a pending transaction, which this version cannot settle";
        return Err(at(
            collection,
            id,
            Error::new(Code::UNSUPPORTED_FORMAT, text),
        ));
    }
    Ok(Fetched {
        version: object.version,
        bytes: object.bytes,
        opened,
    })
}

/// Decodes a live document into its type.
pub(crate) fn decode<T: Document>(
    collection: &Collection,
    id: &EncodedId,
    fetched: Fetched,
) -> Result<Stored<T>> {
    let mut value: T = decode_value(collection, id, &fetched)?;
    value.set_revision(fetched.envelope().rev);
    let meta = meta(fetched.envelope(), fetched.bytes.len());
    Ok(Stored::new(
        value,
        meta,
        Origin {
            version: Some(fetched.version),
            bytes: fetched.bytes,
        },
    ))
}

fn decode_value<T: Document>(
    collection: &Collection,
    id: &EncodedId,
    fetched: &Fetched,
) -> Result<T> {
    let body = current_body(collection, id, fetched)?;
    let decoded = T::Key::from_text(&id.decode().0).and_then(|key| body::decode(&body, &key));
    decoded.map_err(|error| at(collection, id, error))
}

/// The body as the type of today has it. One that this program could have written itself is taken as it is, for the price of
/// one comparison; an older one runs through its migrations.
pub(crate) fn current_body(
    collection: &Collection,
    id: &EncodedId,
    fetched: &Fetched,
) -> Result<Bytes> {
    upgrade::current(collection.spec, &collection.shape, &fetched.opened)
        .map_err(|error| at(collection, id, error))
}

/// The members of a stored document that its type does not have, of the migrated body (rule S28).
pub(crate) fn unknown_members(
    collection: &Collection,
    id: &EncodedId,
    fetched: &Fetched,
) -> Result<UnknownMembers> {
    let body = current_body(collection, id, fetched)?;
    body::unknown_members(collection.spec, &body).map_err(|error| at(collection, id, error))
}

/// The entries that a stored document has, as this build's definitions see it.
pub(crate) fn entries_of<T: Document>(
    collection: &Collection,
    id: &EncodedId,
    fetched: &Fetched,
) -> Result<IndexEntries> {
    if !fetched.is_live() {
        return Ok(no_entries(collection));
    }
    let value: T = decode_value(collection, id, fetched)?;
    index_entries(collection, &value).map_err(|error| at(collection, id, error))
}

pub(crate) fn index_entries<T: Document>(
    collection: &Collection,
    value: &T,
) -> Result<IndexEntries> {
    let mut encoder = IndexEncoder::new(collection.spec);
    value.index_values(&mut encoder);
    encoder.finish()
}

pub(crate) fn no_entries(collection: &Collection) -> IndexEntries {
    IndexEntries {
        values: vec![Vec::new(); collection.spec.indexes.len()],
    }
}

pub(crate) fn meta(envelope: &Envelope, size: usize) -> Meta {
    Meta {
        revision: envelope.rev,
        created: envelope.created,
        updated: envelope.updated,
        schema_version: envelope.schema,
        size,
    }
}

/// Adds which document an error is about.
pub(crate) fn at(collection: &Collection, id: &EncodedId, error: Error) -> Error {
    error.at(collection.name(), id.as_str())
}
