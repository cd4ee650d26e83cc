//! The verbs on one document, each built from one or more changes. A lost race is decided here, in the caller's future.

pub(crate) mod create;
pub(crate) mod remove;
pub(crate) mod replace;
pub(crate) mod save;
pub(crate) mod untyped;
pub(crate) mod update;

use super::{Collection, read, write::Written};
use crate::{
    document::{Document, DocumentKey, Stored, stored::Origin},
    error::{Code, Error, Result},
    format::path::EncodedId,
};

/// The encoded id of a key.
pub(crate) fn encode_key<K: DocumentKey>(collection: &Collection, key: &K) -> Result<EncodedId> {
    EncodedId::encode(&key.to_text()).map_err(|error| error.in_collection(collection.name()))
}

/// A document as it was just written.
pub(crate) fn stored<T: Document>(mut value: T, written: Written) -> Stored<T> {
    value.set_revision(written.envelope.rev);
    let meta = read::meta(&written.envelope, written.bytes.len());
    Stored::new(
        value,
        meta,
        Origin {
            version: written.version,
            bytes: written.bytes,
        },
    )
}

/// The rules of the type's own attributes; every violation is reported.
pub(crate) fn validate<T: Document>(collection: &Collection, value: &T) -> Result<()> {
    value.check_rules().map_err(|violations| {
        Error::new(Code::INVALID, "the document breaks its rules")
            .with_violations(violations)
            .in_collection(collection.name())
    })
}

pub(crate) fn revision_conflict(collection: &Collection, id: &EncodedId) -> Error {
    let text = "the document changed since it was read; read it again and decide";
    read::at(collection, id, Error::new(Code::REVISION, text))
}

pub(crate) fn not_found(collection: &Collection, id: &EncodedId) -> Error {
    read::at(
        collection,
        id,
        Error::new(Code::NOT_FOUND, "there is no such document"),
    )
}

pub(crate) fn contention(collection: &Collection, id: &EncodedId, attempts: u32) -> Error {
    let text =
        format!("others kept winning; gave up after {attempts} attempts, nothing was written");
    read::at(collection, id, Error::new(Code::CONTENTION, text))
}
