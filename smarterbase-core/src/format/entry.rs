//! Names of object-index entries and their tags.

use std::fmt;

use data_encoding::{BASE32HEX_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};

use super::{Key, Nonce, Prefix, index_key::EncodedValue, path::EncodedId};

/// How many hex digits of the value's hash a tag ends with.
const CHECK_LENGTH: usize = 8;

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
    pub fn new(base: u64, write: Nonce, value: &EncodedValue) -> Self {
        Self {
            base,
            write,
            check: check_of(value),
        }
    }

    /// Reads a tag; `None` unless it is exactly as [`Display`](fmt::Display) writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let tag = Self {
            base: parts.next()?.parse().ok()?,
            write: Nonce::parse(parts.next()?)?,
            check: parse_check(parts.next()?)?,
        };
        (tag.to_string() == text).then_some(tag)
    }

    /// Whether the tag belongs to `value`; a tag that does not is no tag (rule S14).
    #[must_use]
    pub fn matches(&self, value: &EncodedValue) -> bool {
        self.check == check_of(value)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let check = std::str::from_utf8(&self.check).map_err(|_| fmt::Error)?;
        write!(f, "{}-{}-{check}", self.base, self.write)
    }
}

fn check_of(value: &EncodedValue) -> [u8; CHECK_LENGTH] {
    let digest = HEXLOWER.encode(&Sha256::digest(&value.0));
    *digest
        .as_bytes()
        .first_chunk()
        .expect("64 digits are more than 8")
}

fn parse_check(text: &str) -> Option<[u8; CHECK_LENGTH]> {
    let digits: [u8; CHECK_LENGTH] = text.as_bytes().try_into().ok()?;
    digits
        .iter()
        .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        .then_some(digits)
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
    ///
    /// The order of these paths is the order of (value, `<id>.json`): `/` and `!` are smaller than every character that
    /// can follow.
    #[must_use]
    pub fn key(&self, collection: &str, index: &str) -> Key {
        let folder = super::path::entries(collection, index);
        let value = value_segment(&self.value.0);
        Key::from_stored(format!("{folder}{value}/{}.json!{}", self.id, self.tag))
    }

    /// Reads an entry's path below `prefix` (that of [`path::entries`](super::path::entries)). `None` for a name that
    /// is not exactly what [`key`](Self::key) makes, and for a tag of another value (rule S14).
    #[must_use]
    pub fn parse(prefix: &Prefix, key: &Key) -> Option<Self> {
        let (value, name) = key
            .as_str()
            .strip_prefix(prefix.as_str())?
            .split_once('/')?;
        let (id, tag) = name.split_once(".json!")?;
        let entry = Self {
            value: parse_value(value)?,
            id: EncodedId::parse(id)?,
            tag: Tag::parse(tag)?,
        };
        entry.tag.matches(&entry.value).then_some(entry)
    }
}

/// The smallest path below `prefix` whose value is at least `value`; for `start-after` of a LIST.
///
/// It is no entry's path itself: it ends before the `/` after the value. Every entry whose value is at least `value` is
/// greater, every other one is smaller.
#[must_use]
pub fn seek(prefix: &Prefix, value: &[u8]) -> Key {
    Key::from_stored(format!("{prefix}{}", value_segment(value)))
}

fn value_segment(value: &[u8]) -> String {
    BASE32HEX_NOPAD.encode(value).to_ascii_lowercase()
}

fn parse_value(segment: &str) -> Option<EncodedValue> {
    if segment
        .bytes()
        .any(|character| character.is_ascii_uppercase())
    {
        return None;
    }
    let value = BASE32HEX_NOPAD
        .decode(segment.to_ascii_uppercase().as_bytes())
        .ok()?;
    Some(EncodedValue(value.into()))
}

/// The folder of one value below `prefix`: `<prefix><value in base32hex>/`.
#[must_use]
pub fn folder(prefix: &Prefix, value: &[u8]) -> Prefix {
    Prefix::new(format!("{prefix}{}/", value_segment(value)))
}
