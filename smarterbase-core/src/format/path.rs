//! Object paths: the only place where one is built or parsed.

use std::{fmt, sync::Arc};

use crate::{
    document::{KeyKind, KeyText},
    error::Result,
};

/// The path of one object, relative to the root of the database: segments joined by `/`, ASCII, no empty segment.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

/// The beginning of paths, ending in `/` (or empty, for everything).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix(Arc<str>);

/// An id as it stands in paths: percent-encoded, 1 to 200 bytes, without `.json`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EncodedId(Arc<str>);

impl Key {
    /// Takes a path as it is; stores use it for what a LIST gave them.
    #[must_use]
    pub fn from_stored(path: impl Into<Arc<str>>) -> Self {
        Self(path.into())
    }

    /// The text of the path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl Prefix {
    /// Takes a prefix as it is.
    #[must_use]
    pub fn new(prefix: impl Into<Arc<str>>) -> Self {
        Self(prefix.into())
    }

    /// The text of the prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl EncodedId {
    /// Encodes the plain text of a key (DESIGN rules: everything outside `a-z 0-9 - _ .` as `%xx` with lower-case hex).
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid): empty, `..` inside, or over 200 bytes when encoded.
    pub fn encode(_text: &KeyText) -> Result<Self> {
        todo!()
    }

    /// Reads an encoded id; `None` when it is not the minimal encoding of its own text (rule S24).
    #[must_use]
    pub fn parse(_encoded: &str) -> Option<Self> {
        todo!()
    }

    /// The plain text.
    #[must_use]
    pub fn decode(&self) -> KeyText {
        todo!()
    }

    /// The encoded text, without `.json`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `<collection>/<id>.json`, or `<collection>/<x>/<id>.json` with 16 shards.
#[must_use]
pub fn document(_collection: &str, _shards: u8, _id: &EncodedId) -> Key {
    todo!()
}

/// The prefix of one shard (`0..shards`) of a collection's documents.
#[must_use]
pub fn documents(_collection: &str, _shards: u8, _shard: u8) -> Prefix {
    todo!()
}

/// The shard of an id: the first hex digit of sha256(plain id text) with 16 shards, else 0.
#[must_use]
pub fn shard_of(_shards: u8, _id: &EncodedId) -> u8 {
    todo!()
}

/// The id of a document path of this collection; `None` for anything that is not a document.
#[must_use]
pub fn parse_document(
    _collection: &str,
    _shards: u8,
    _kind: KeyKind,
    _key: &Key,
) -> Option<EncodedId> {
    todo!()
}

/// `_unique/<collection>/<index>/<hash>.json`.
#[must_use]
pub fn claim(_collection: &str, _index: &str, _hash: &str) -> Key {
    todo!()
}

/// `_index/<collection>/<index>/`.
#[must_use]
pub fn entries(_collection: &str, _index: &str) -> Prefix {
    todo!()
}

/// `_sys/collection/<collection>.json`.
#[must_use]
pub fn catalog(_collection: &str) -> Key {
    todo!()
}

/// `_sys/format.json`.
#[must_use]
pub fn database() -> Key {
    todo!()
}

/// `_sys/cursor-keys.json`.
#[must_use]
pub fn cursor_keys() -> Key {
    todo!()
}

macro_rules! text_traits {
    ($($type:ident),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    )*};
}
text_traits!(Key, Prefix, EncodedId);
