//! Reading one document: fetch ▸ open ▸ decode. Each step is the reverse of one in [`write`](super::write).

use bytes::Bytes;

use super::{Collection, Engine, View, engine::store_failure, published, rewrite};
use crate::{
    document::{
        Document, DocumentKey,
        stored::{Meta, Origin, Stored},
    },
    error::{Code, Error, Result},
    format::{
        Key,
        body::{self, UnknownMembers},
        envelope::{self, Envelope, State},
        index_key::{IndexEncoder, IndexEntries},
        path::EncodedId,
        quarantine, upgrade,
    },
    port::Object,
    protocol::{SettleMachine, Settled},
};

/// An object as it was read: any state, envelope split off.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) settled: Settled,
    /// The whole object, as it is without a pending write.
    pub(crate) bytes: Bytes,
}

impl Fetched {
    /// The committed version; its intent is there only while it is undecided.
    pub(crate) fn envelope(&self) -> &Envelope {
        &self.settled.opened.envelope
    }

    pub(crate) fn is_live(&self) -> bool {
        self.envelope().state == State::Live
    }

    /// Where the document was moved aside to, if it was.
    pub(crate) fn quarantined(&self) -> Option<Key> {
        match self.envelope().state {
            State::Deleted => quarantine::place(&self.settled.opened.body),
            State::Live | State::Stub => None,
        }
    }
}

impl From<Settled> for Fetched {
    fn from(settled: Settled) -> Self {
        let bytes = settled.object().bytes;
        Self { settled, bytes }
    }
}

/// Loads a document; `None` when there is none, or it was deleted. One that was moved aside is an error.
pub(crate) async fn load<T: Document>(
    view: &View,
    collection: &Collection,
    id: &EncodedId,
) -> Result<Option<Stored<T>>> {
    let fetched = fetch(view, collection, id).await?;
    decode_live(view, collection, id, live(collection, id, fetched)?)
}

/// As [`load`], in one order with all transactions.
pub(crate) async fn load_strictly<T: Document>(
    view: &View,
    collection: &Collection,
    id: &EncodedId,
) -> Result<Option<Stored<T>>> {
    let fetched = fetch_strictly(view, collection, id).await?;
    decode_live(view, collection, id, live(collection, id, fetched)?)
}

/// As [`load`], for one of many that a query goes through: what was moved aside is none of them.
pub(crate) async fn load_listed<T: Document>(
    view: &View,
    collection: &Collection,
    id: &EncodedId,
) -> Result<Option<Stored<T>>> {
    let fetched = fetch(view, collection, id).await?;
    decode_live(view, collection, id, fetched.filter(Fetched::is_live))
}

/// As [`load_listed`], of an object that was `known` before and that a LIST showed to be current; without one it is read,
/// and kept for the next scan.
pub(crate) async fn load_scanned<T: Document>(
    view: &View,
    collection: &Collection,
    id: &EncodedId,
    known: Option<Object>,
) -> Result<Option<Stored<T>>> {
    let fetched = fetch_scanned(view, collection, id, known).await?;
    decode_live(view, collection, id, fetched.filter(Fetched::is_live))
}

