//! The envelope: the reserved first member `_sb` of every object that is compare-and-swapped.

mod split;
mod text;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{
    FORMAT_VERSION, Nonce,
    intent::Intent,
    json::{self, Members, ObjectWriter},
};
use crate::{
    document::Timestamp,
    error::{Code, Error, Result},
    migration::Versions,
};

/// The reserved member.
const MEMBER: &str = "_sb";

/// Whether a document is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The document exists.
    Live,
    /// The document was deleted: a tombstone.
    Deleted,
    /// The document never existed: left by a fence or a rolled-back create.
    Stub,
}

/// One earlier version in `prev`: `[rev, write]`, or `[rev, write, true]` for a background rewrite (rule S21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Past {
    /// Its revision.
    pub rev: u64,
    /// Its write id.
    pub write: Nonce,
    /// Whether it was a background rewrite.
    pub rewrite: bool,
}

/// What a body looks like, besides the version of its type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BodyShape {
    /// The deep seal of the type that wrote the body: equal for programs that store alike.
    pub seal: Option<u64>,
    /// The versions of the embedded types in it that were not at version 1.
    pub embedded: Versions,
    /// The lowest version whose programs can read the body as it is; `None` when only those of its own version can.
    pub readable_by: Option<u32>,
}

impl BodyShape {
    /// The stored text of the seal: 16 hex digits.
    #[must_use]
    pub fn seal_text(&self) -> Option<String> {
        self.seal.map(smarterbase_schema::digest::hex)
    }

    /// The shape of these stored members. A seal that is none of ours equals no seal, so its document takes the slow path.
    #[must_use]
    pub fn read(
        seal: Option<&str>,
        embedded: BTreeMap<String, u32>,
        readable_by: Option<u32>,
    ) -> Self {
        let bits = |text: &str| u64::from_str_radix(text, 16).ok();
        Self {
            seal: seal.filter(|text| text.len() == 16).and_then(bits),
            embedded: Versions(embedded),
            readable_by,
        }
    }
}

/// The decoded `_sb` member. Members appear in this order, `put` always first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Envelope {
    /// New for every physical put.
    pub put: Nonce,
    /// The format version.
    pub format: u32,
    /// Format features that a reader must know.
    pub needs: Vec<String>,
    /// The schema version of the body; 0 for objects that are no documents.
    pub schema: u32,
    /// What the body looks like, besides its version.
    pub shape: BodyShape,
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Opened {
    /// The envelope; for an object without one, the envelope of revision 0 (its write id is made of sha256(bytes)).
    pub envelope: Envelope,
    /// Whether the object had an envelope.
    pub has_envelope: bool,
    /// The rest of the object as JSON text of its own, without `_sb`.
    pub body: Bytes,
}

impl Opened {
    /// Whether a program wrote the body at a schema version. A body from somewhere else has none, also when a transaction put
    /// an envelope around it to place its intent there: that one says 0.
    #[must_use]
    pub const fn has_version(&self) -> bool {
        self.envelope.schema > 0
    }
}

impl Envelope {
    /// How many earlier versions `prev` keeps.
    pub const PREVIOUS: usize = 8;

    /// The `prev` of the version that follows this one: this version first, then its own, at most [`Self::PREVIOUS`].
    #[must_use]
    pub fn lineage(&self) -> Vec<Past> {
        let this = Past {
            rev: self.rev,
            write: self.write,
            rewrite: self.rewrite,
        };
        std::iter::once(this)
            .chain(self.prev.iter().copied())
            .take(Self::PREVIOUS)
            .collect()
    }

    /// Writes the object: `{"_sb":{…},…body…}`. `body` is the JSON text of an object, `{}` when there is none.
    #[must_use]
    pub fn seal(&self, body: &[u8]) -> Bytes {
        let mut object = Vec::with_capacity(512 + body.len());
        object.extend_from_slice(b"{\"_sb\":");
        serde_json::to_writer(&mut object, &text::Written::from(self))
            .expect("an envelope is JSON, and memory takes it");
        match members_of(body) {
            b"" => {}
            members => {
                object.push(b',');
                object.extend_from_slice(members);
            }
        }
        object.push(b'}');
        object.into()
    }

    /// The envelope of the first version of an object that is no document: revision 1, written by the put itself.
    #[must_use]
    pub fn first(put: Nonce) -> Self {
        Self {
            rev: 1,
            ..Self::of_hand_made(put)
        }
    }

