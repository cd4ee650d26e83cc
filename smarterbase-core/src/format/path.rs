//! Object paths: the only place where one is built or parsed.

use std::{borrow::Cow, fmt, sync::Arc};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Nonce, intent::Attempt};
use crate::{
    document::{DocumentKey, KeyKind, KeyText},
    error::{Code, Error, Result},
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
    /// The longest encoded id in bytes: with `.json`, a tag and its `!` it still is one file name.
    pub const LONGEST: usize = 200;

    /// Encodes the plain text of a key: everything outside `a-z 0-9 - _ .` becomes `%xx`, the lower-case hex of its UTF-8
    /// bytes. The same on every store, and safe where file names ignore case.
    ///
    /// ```
    /// use smarterbase_core::{document::KeyText, format::path::EncodedId};
    /// let id = EncodedId::encode(&KeyText("Ada/1".into())).unwrap();
    /// assert_eq!(id.as_str(), "%41da%2f1");
    /// ```
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) (`SB-INVALID-ID`): empty, `..` inside, or over 200 bytes when encoded.
    pub fn encode(text: &KeyText) -> Result<Self> {
        let refuse = |why: &str| Err(Error::new(Code::INVALID_ID, why));
        if text.0.is_empty() {
            return refuse("the id is empty");
        }
        if text.0.contains("..") {
            return refuse("the id holds `..`");
        }
        let encoded = escape(&text.0);
        if encoded.len() > Self::LONGEST {
            return refuse("the id is longer than 200 bytes in its encoded form");
        }
        Ok(Self(encoded.into()))
    }

    /// Reads an encoded id; `None` when it is not the minimal encoding of its own text (rule S24).
    #[must_use]
    pub fn parse(encoded: &str) -> Option<Self> {
        let id = Self::encode(&KeyText(unescape(encoded)?)).ok()?;
        (id.as_str() == encoded).then_some(id)
    }

    /// The plain text.
    #[must_use]
    pub fn decode(&self) -> KeyText {
        KeyText(unescape(&self.0).expect("an encoded id was made by `encode`"))
    }

    /// The encoded text, without `.json`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands for itself in an encoded id.
const PLAIN: &AsciiSet = &lower_case_alphanumeric()
    .remove(b'-')
    .remove(b'_')
    .remove(b'.');

/// Every ASCII character to escape, except `a-z` and `0-9`.
const fn lower_case_alphanumeric() -> AsciiSet {
    let mut set = NON_ALPHANUMERIC.add(b'A');
    let mut letter = b'B';
    while letter <= b'Z' {
        set = set.add(letter);
        letter += 1;
    }
    set
}

fn escape(text: &str) -> Cow<'_, str> {
    // Nearly every id is plain; the walk through the crate costs ten times as much.
    if text.bytes().all(is_plain) {
        return text.into();
    }
    // The crate writes upper-case hex; the only upper-case letters in its output are those digits.
    utf8_percent_encode(text, PLAIN)
        .to_string()
        .to_ascii_lowercase()
        .into()
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.')
}

fn unescape(encoded: &str) -> Option<String> {
    if !encoded.contains('%') {
        return Some(encoded.to_owned());
    }
    percent_decode_str(encoded)
        .decode_utf8()
        .ok()
        .map(Into::into)
}

/// Whether `name` can be the stored name of a collection: `[a-z][a-z0-9-]*` (rule S24).
#[must_use]
pub fn is_collection_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// `<collection>/<id>.json`, or `<collection>/<x>/<id>.json` with 16 shards.
#[must_use]
pub fn document(collection: &str, shards: u8, id: &EncodedId) -> Key {
    let key = match shards {
        0 | 1 => [collection, "/", id.as_str(), ".json"].concat(),
        _ => {
            let shard = shard_of(shards, id);
            format!("{collection}/{shard:x}/{id}.json")
        }
    };
    Key(key.into())
}

/// The prefix of one shard (`0..shards`) of a collection's documents.
#[must_use]
pub fn documents(collection: &str, shards: u8, shard: u8) -> Prefix {
    match shards {
        0 | 1 => Prefix(format!("{collection}/").into()),
        _ => Prefix(format!("{collection}/{shard:x}/").into()),
    }
}

/// The shard of an id: the first hex digit of sha256(plain id text) with 16 shards, else 0.
#[must_use]
pub fn shard_of(shards: u8, id: &EncodedId) -> u8 {
    match shards {
        0 | 1 => 0,
        _ => Sha256::digest(id.decode().0)[0] >> 4,
    }
}

/// The id of a document path of this collection; `None` for anything that is not a document: another folder, another
/// shard than the id's, an escape that is not minimal (rule S24), an id that is no key of this kind.
#[must_use]
pub fn parse_document(collection: &str, shards: u8, kind: KeyKind, key: &Key) -> Option<EncodedId> {
    let (_, name) = key.as_str().rsplit_once('/')?;
    let id = EncodedId::parse(name.strip_suffix(".json")?)?;
    (is_key_of(kind, &id) && document(collection, shards, &id) == *key).then_some(id)
}

