//! Claim objects: who holds a unique value.

use bytes::Bytes;

use super::{Envelope, index_key::EncodedValue};
use crate::error::Result;

/// A decoded claim. `owner` is the path of a document, `users/0199….json`; `None` when it was released.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The envelope: claims have revisions and lineage like documents.
    pub envelope: Envelope,
    /// The path of the document that took the claim.
    pub owner: Option<String>,
}

/// The first 40 hex digits of sha256(collection 00 index 00 uncut encoded value).
#[must_use]
pub fn hash(_collection: &str, _index: &str, _value: &EncodedValue) -> String {
    todo!()
}

impl Claim {
    /// The bytes: `{"_sb":{…},"owner":"users/….json"}`. The value itself is not stored: it can be a secret.
    #[must_use]
    pub fn seal(&self) -> Bytes {
        todo!()
    }

    /// Reads a claim.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): as
    /// [`envelope::open`](super::envelope::open).
    pub fn open(_bytes: &Bytes) -> Result<Self> {
        todo!()
    }
}