    /// The envelope of the version after `before` of an object that is no document; of its first one where there is none.
    #[must_use]
    pub fn next(before: Option<&Self>, put: Nonce, write: Nonce) -> Self {
        Self {
            rev: before.map_or(0, |envelope| envelope.rev) + 1,
            write,
            prev: before.map_or_else(Vec::new, Self::lineage),
            created: before.and_then(|envelope| envelope.created),
            ..Self::first(put)
        }
    }

    /// The envelope of an object that has none: revision 0, with nonces made of sha256 of its bytes.
    fn of_hand_made(made: Nonce) -> Self {
        Self {
            put: made,
            format: FORMAT_VERSION,
            needs: Vec::new(),
            schema: 0,
            shape: BodyShape::default(),
            state: State::Live,
            rev: 0,
            write: made,
            rewrite: false,
            prev: Vec::new(),
            created: None,
            updated: None,
            catalog: 0,
            index: BTreeMap::new(),
            unique: BTreeMap::new(),
            intent: None,
        }
    }
}

/// What stands between the braces of an object's text.
fn members_of(body: &[u8]) -> &[u8] {
    let inner = json::trim(body)
        .strip_prefix(b"{")
        .and_then(|rest| rest.strip_suffix(b"}"));
    json::trim(inner.expect("a body is the text of a JSON object"))
}

/// Splits an object. `_sb` first is the fast path; elsewhere (a person ran `jq -S`) the slow path finds it.
///
/// With `_sb` first, only the envelope is parsed: of the body, just its braces are checked here, and the rest by
/// [`body::decode`](super::body::decode). An object without `_sb` has revision 0 and its own bytes as body.
///
/// # Errors
/// - [`Corrupt`](crate::ErrorKind::Corrupt): not a JSON object in UTF-8, or a malformed or second envelope.
/// - [`Unsupported`](crate::ErrorKind::Unsupported): a newer format, or a feature in `needs` that this build lacks.
pub fn open(bytes: &Bytes) -> Result<Opened> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::new(Code::CORRUPT, "the object is not UTF-8"))?;
    match split::first_member(text) {
        Some((envelope, rest)) => open_fast(envelope?, rest),
        None => open_slow(bytes),
    }
}

/// Opens an object that is no document, and reads its members. `what` it is stands in the error.
pub(crate) fn open_as<T: DeserializeOwned>(bytes: &Bytes, what: &str) -> Result<(Envelope, T)> {
    let opened = open(bytes)?;
    let members =
        serde_json::from_slice(&opened.body).map_err(|error| json::corrupt(what, &error))?;
    Ok((opened.envelope, members))
}

fn open_fast(envelope: Envelope, rest: &str) -> Result<Opened> {
    Ok(Opened {
        envelope,
        has_envelope: true,
        body: split::body(rest)?,
    })
}

fn open_slow(bytes: &Bytes) -> Result<Opened> {
    let members = Members::read(bytes).map_err(|error| json::corrupt("the object", &error))?;
    let mut envelopes = members.0.iter().filter(|(name, _)| name == MEMBER);
    match (envelopes.next(), envelopes.next()) {
        (None, _) => Ok(Opened {
            envelope: Envelope::of_hand_made(digest_nonce(bytes)),
            has_envelope: false,
            body: bytes.clone(),
        }),
        (Some((_, envelope)), None) => Ok(Opened {
            envelope: text::read(envelope)?,
            has_envelope: true,
            body: without_envelope(&members),
        }),
        (Some(_), Some(_)) => Err(Error::new(Code::CORRUPT, "the object has two envelopes")),
    }
}

fn without_envelope(members: &Members<'_>) -> Bytes {
    let mut body = ObjectWriter::default();
    for (name, value) in members.0.iter().filter(|(name, _)| name != MEMBER) {
        body.push(name, value.get());
    }
    body.finish().into()
}

/// The physical nonce of an object, when it starts with `{"_sb":{"put":"…20 characters…"`. Never parses further.
#[must_use]
pub fn physical_nonce(bytes: &[u8]) -> Option<Nonce> {
    let (nonce, rest) = bytes
        .strip_prefix(b"{\"_sb\":{\"put\":\"")?
        .split_at_checked(Nonce::LENGTH)?;
    let nonce = Nonce::parse(std::str::from_utf8(nonce).ok()?)?;
    rest.starts_with(b"\"").then_some(nonce)
}

/// What identifies the bytes of any object: its physical nonce, else one made of sha256 of the bytes.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> Nonce {
    physical_nonce(bytes).unwrap_or_else(|| digest_nonce(bytes))
}

/// The first 100 bits of sha256.
fn digest_nonce(bytes: &[u8]) -> Nonce {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let (first, _) = digest.split_first_chunk().expect("32 is more than 13");
    Nonce::from_random(*first)
}
