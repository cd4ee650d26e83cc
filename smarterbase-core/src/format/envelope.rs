//! The envelope: the reserved first member `_sb` of every object that is compare-and-swapped.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Nonce, intent::Intent};
use crate::{document::Timestamp, error::Result};

/// Whether a document is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The document exists.
    Live,
    /// The document was deleted: a tombstone.
    Deleted,
    /// The document never existed: left by a fence or a rolled-back create.
    Stub,
}

/// One earlier version in `prev`: `[rev, write]`, or `[rev, write, true]` for a background rewrite (rule S21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its revision.
    pub rev: u64,
    /// Its write id.
    pub write: Nonce,
    /// Whether it was a background rewrite.
    pub rewrite: bool,
}

/// The decoded `_sb` member. Members appear in this order, `put` always first.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// New for every physical put.
    pub put: Nonce,
    /// The format version.
    pub format: u32,
    /// Format features that a reader must know.
    pub needs: Vec<String>,
    /// The schema version of the body; 0 for objects that are no documents.
    pub schema: u32,
    /// Whether the document is there.
    pub state: State,
    /// The revision, strictly increasing, also across tombstones.
    pub rev: u64,
    /// New for every logical write.
    pub write: Nonce,
    /// Whether this version is a background rewrite (`"rewrite":true`, omitted when false).
    pub rewrite: bool,
    /// The last versions before this one, newest first, at most [`Envelope::PREVIOUS`].
    pub prev: Vec<Past>,
    /// When the document was created.
    pub created: Option<Timestamp>,
    /// When this revision was written.
    pub updated: Option<Timestamp>,
    /// The revision of the catalog that the write used (rule S2); 0 for objects that have none.
    pub catalog: u64,
    /// Per index definition (`plan-1f0c9a2b`) the tags of its object entries, in the order of the sorted distinct values.
    pub index: BTreeMap<String, Vec<String>>,
    /// Per unique definition the hash of the claim (rule S12).
    pub unique: BTreeMap<String, String>,
    /// A pending write of a transaction.
    pub intent: Option<Intent>,
}

/// An object split into its envelope and its body.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The envelope; for an object without one, the envelope of revision 0 (its write id is made of sha256(bytes)).
    pub envelope: Envelope,
    /// Whether the object had an envelope.
    pub has_envelope: bool,
    /// The rest of the object as JSON text of its own, without `_sb`.
    pub body: Bytes,
}

impl Envelope {
    /// How many earlier versions `prev` keeps.
    pub const PREVIOUS: usize = 8;

    /// The `prev` of the version that follows this one: this version first, then its own, at most [`Self::PREVIOUS`].
    #[must_use]
    pub fn lineage(&self) -> Vec<Past> {
        todo!()
    }

    /// Writes the object: `{"_sb":{…},…body…}`. `body` is the JSON text of an object, `{}` when there is none.
    #[must_use]
    pub fn seal(&self, _body: &[u8]) -> Bytes {
        todo!()
    }
}

/// Splits an object. `_sb` first is the fast path; elsewhere (a person ran `jq -S`) the slow path finds it.
///
/// # Errors
/// - [`Corrupt`](crate::ErrorKind::Corrupt): not a JSON object, or a malformed envelope.
/// - [`Unsupported`](crate::ErrorKind::Unsupported): a newer format, or a feature in `needs` that this build lacks.
pub fn open(_bytes: &Bytes) -> Result<Opened> {
    todo!()
}

/// The physical nonce of an object, when it starts with `{"_sb":{"put":"…20 characters…"`. Never parses further.
#[must_use]
pub fn physical_nonce(_bytes: &[u8]) -> Option<Nonce> {
    todo!()
}

/// What identifies the bytes of any object: its physical nonce, else one made of sha256 of the bytes.
#[must_use]
pub fn fingerprint(_bytes: &[u8]) -> Nonce {
    todo!()
}
