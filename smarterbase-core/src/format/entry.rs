//! Names of object-index entries and their tags.

use super::{Key, Nonce, Prefix, index_key::EncodedValue, path::EncodedId};

/// The tag of one entry: `<base revision>-<write nonce>-<first 8 hex of sha256(encoded value)>` (rules S13, S14).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    /// The revision that the announced write replaces; 0 for a new document.
    pub base: u64,
    /// The write that announced the entry.
    pub write: Nonce,
    /// The first 8 hex digits of sha256 of the encoded value.
    pub check: [u8; 8],
}

impl Tag {
    /// The tag of an entry for `value`.
    #[must_use]
    pub fn new(_base: u64, _write: Nonce, _value: &EncodedValue) -> Self {
        todo!()
    }

    /// Reads a tag.
    #[must_use]
    pub fn parse(_text: &str) -> Option<Self> {
        todo!()
    }

    /// Whether the tag belongs to `value`; a tag that does not is no tag (rule S14).
    #[must_use]
    pub fn matches(&self, _value: &EncodedValue) -> bool {
        todo!()
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}

/// One entry as its name says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryName {
    /// The encoded value.
    pub value: EncodedValue,
    /// The document.
    pub id: EncodedId,
    /// The announcement.
    pub tag: Tag,
}

impl EntryName {
    /// `_index/<collection>/<index>/<value>/<id>.json!<tag>`, the value in lower-case base32hex.
    #[must_use]
    pub fn key(&self, _collection: &str, _index: &str) -> Key {
        todo!()
    }

    /// Reads an entry's path below `prefix` (that of [`path::entries`](super::path::entries)).
    #[must_use]
    pub fn parse(_prefix: &Prefix, _key: &Key) -> Option<Self> {
        todo!()
    }
}

/// The smallest path below `prefix` whose value is at least `value`; for `start-after` of a LIST.
#[must_use]
pub fn seek(_prefix: &Prefix, _value: &[u8]) -> Key {
    todo!()
}

/// The folder of one value below `prefix`: `<prefix><value in base32hex>/`.
#[must_use]
pub fn folder(_prefix: &Prefix, _value: &[u8]) -> Prefix {
    todo!()
}