/// As [`fetch`], of an object that may be known.
pub(crate) async fn fetch_scanned(
    view: &View,
    collection: &Collection,
    id: &EncodedId,
    known: Option<Object>,
) -> Result<Option<Fetched>> {
    let Some(bodies) = view.bodies() else {
        return fetch(view, collection, id).await;
    };
    published::agree(view, collection).await?;
    let key = collection.key(id);
    let found = match known {
        Some(object) => Ok(Some(object)),
        None => view.store.get(&key).await.map_err(store_failure),
    };
    let fetched = match found {
        Ok(Some(object)) => {
            bodies.keep(&key, &object);
            peeked(view, key, object).await.map(Some)
        }
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    fetched
        .map(Option::flatten)
        .map_err(|error| at(collection, id, error))
}

/// The document, if it is there. One that was moved aside neither is nor is not: whoever asks for it by its id is told.
pub(crate) fn live(
    collection: &Collection,
    id: &EncodedId,
    fetched: Option<Fetched>,
) -> Result<Option<Fetched>> {
    match fetched.as_ref().and_then(Fetched::quarantined) {
        Some(place) => Err(at(collection, id, quarantine::refusal(&place))),
        None => Ok(fetched.filter(Fetched::is_live)),
    }
}

fn decode_live<T: Document>(
    view: &View,
    collection: &Collection,
    id: &EncodedId,
    live: Option<Fetched>,
) -> Result<Option<Stored<T>>> {
    live.map(|fetched| decode_for_reader(view, collection, id, fetched))
        .transpose()
}

/// Decodes a document that goes to a reader, and writes it back in the background if its type wants that.
pub(crate) fn decode_for_reader<T: Document>(
    view: &View,
    collection: &Collection,
    id: &EncodedId,
    fetched: Fetched,
) -> Result<Stored<T>> {
    rewrite::offer(view, collection, id, &fetched);
    decode(collection, id, fetched)
}

/// How a document is fetched outside of a transaction.
#[derive(Clone, Copy)]
enum How {
    Peek,
    Strictly,
    ToReplace,
}

/// Fetches the object at a document's path as a reader sees it, whatever its state: outside of a transaction without
/// waiting for anybody, inside of one as the transaction sees it.
pub(crate) async fn fetch(
    view: &View,
    collection: &Collection,
    id: &EncodedId,
) -> Result<Option<Fetched>> {
    fetch_as(How::Peek, view, collection, id).await
}

/// Fetches the object at a document's path as it can be replaced: outside of a transaction, one that is in the way is
/// waited for, or aborted.
pub(crate) async fn fetch_to_replace(
    view: &View,
    collection: &Collection,
    id: &EncodedId,
) -> Result<Option<Fetched>> {
    fetch_as(How::ToReplace, view, collection, id).await
}

/// Fetches the object at a document's path once no write of a transaction is undecided on it: what was acknowledged to
/// anybody before is seen.
pub(crate) async fn fetch_strictly(
    view: &View,
    collection: &Collection,
    id: &EncodedId,
) -> Result<Option<Fetched>> {
    fetch_as(How::Strictly, view, collection, id).await
}

/// Nothing is read before the type fits to what is published.
async fn fetch_as(
    how: How,
    view: &View,
    collection: &Collection,
    id: &EncodedId,
) -> Result<Option<Fetched>> {
    published::agree(view, collection).await?;
    let key = collection.key(id);
    let fetched = match (view.attempt(), how) {
        (Some(attempt), _) => attempt.fetch(&key).await,
        (None, How::Peek) => peek(view, key).await,
        (None, How::Strictly) => settle(view, SettleMachine::read(key, view.settler())).await,
        (None, How::ToReplace) => settle(view, SettleMachine::replace(key, view.settler())).await,
    };
    fetched.map_err(|error| at(collection, id, error))
}

/// One GET where there is no intent.
pub(crate) async fn peek(engine: &Engine, key: Key) -> Result<Option<Fetched>> {
    match engine.store.get(&key).await.map_err(store_failure)? {
        Some(object) => peeked(engine, key, object).await,
        None => Ok(None),
    }
}

/// What was read, without its intent. An intent that is undecided is settled again each time.
async fn peeked(engine: &Engine, key: Key, object: Object) -> Result<Option<Fetched>> {
    let opened = envelope::open(&object.bytes)?;
    if opened.envelope.intent.is_some() {
        return settle(engine, SettleMachine::peek(key).from_object(object)).await;
    }
    Ok(Some(Fetched {
        settled: Settled {
            version: object.version,
            opened,
            bears_intent: false,
        },
        bytes: object.bytes,
    }))
}

/// Runs a machine that settles one object.
pub(crate) async fn settle(engine: &Engine, machine: SettleMachine) -> Result<Option<Fetched>> {
    let settled = engine.drive(machine).await.map_err(Error::from)?;
    Ok(settled.map(Fetched::from))
}

/// An object that was found instead of the expected one: a transaction on it is waited for, or aborted.
pub(crate) async fn reopen(
    engine: &Engine,
    collection: &Collection,
    id: &EncodedId,
    object: Option<Object>,
) -> Result<Option<Fetched>> {
    let Some(object) = object else {
        return Ok(None);
    };
    let machine = SettleMachine::replace(collection.key(id), engine.settler()).from_object(object);
    let settled = settle(engine, machine).await;
    settled.map_err(|error| at(collection, id, error))
}

/// Decodes a live document into its type.
pub(crate) fn decode<T: Document>(
    collection: &Collection,
    id: &EncodedId,
    fetched: Fetched,
) -> Result<Stored<T>> {
    let mut value: T = decode_value(collection, id, &fetched)?;
    value.set_revision(fetched.envelope().rev);
    let mut meta = meta(fetched.envelope(), fetched.bytes.len());
    meta.schema_version = upgrade::version_of(collection.spec, &fetched.settled.opened)?;
    Ok(Stored::new(
        value,
        meta,
        Origin {
            version: fetched
                .settled
                .is_decided()
                .then_some(fetched.settled.version),
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
    let decoded = body::check_known(collection.spec, &body)
        .and_then(|()| T::Key::from_text(&id.decode().0))
        .and_then(|key| body::decode(&body, &key));
    decoded.map_err(|error| at(collection, id, error))
}

/// The body as the type of today has it. One that this program could have written itself is taken as it is, for the price of
/// one comparison; an older one runs through its migrations.
pub(crate) fn current_body(
    collection: &Collection,
    id: &EncodedId,
    fetched: &Fetched,
) -> Result<Bytes> {
    upgrade::current(collection.spec, &collection.shape, &fetched.settled.opened)
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

/// Tells the entries that a stored document has.
pub(crate) type EntriesOf = fn(&Collection, &EncodedId, &Fetched) -> Result<IndexEntries>;

/// Without the type, nobody knows.
pub(crate) fn entries_without_type(
    collection: &Collection,
    id: &EncodedId,
    _: &Fetched,
) -> Result<IndexEntries> {
    let text = "only a program with the type knows the index values of its documents";
    Err(at(
        collection,
        id,
        Error::new(Code::UNSUPPORTED_SCHEMA, text),
    ))
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
