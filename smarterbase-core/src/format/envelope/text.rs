//! The JSON text of the `_sb` member.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
    ser::SerializeTuple,
};
use serde_json::value::RawValue;

use super::{BodyShape, Envelope, Past, State};
use crate::{
    document::Timestamp,
    error::{Code, Error, Result},
    format::{FORMAT_VERSION, KNOWN_FEATURES, Nonce, intent::Intent, json},
};

/// The members in the order in which they are written.
#[derive(Serialize)]
pub(super) struct Written<'a> {
    put: Nonce,
    format: u32,
    needs: &'a [String],
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    seal: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    embedded: &'a BTreeMap<String, u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    readable_by: Option<u32>,
    state: State,
    rev: u64,
    write: Nonce,
    #[serde(skip_serializing_if = "is_false")]
    rewrite: bool,
    prev: &'a [Past],
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<Timestamp>,
    catalog: u64,
    index: &'a BTreeMap<String, Vec<String>>,
    unique: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<&'a RawValue>,
}

impl<'a> From<&'a Envelope> for Written<'a> {
    fn from(envelope: &'a Envelope) -> Self {
        Self {
            put: envelope.put,
            format: envelope.format,
            needs: &envelope.needs,
            schema: envelope.schema,
            seal: envelope.shape.seal_text(),
            embedded: &envelope.shape.embedded.0,
            readable_by: envelope.shape.readable_by,
            state: envelope.state,
            rev: envelope.rev,
            write: envelope.write,
            rewrite: envelope.rewrite,
            prev: &envelope.prev,
            created: envelope.created,
            updated: envelope.updated,
            catalog: envelope.catalog,
            index: &envelope.index,
            unique: &envelope.unique,
            intent: envelope.intent.as_ref().map(raw),
        }
    }
}

fn raw(intent: &Intent) -> &RawValue {
    serde_json::from_str(intent.text()).expect("the text of an intent is JSON")
}

/// The members that are read. Others are not: what a reader must know is announced in `needs`.
#[derive(Deserialize)]
struct Read<'a> {
    put: Nonce,
    format: u32,
    #[serde(default)]
    needs: Vec<String>,
    schema: u32,
    #[serde(default, borrow)]
    seal: Option<Cow<'a, str>>,
    #[serde(default)]
    embedded: BTreeMap<String, u32>,
    #[serde(default)]
    readable_by: Option<u32>,
    state: State,
    rev: u64,
    write: Nonce,
    #[serde(default)]
    rewrite: bool,
    #[serde(default)]
    prev: Vec<Past>,
    created: Option<Timestamp>,
    updated: Option<Timestamp>,
    #[serde(default)]
    catalog: u64,
    #[serde(default)]
    index: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    unique: BTreeMap<String, String>,
    #[serde(borrow)]
    intent: Option<&'a RawValue>,
}

/// What every format keeps, so that a newer one is refused by name instead of being called corrupt.
#[derive(Deserialize)]
struct Promise {
    format: u32,
    #[serde(default)]
    needs: Vec<String>,
}

/// Reads the value of `_sb`.
pub(super) fn read(envelope: &RawValue) -> Result<Envelope> {
    let members = serde_json::from_str::<Read<'_>>(envelope.get());
    let refusal = match &members {
        Ok(members) => refusal(members.format, &members.needs),
        Err(_) => serde_json::from_str::<Promise>(envelope.get())
            .ok()
            .and_then(|promise| refusal(promise.format, &promise.needs)),
    };
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    members
        .map_err(|error| json::corrupt("the envelope", &error))
        .and_then(complete)
}

/// Reads an envelope at the start of `text` and tells where it ends, in one pass. `None`: it is not one, and [`read`]
/// says why.
pub(super) fn read_first(text: &str) -> Option<(Result<Envelope>, usize)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Read<'_>>();
    let members = values.next()?.ok()?;
    let envelope = match refusal(members.format, &members.needs) {
        Some(refusal) => Err(refusal),
        None => complete(members),
    };
    Some((envelope, values.byte_offset()))
}

fn complete(members: Read<'_>) -> Result<Envelope> {
    let envelope =
        Envelope::try_from(members).map_err(|error| json::corrupt("the envelope", &error))?;
    check_lineage(&envelope)?;
    Ok(envelope)
}

impl TryFrom<Read<'_>> for Envelope {
    type Error = serde_json::Error;

    fn try_from(members: Read<'_>) -> Result<Self, serde_json::Error> {
        Ok(Self {
            put: members.put,
            format: members.format,
            needs: members.needs,
            schema: members.schema,
            shape: BodyShape::read(
                members.seal.as_deref(),
                members.embedded,
                members.readable_by,
            ),
            state: members.state,
            rev: members.rev,
            write: members.write,
            rewrite: members.rewrite,
            prev: members.prev,
            created: members.created,
            updated: members.updated,
            catalog: members.catalog,
            index: members.index,
            unique: members.unique,
            intent: members.intent.map(Intent::read).transpose()?,
        })
    }
}

fn refusal(format: u32, needs: &[String]) -> Option<Error> {
    let unsupported = |text: String| Some(Error::new(Code::UNSUPPORTED_FORMAT, text));
    if format > FORMAT_VERSION {
        return unsupported(format!(
            "the object has format {format}; this build reads up to {FORMAT_VERSION}"
        ));
    }
    match needs
        .iter()
        .find(|need| !KNOWN_FEATURES.contains(&need.as_str()))
    {
        Some(need) => unsupported(format!(
            "the object needs the feature `{}`, which this build does not know",
            need.escape_debug()
        )),
        None => None,
    }
}

/// Rule S20 concludes from `prev` what happened, so it is taken only as it was made: newest first, below `rev`.
fn check_lineage(envelope: &Envelope) -> Result<()> {
    let revisions = std::iter::once(envelope.rev).chain(envelope.prev.iter().map(|past| past.rev));
    if revisions.is_sorted_by(|newer, older| newer > older) {
        Ok(())
    } else {
        Err(Error::new(
            Code::CORRUPT,
            "the envelope's `prev` is not in order",
        ))
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl State {
    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Deleted => "deleted",
            Self::Stub => "stub",
        }
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = State;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a state")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<State, E> {
                [State::Live, State::Deleted, State::Stub]
                    .into_iter()
                    .find(|state| state.name() == name)
                    .ok_or_else(|| E::custom("not a state"))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

impl Serialize for Past {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(if self.rewrite { 3 } else { 2 })?;
        pair.serialize_element(&self.rev)?;
        pair.serialize_element(&self.write)?;
        if self.rewrite {
            pair.serialize_element(&true)?;
        }
        pair.end()
    }
}
impl<'de> Deserialize<'de> for Past {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;
        impl<'de> Visitor<'de> for Pair {
            type Value = Past;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[rev, write] or [rev, write, true]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Past, A::Error> {
                let short = || de::Error::custom("too short");
                Ok(Past {
                    rev: pair.next_element()?.ok_or_else(short)?,
                    write: pair.next_element()?.ok_or_else(short)?,
                    rewrite: pair.next_element()?.unwrap_or(false),
                })
            }
        }
        deserializer.deserialize_seq(Pair)
    }
}
