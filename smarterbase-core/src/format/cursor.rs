//! Cursors: sealed with AES-256-GCM, so that a client neither reads the values in them nor makes its own.

use aes_gcm::{
    Aes256Gcm,
    aead::{Aead, KeyInit, Payload},
};
use bytes::Bytes;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};

use super::{Envelope, Nonce, envelope};
use crate::error::{Code, Error, Result};

/// The keys of `_sys/cursor-keys.json`: created once, rotated by id.
#[derive(Clone, PartialEq, Eq)]
pub struct CursorKeys {
    /// The id and the 32 bytes of each key; the first one seals.
    pub keys: Vec<(Nonce, [u8; 32])>,
}

/// What a cursor holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first 8 bytes of sha256 of the query (collection, definition, bounds, direction).
    pub query: [u8; 8],
    /// The definition that was walked, `plan-1f0c9a2b`; empty for a walk by id.
    pub definition: String,
    /// Whether the walk is descending.
    pub descending: bool,
    /// The encoded value of the last result; empty for a walk by id.
    pub value: Bytes,
    /// The encoded id of the last result.
    pub id: String,
}

/// The first byte of every cursor. Changes with the layout.
const VERSION: u8 = 1;
/// The bytes of the nonce of AES-GCM.
const RANDOM_LENGTH: usize = 12;
/// Version and key id: what stands in clear, and is authenticated.
const HEAD_LENGTH: usize = 1 + Nonce::LENGTH;

/// `_sys/cursor-keys.json` beside its envelope.
#[derive(Serialize, Deserialize)]
struct Body {
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    id: Nonce,
    /// 64 hex digits.
    key: String,
}

impl CursorKeys {
    /// The bytes of the object: `{"_sb":{…},"keys":[{"id":"…","key":"<64 hex digits>"}]}`, at revision 1.
    #[must_use]
    pub fn seal(&self, put: Nonce) -> Bytes {
        let keys = self.keys.iter().map(|(id, key)| StoredKey {
            id: *id,
            key: HEXLOWER.encode(key),
        });
        let body = Body {
            keys: keys.collect(),
        };
        let body = serde_json::to_vec(&body).expect("keys are JSON, and memory takes it");
        Envelope::first(put).seal(&body)
    }

    /// Reads the object.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt): malformed, or without a key.
    /// [`Unsupported`](crate::ErrorKind::Unsupported): as [`envelope::open`].
    pub fn open(bytes: &Bytes) -> Result<Self> {
        let (_, body): (_, Body) = envelope::open_as(bytes, "the cursor keys")?;
        let keys: Option<Vec<_>> = body.keys.iter().map(StoredKey::read).collect();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Self { keys }),
            _ => Err(Error::new(
                Code::CORRUPT,
                "the cursor keys hold no key, or one that is not 32 bytes",
            )),
        }
    }

    /// Seals a position: base64url of version, key id, a nonce of 96 random bits and the ciphertext.
    ///
    /// `random` must be fresh: two cursors with one key and one nonce would give each other away.
    ///
    /// # Panics
    /// Without a key; [`open`](Self::open) refuses such an object.
    #[must_use]
    pub fn encrypt(&self, position: &Position, random: [u8; RANDOM_LENGTH]) -> String {
        let (id, key) = self.keys.first().expect("there is a key");
        let head = head(*id);
        let message = Payload {
            msg: &position.to_bytes(),
            aad: &head,
        };
        let sealed = Aes256Gcm::new(key.into())
            .encrypt(&random.into(), message)
            .expect("a position is far below the 64 GiB of AES-GCM");
        BASE64URL_NOPAD.encode(&[&head[..], &random, &sealed].concat())
    }

    /// Opens a cursor.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) (`SB-INVALID-CURSOR`): not a cursor of this database.
    pub fn decrypt(&self, cursor: &str) -> Result<Position> {
        self.try_decrypt(cursor)
            .ok_or_else(|| Error::new(Code::INVALID_CURSOR, "not a cursor of this database"))
    }

    fn try_decrypt(&self, cursor: &str) -> Option<Position> {
        let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
        let (head, rest) = bytes.split_at_checked(HEAD_LENGTH)?;
        let (random, sealed) = rest.split_first_chunk::<RANDOM_LENGTH>()?;
        let message = Payload {
            msg: sealed,
            aad: head,
        };
        let opened = Aes256Gcm::new(self.key_of(head)?.into())
            .decrypt(random.into(), message)
            .ok()?;
        Position::from_bytes(&opened)
    }

    /// The key that a cursor names in its head.
    fn key_of(&self, cursor_head: &[u8]) -> Option<&[u8; 32]> {
        let (_, key) = self.keys.iter().find(|(id, _)| head(*id) == cursor_head)?;
        Some(key)
    }
}

fn head(id: Nonce) -> [u8; HEAD_LENGTH] {
    let mut head = [VERSION; HEAD_LENGTH];
    head[1..].copy_from_slice(id.as_str().as_bytes());
    head
}

impl StoredKey {
    fn read(&self) -> Option<(Nonce, [u8; 32])> {
        let key = HEXLOWER.decode(self.key.as_bytes()).ok()?;
        Some((self.id, key.try_into().ok()?))
    }
}

impl Position {
    /// Query (8 bytes), direction (1), then definition and value behind their lengths (2 bytes each, big endian), then
    /// the id.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.query.to_vec();
        bytes.push(u8::from(self.descending));
        for part in [self.definition.as_bytes(), &self.value] {
            let length = u16::try_from(part.len()).expect("a name and an index value are short");
            bytes.extend(length.to_be_bytes());
            bytes.extend(part);
        }
        bytes.extend(self.id.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (query, rest) = bytes.split_first_chunk()?;
        let (descending, rest) = rest.split_first()?;
        let (definition, rest) = split_part(rest)?;
        let (value, id) = split_part(rest)?;
        Some(Self {
            query: *query,
            descending: *descending != 0,
            definition: text(definition)?,
            value: Bytes::copy_from_slice(value),
            id: text(id)?,
        })
    }
}

fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

impl std::fmt::Debug for CursorKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CursorKeys")
            .field("keys", &self.keys.len())
            .finish()
    }
}
