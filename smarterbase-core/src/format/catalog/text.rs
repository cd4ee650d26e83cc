//! The JSON text of a catalog.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::{Builder, Catalog, Entry, Placement, State};
use crate::{
    document::IndexKind,
    format::{Envelope, Nonce, definition::kind_name},
    migration::Versions,
};

/// The member that holds a state.
const STATE: &str = "state";

/// The members beside the envelope, in the order in which they are written.
#[derive(Serialize, Deserialize)]
pub(super) struct Body {
    collection: String,
    shards: u8,
    key_kind: String,
    writable_from: u32,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    embedded_from: BTreeMap<String, u32>,
    instances: BTreeMap<String, String>,
    next_number: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    builder: Option<Run>,
    definitions: BTreeMap<String, Definition>,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Run {
    run: Nonce,
    beat: u64,
}

#[derive(Serialize, Deserialize)]
struct Definition {
    number: u32,
    kind: Kind,
    text: String,
    since: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(default)]
    backends: BTreeMap<String, Backend>,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Backend {
    state: String,
    generation: u64,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

/// [`IndexKind`] by its stored name.
#[derive(Clone, Copy)]
struct Kind(IndexKind);

impl From<&Catalog> for Body {
    fn from(catalog: &Catalog) -> Self {
        Self {
            collection: catalog.collection.clone(),
            shards: catalog.shards,
            key_kind: catalog.key_kind.clone(),
            writable_from: catalog.writable_from,
            embedded_from: catalog.embedded_from.0.clone(),
            instances: catalog.instances.clone(),
            next_number: catalog.next_number,
            builder: catalog.builder.as_ref().map(|builder| Run {
                run: builder.run,
                beat: builder.beat,
            }),
            definitions: each(&catalog.definitions, |(name, entry)| {
                (name.clone(), entry.into())
            }),
            unknown: catalog.unknown.clone(),
        }
    }
}

impl Body {
    pub(super) fn into_catalog(self, envelope: Envelope) -> Catalog {
        Catalog {
            envelope,
            collection: self.collection,
            shards: self.shards,
            key_kind: self.key_kind,
            writable_from: self.writable_from,
            embedded_from: Versions(self.embedded_from),
            instances: self.instances,
            next_number: self.next_number,
            builder: self.builder.map(|Run { run, beat }| Builder { run, beat }),
            definitions: each(self.definitions, |(name, entry)| (name, entry.into())),
            unknown: self.unknown,
        }
    }
}

impl From<&Entry> for Definition {
    fn from(entry: &Entry) -> Self {
        Self {
            number: entry.number,
            kind: Kind(entry.kind),
            text: entry.text.clone(),
            since: entry.since,
            state: entry.state.map(|state| written(state, &entry.unknown)),
            backends: each(&entry.backends, |(name, placement)| {
                (name.clone(), placement.into())
            }),
            unknown: without_state(&entry.unknown),
        }
    }
}
impl From<Definition> for Entry {
    fn from(mut stored: Definition) -> Self {
        Self {
            number: stored.number,
            kind: stored.kind.0,
            text: stored.text,
            since: stored.since,
            state: stored.state.map(|state| read(state, &mut stored.unknown)),
            backends: each(stored.backends, |(name, backend)| (name, backend.into())),
            unknown: stored.unknown,
        }
    }
}

impl From<&Placement> for Backend {
    fn from(placement: &Placement) -> Self {
        Self {
            state: written(placement.state, &placement.unknown),
            generation: placement.generation,
            unknown: without_state(&placement.unknown),
        }
    }
}
impl From<Backend> for Placement {
    fn from(mut stored: Backend) -> Self {
        Self {
            state: read(stored.state, &mut stored.unknown),
            generation: stored.generation,
            unknown: stored.unknown,
        }
    }
}

fn each<I: IntoIterator, V>(
    map: I,
    convert: impl FnMut(I::Item) -> (String, V),
) -> BTreeMap<String, V> {
    map.into_iter().map(convert).collect()
}

/// The state of a stored text. One that this build does not know is put among the unknown members, where
/// [`written`] finds it.
fn read(text: String, unknown: &mut BTreeMap<String, Value>) -> State {
    State::from_name(&text).unwrap_or_else(|| {
        unknown.insert(STATE.to_owned(), Value::String(text));
        State::Down
    })
}

/// The text of a state: while it is down, the one that was read.
fn written(state: State, unknown: &BTreeMap<String, Value>) -> String {
    match (state, unknown.get(STATE)) {
        (State::Down, Some(Value::String(text))) => text.clone(),
        _ => state.name().to_owned(),
    }
}

fn without_state(unknown: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut rest = unknown.clone();
    rest.remove(STATE);
    rest
}

impl State {
    const ALL: [Self; 5] = [
        Self::Pending,
        Self::Building,
        Self::Ready,
        Self::Down,
        Self::Retired,
    ];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Building => "building",
            Self::Ready => "ready",
            Self::Down => "down",
            Self::Retired => "retired",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(kind_name(self.0))
    }
}
impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        [IndexKind::Index, IndexKind::Unique]
            .into_iter()
            .find(|kind| kind_name(*kind) == name)
            .map(Self)
            .ok_or_else(|| de::Error::custom("not a kind of definition"))
    }
}
