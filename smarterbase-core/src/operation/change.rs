//! One change of one document, before anything is asked of a store.

use bytes::Bytes;

use super::{
    Collection, Engine,
    read::{self, Fetched},
};
use crate::{
    document::{Document, Stored, stored::Origin},
    error::{Code, Error, Result},
    format::{
        Envelope, FORMAT_VERSION, Key, Nonce,
        body::{self, UnknownMembers},
        envelope::{self, Past, State},
        index_key::IndexEntries,
        path::EncodedId,
        quarantine, upgrade,
    },
    protocol::Settled,
};

/// What a change replaces.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) settled: Settled,
    /// The entries of the replaced document; empty for a tombstone or a stub.
    pub(crate) entries: IndexEntries,
}

/// One change: what is replaced, and by what.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) id: EncodedId,
    /// `None`: a create that expects nothing to be there.
    pub(crate) base: Option<Base>,
    /// The new envelope; `put`, `catalog`, `index` and `unique` are set by the plan.
    pub(crate) envelope: Envelope,
    pub(crate) body: Bytes,
    pub(crate) entries: IndexEntries,
}

impl Change {
    /// The document becomes `value`, with the unknown members of what it replaces.
    pub(crate) fn write<T: Document>(
        engine: &Engine,
        collection: &Collection,
        id: &EncodedId,
        base: Option<Base>,
        value: &T,
        unknown: &UnknownMembers,
    ) -> Result<Self> {
        let body = body::encode(value, unknown)?;
        let entries = read::index_entries(collection, value)
            .map_err(|error| read::at(collection, id, error))?;
        Self::of_body(engine, collection, id, base, body, entries)
    }

    /// The document's JSON becomes `body`, which has these entries.
    pub(crate) fn of_body(
        engine: &Engine,
        collection: &Collection,
        id: &EncodedId,
        base: Option<Base>,
        body: Bytes,
        entries: IndexEntries,
    ) -> Result<Self> {
        if body.len() > engine.limits.document_bytes {
            let text = format!(
                "the document takes {} bytes, the limit is {}",
                body.len(),
                engine.limits.document_bytes
            );
            return Err(read::at(collection, id, Error::new(Code::TOO_LARGE, text)));
        }
        let envelope = next_envelope(engine, collection, base.as_ref(), State::Live);
        Ok(Self {
            id: id.clone(),
            base,
            envelope,
            body,
            entries,
        })
    }

    /// The document was moved aside to `place`: a tombstone that says so. What its entries are is not known; queries find
    /// them stale.
    pub(crate) fn quarantine(
        engine: &Engine,
        collection: &Collection,
        id: &EncodedId,
        fetched: &Fetched,
        place: &Key,
    ) -> Self {
        let base = Base {
            settled: fetched.settled.clone(),
            entries: read::no_entries(collection),
        };
        Self {
            body: quarantine::tombstone(place),
            ..Self::delete(engine, collection, id, base)
        }
    }

    /// The document is deleted: a tombstone without members (rule S28).
    pub(crate) fn delete(
        engine: &Engine,
        collection: &Collection,
        id: &EncodedId,
        base: Base,
    ) -> Self {
        let envelope = next_envelope(engine, collection, Some(&base), State::Deleted);
        let entries = read::no_entries(collection);
        Self {
            id: id.clone(),
            base: Some(base),
            envelope,
            body: Bytes::from_static(b"{}"),
            entries,
        }
    }
}

impl Base {
    pub(crate) fn envelope(&self) -> &Envelope {
        &self.settled.opened.envelope
    }

    /// What a fetched object is replaced as.
    pub(crate) fn of<T: Document>(
        collection: &Collection,
        id: &EncodedId,
        fetched: &Fetched,
    ) -> Result<Self> {
        upgrade::check_replaceable(collection.spec, &fetched.settled.opened)
            .map_err(|error| read::at(collection, id, error))?;
        let entries = read::entries_of::<T>(collection, id, fetched)?;
        Ok(Self {
            settled: fetched.settled.clone(),
            entries,
        })
    }
}

/// A loaded document as it was when it was loaded, and whether it may be replaced without being read again: not when its
/// version is unknown, since it was overwritten before the reply came, or was read while a transaction was undecided, or
/// comes from a transaction.
pub(crate) fn origin<T: Document>(
    collection: &Collection,
    id: &EncodedId,
    stored: &Stored<T>,
) -> Result<(Fetched, bool)> {
    let Origin { version, bytes } = stored.origin().clone();
    let opened = envelope::open(&bytes).map_err(|error| read::at(collection, id, error))?;
    let is_known = version.is_some();
    let settled = Settled {
        version: version.unwrap_or_default(),
        opened,
        bears_intent: true, // Perhaps; then a fence must leave what was committed.
    };
    let fetched = Fetched { settled, bytes };
    // The key must be the one that it was loaded under.
    read::entries_of::<T>(collection, id, &fetched).map_err(own_key)?;
    Ok((fetched, is_known))
}

/// The stored bytes had the id of their path when they were read: the document's key was changed since.
fn own_key(error: Error) -> Error {
    if error.code() != Code::CORRUPT_ID.text() {
        return error;
    }
    let text = "the key of a stored document must not change; create a new document instead";
    Error::new(Code::INVALID_ID, text)
}

fn next_envelope(
    engine: &Engine,
    collection: &Collection,
    base: Option<&Base>,
    state: State,
) -> Envelope {
    let now = engine.now();
    let was_live = base.filter(|base| base.envelope().state == State::Live);
    Envelope {
        put: engine.nonce(),
        format: FORMAT_VERSION,
        needs: Vec::new(),
        schema: collection.spec.schema_version,
        shape: collection.shape.clone(),
        state,
        rev: base.map_or(1, |base| base.envelope().rev + 1),
        write: engine.nonce(),
        rewrite: false,
        prev: base.map_or_else(Vec::new, |base| base.envelope().lineage()),
        created: was_live.map_or(Some(now), |base| base.envelope().created),
        updated: Some(now),
        catalog: 0,
        index: Default::default(),
        unique: Default::default(),
        intent: None,
    }
}

/// Whether everything that happened to a document since `(rev, write)` was a background rewrite (rule S21), so that a
/// `save` may try again by itself.
pub(crate) fn only_rewrites_since(rev: u64, write: Nonce, current: &Envelope) -> bool {
    let newest = Past {
        rev: current.rev,
        write: current.write,
        rewrite: current.rewrite,
    };
    let mut chain = std::iter::once(&newest).chain(&current.prev);
    loop {
        match chain.next() {
            Some(past) if (past.rev, past.write) == (rev, write) => return true,
            Some(past) if past.rewrite => {}
            _ => return false,
        }
    }
}