/// Whether the id is written as keys of this kind are: one key has one path.
fn is_key_of(kind: KeyKind, id: &EncodedId) -> bool {
    match kind {
        KeyKind::Text => true,
        KeyKind::Uuid => Uuid::from_text(id.as_str()).is_ok(),
        KeyKind::Unsigned => u64::from_text(id.as_str()).is_ok(),
    }
}

/// `_unique/<collection>/<index>/<hash>.json`.
#[must_use]
pub fn claim(collection: &str, index: &str, hash: &str) -> Key {
    Key(format!("_unique/{collection}/{index}/{hash}.json").into())
}

/// `_unique/<collection>/<index>/`.
#[must_use]
pub fn claims(collection: &str, index: &str) -> Prefix {
    Prefix(format!("_unique/{collection}/{index}/").into())
}

/// The hash in the path of a claim below [`claims`]; `None` when it is none.
#[must_use]
pub fn parse_claim(prefix: &Prefix, key: &Key) -> Option<String> {
    let name = key.as_str().strip_prefix(prefix.as_str())?;
    let hash = name.strip_suffix(".json")?;
    (!hash.contains('/')).then(|| hash.to_owned())
}

/// `_index/<collection>/<index>/`.
#[must_use]
pub fn entries(collection: &str, index: &str) -> Prefix {
    Prefix(format!("_index/{collection}/{index}/").into())
}

/// `_sys/collection/<collection>.json`.
#[must_use]
pub fn catalog(collection: &str) -> Key {
    Key(format!("_sys/collection/{collection}.json").into())
}

/// `_schema/<collection>/<version>.json`: what a sealed version looks like.
#[must_use]
pub fn schema(collection: &str, version: u32) -> Key {
    Key(format!("_schema/{collection}/{version}.json").into())
}

/// `_schema/<collection>/<version>-<hash>.json`: what a program adds to a published version.
#[must_use]
pub fn schema_addition(collection: &str, name: &str) -> Key {
    Key(format!("_schema/{collection}/{name}.json").into())
}

/// `_schema/<collection>/`: every published version.
#[must_use]
pub fn schemas(collection: &str) -> Prefix {
    Prefix(format!("_schema/{collection}/").into())
}

/// `_import/<collection>/<name>.json`: how far an import came.
#[must_use]
pub fn import(collection: &str, name: &str) -> Key {
    Key(format!("_import/{collection}/{name}.json").into())
}

/// `_snapshot/<collection>/`: packed copies of a collection's documents.
#[must_use]
pub fn snapshots(collection: &str) -> Prefix {
    Prefix(format!("_snapshot/{collection}/").into())
}

/// `_snapshot/<collection>/manifest.json`: which segments make the snapshot.
#[must_use]
pub fn snapshot_manifest(collection: &str) -> Key {
    Key(format!("_snapshot/{collection}/manifest.json").into())
}

/// `_snapshot/<collection>/<generation>/<number>.jsonl.lz4`: one segment, its number with six digits.
#[must_use]
pub fn snapshot_segment(collection: &str, generation: Nonce, number: usize) -> Key {
    Key(format!("_snapshot/{collection}/{generation}/{number:06}.jsonl.lz4").into())
}

/// The generation of a segment with this path; `None` for what is no segment.
#[must_use]
pub fn parse_snapshot_segment(collection: &str, key: &Key) -> Option<Nonce> {
    let path = key.as_str().strip_prefix(snapshots(collection).as_str())?;
    let (generation, name) = path.split_once('/')?;
    name.ends_with(".jsonl.lz4").then_some(())?;
    Nonce::parse(generation)
}

/// `_quarantine/<collection>/<id>/<rev>-<write>.json`: a version of a document that was moved aside.
#[must_use]
pub fn quarantined(collection: &str, id: &EncodedId, rev: u64, write: Nonce) -> Key {
    Key(format!("_quarantine/{collection}/{id}/{rev}-{write}.json").into())
}

/// `_quarantine/<collection>/`: every document that was moved aside.
#[must_use]
pub fn quarantine(collection: &str) -> Prefix {
    Prefix(format!("_quarantine/{collection}/").into())
}

/// Whether the path is one of the database's own settings, below `_sys/`.
#[must_use]
pub fn is_system(key: &Key) -> bool {
    key.as_str().starts_with("_sys/")
}

/// `_history/<collection>/<id>/`: the versions of one document that were replaced.
#[must_use]
pub fn history(collection: &str, id: &EncodedId) -> Prefix {
    Prefix(format!("_history/{collection}/{id}/").into())
}

