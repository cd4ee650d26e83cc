//! The body of a document: the user's JSON, its unknown members and its id.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::{
    document::{Document, DocumentSpec},
    error::Result,
};

/// A member of the stored JSON that the type does not have, kept as text.
pub type UnknownMembers = Vec<(String, Box<RawValue>)>;

/// The top-level members of `body` that are neither stored names nor aliases of the type, in stored order.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt): not a JSON object.
pub fn unknown_members(_spec: &DocumentSpec, _body: &[u8]) -> Result<UnknownMembers> {
    todo!()
}

/// The JSON text of a document with its unknown members after its own.
///
/// # Errors
/// - [`Invalid`](crate::ErrorKind::Invalid): it does not serialize to a JSON object, or has a member starting with `_sb`.
pub fn encode<T: Document>(_value: &T, _unknown: &UnknownMembers) -> Result<Bytes> {
    todo!()
}

/// Decodes a body. A body without the key field gets it from `key_json` (the id of the path, as JSON).
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt): not the JSON that the type says. The message holds the place, never a value.
pub fn decode<T: Document>(_body: &[u8], _key: &T::Key) -> Result<T> {
    todo!()
}
