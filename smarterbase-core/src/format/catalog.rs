//! The catalog object of one collection: what its writers agreed on.

mod text;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::{Envelope, Nonce, envelope};
use crate::{document::IndexKind, error::Result, migration::Versions};

/// The state of a definition, or of a definition on one backend.
///
/// An unknown text reads as [`Down`](Self::Down), and stands as `state` in the `unknown` members beside it. It is written
/// again as it was as long as the state is `Down` (rule S9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Declared, not maintained by anyone yet.
    Pending,
    /// Maintained by every writer; not complete.
    Building,
    /// Complete: readers use it.
    Ready,
    /// Somebody could not maintain it.
    Down,
    /// Taken out of use.
    Retired,
}

impl State {
    /// Whether every writer keeps it up: it is building or ready.
    ///
    /// ```
    /// use smarterbase_core::format::catalog::State;
    /// assert!(State::Building.is_maintained());
    /// assert!(!State::Down.is_maintained());
    /// ```
    #[must_use]
    pub fn is_maintained(self) -> bool {
        matches!(self, Self::Building | Self::Ready)
    }

    /// Whether an index in this state is to be built again without being asked: it is down, or somebody began to build it.
    ///
    /// ```
    /// use smarterbase_core::format::catalog::State;
    /// assert!(State::Down.is_lost() && State::Building.is_lost());
    /// assert!(!State::Pending.is_lost());
    /// ```
    #[must_use]
    pub fn is_lost(self) -> bool {
        matches!(self, Self::Down | Self::Building)
    }
}

/// One definition on one backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// The state there.
    pub state: State,
    /// +1 on every `Building` and `Down` (rule S5).
    pub generation: u64,
    /// Members that this build does not know.
    pub unknown: BTreeMap<String, Value>,
}

/// One index or unique definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// A stable number, given once; it names the keys of the definition in Redis.
    pub number: u32,
    /// Index or unique.
    pub kind: IndexKind,
    /// The full definition (rule S11).
    pub text: String,
    /// The catalog revision since which writers maintain it (rule S2).
    pub since: u64,
    /// For a unique definition its state; an index has one per backend.
    pub state: Option<State>,
    /// Per backend name (`objects`, `redis`, `local`).
    pub backends: BTreeMap<String, Placement>,
    /// Members that this build does not know.
    pub unknown: BTreeMap<String, Value>,
}

/// Who builds what is `building`. Others leave it to that run for as long as its beat goes on, each counting on a clock of
/// its own; no safety rests on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Builder {
    /// The run, named anew each time.
    pub run: Nonce,
    /// How often it showed that it lives.
    pub beat: u64,
}

/// The decoded catalog of one collection. Members that this build does not know are kept (rule S9).
#[derive(Clone, Debug, PartialEq)]
pub struct Catalog {
    /// The envelope; `rev` is the catalog revision of `_sb.catalog`.
    pub envelope: Envelope,
    /// The collection.
    pub collection: String,
    /// 1 or 16.
    pub shards: u8,
    /// `uuid`, `text` or `unsigned`.
    pub key_kind: String,
    /// The lowest schema version that writers may still write.
    pub writable_from: u32,
    /// The lowest version of each embedded type that writers may still write.
    pub embedded_from: Versions,
    /// Per backend name the registered instance, `redis:<nonce>` (rule S6); `objects` is its own instance.
    pub instances: BTreeMap<String, String>,
    /// The next number to give.
    pub next_number: u32,
    /// Who builds what can be lost, if anybody does.
    pub builder: Option<Builder>,
    /// Every definition, by name.
    pub definitions: BTreeMap<String, Entry>,
    /// Members that this build does not know.
    pub unknown: BTreeMap<String, Value>,
}

impl Catalog {
    /// Whether writers and readers do the same by both: all is equal but the envelope and who builds.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        let this = Self {
            envelope: other.envelope.clone(),
            builder: other.builder.clone(),
            ..self.clone()
        };
        this == *other
    }

    /// The bytes: `{"_sb":{…},"collection":"users",…}`. Unknown members come after the known ones, sorted by name.
    #[must_use]
    pub fn seal(&self) -> Bytes {
        let body = serde_json::to_vec(&text::Body::from(self))
            .expect("a catalog is JSON, and memory takes it");
        self.envelope.seal(&body)
    }

    /// Reads a catalog.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): as
    /// [`envelope::open`].
    pub fn open(bytes: &Bytes) -> Result<Self> {
        let (envelope, body): (_, text::Body) = envelope::open_as(bytes, "the catalog")?;
        Ok(body.into_catalog(envelope))
    }
}