/// `_history/<collection>/`: every version that was replaced.
#[must_use]
pub fn histories(collection: &str) -> Prefix {
    Prefix(format!("_history/{collection}/").into())
}

/// `_history/<collection>/<id>/<revision>-<write>.json`. The revision has 20 digits, so that a listing is in the order of
/// revisions; the write id tells the lives of an id apart (rule S16).
#[must_use]
pub fn replaced(collection: &str, id: &EncodedId, revision: u64, write: Nonce) -> Key {
    Key(format!("_history/{collection}/{id}/{revision:020}-{write}.json").into())
}

/// `_tx/`: every record.
#[must_use]
pub fn records() -> Prefix {
    Prefix("_tx/".into())
}

/// `_tx/<hh>/<attempt>.json`, where `hh` are the first two hex digits of sha256(attempt).
#[must_use]
pub fn record(attempt: &Attempt) -> Key {
    let spread = Sha256::digest(attempt.as_str())[0];
    Key(format!("_tx/{spread:02x}/{attempt}.json").into())
}

/// `_lock/<name>.json`: who holds the lock. The name is encoded as ids are.
#[must_use]
pub fn lock(name: &EncodedId) -> Key {
    Key(format!("_lock/{name}.json").into())
}

/// `_lock/`: every lock.
#[must_use]
pub fn locks() -> Prefix {
    Prefix("_lock/".into())
}

/// The name of the lock with this path; `None` for what is no lock.
#[must_use]
pub fn parse_lock(key: &Key) -> Option<EncodedId> {
    let name = key.as_str().strip_prefix("_lock/")?;
    EncodedId::parse(name.strip_suffix(".json")?)
}

/// `_counter/<name>.json`: the value of a counter. The name is encoded as ids are.
#[must_use]
pub fn counter(name: &EncodedId) -> Key {
    Key(format!("_counter/{name}.json").into())
}

/// `_counter/`: every counter.
#[must_use]
pub fn counters() -> Prefix {
    Prefix("_counter/".into())
}

/// `_sequence/<name>.json`: the next number of a sequence. The name is encoded as ids are.
#[must_use]
pub fn sequence(name: &EncodedId) -> Key {
    Key(format!("_sequence/{name}.json").into())
}

/// `_sequence/`: every sequence.
#[must_use]
pub fn sequences() -> Prefix {
    Prefix("_sequence/".into())
}

/// The name of the object with this path directly below a prefix of [`counters`] or [`sequences`]; `None` for what is none.
#[must_use]
pub fn parse_named(prefix: &Prefix, key: &Key) -> Option<EncodedId> {
    let name = key.as_str().strip_prefix(prefix.as_str())?;
    EncodedId::parse(name.strip_suffix(".json")?)
}

/// `_idem/<hash>.json`: the result of a transaction that has an idempotency key, of which this is the hash.
#[must_use]
pub fn result(hash: &str) -> Key {
    Key(format!("_idem/{hash}.json").into())
}

/// `_idem/`: every result.
#[must_use]
pub fn results() -> Prefix {
    Prefix("_idem/".into())
}

/// `_stage/<attempt>/<number>.json`: a large body of a pending write.
#[must_use]
pub fn staged(attempt: &Attempt, number: usize) -> Key {
    Key(format!("_stage/{attempt}/{number}.json").into())
}

/// `_stage/`: every staged body.
#[must_use]
pub fn all_staged() -> Prefix {
    Prefix("_stage/".into())
}

/// Whether the path is one of a staged body.
#[must_use]
pub fn is_staged(path: &str) -> bool {
    path.strip_prefix("_stage/")
        .is_some_and(|rest| !rest.contains("..") && rest.ends_with(".json"))
}

/// The attempt that staged the body at this path.
#[must_use]
pub fn staged_by(path: &str) -> Option<Attempt> {
    let (attempt, number) = path.strip_prefix("_stage/")?.split_once('/')?;
    number.strip_suffix(".json")?.parse::<u32>().ok()?;
    Attempt::parse(attempt)
}

/// `_sys/format.json`.
#[must_use]
pub fn database() -> Key {
    Key("_sys/format.json".into())
}

/// `_sys/local-index.json`.
#[must_use]
pub fn local_index() -> Key {
    Key("_sys/local-index.json".into())
}

/// `_sys/cursor-keys.json`.
#[must_use]
pub fn cursor_keys() -> Key {
    Key("_sys/cursor-keys.json".into())
}

/// `_sys/cascade/<nonce>.json`.
#[must_use]
pub fn cascade(begun: super::Nonce) -> Key {
    Key(format!("_sys/cascade/{begun}.json").into())
}

/// `_sys/cascade/`.
#[must_use]
pub fn cascades() -> Prefix {
    Prefix("_sys/cascade/".into())
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
