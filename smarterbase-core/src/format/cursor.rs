//! Cursors: sealed with AES-256-GCM, so that a client neither reads the values in them nor makes its own.

use bytes::Bytes;

use super::Nonce;
use crate::error::Result;

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

impl CursorKeys {
    /// The bytes of the object.
    #[must_use]
    pub fn seal(&self, _put: Nonce) -> Bytes {
        todo!()
    }

    /// Reads the object.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt): malformed.
    pub fn open(_bytes: &Bytes) -> Result<Self> {
        todo!()
    }

    /// Seals a position: base64url of version, key id, a nonce of 96 random bits and the ciphertext.
    #[must_use]
    pub fn encrypt(&self, _position: &Position, _random: [u8; 12]) -> String {
        todo!()
    }

    /// Opens a cursor.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid) (`SB-INVALID-CURSOR`): not a cursor of this database.
    pub fn decrypt(&self, _cursor: &str) -> Result<Position> {
        todo!()
    }
}

impl std::fmt::Debug for CursorKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CursorKeys")
            .field("keys", &self.keys.len())
            .finish()
    }
}
