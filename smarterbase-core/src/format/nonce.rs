//! Nonces: 100 random bits as 20 characters of lower-case base32hex.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// 100 random bits as 20 characters of lower-case base32hex (RFC 4648 §7, `0-9a-v`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nonce([u8; 20]);

impl Nonce {
    /// The number of characters.
    pub const LENGTH: usize = 20;

    /// A nonce of these random bytes; the last four bits are not used.
    #[must_use]
    pub fn from_random(random: [u8; 13]) -> Self {
        let text = data_encoding::BASE32HEX_NOPAD
            .encode(&random)
            .to_ascii_lowercase();
        let mut characters = [0; 20];
        characters.copy_from_slice(&text.as_bytes()[..20]);
        Self(characters)
    }

    /// Reads a nonce; `None` unless it is 20 characters of `0-9a-v`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let characters: [u8; 20] = text.as_bytes().try_into().ok()?;
        characters
            .iter()
            .all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'v'))
            .then_some(Self(characters))
    }

    /// The 20 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a nonce is ASCII")
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Characters;
        impl de::Visitor<'_> for Characters {
            type Value = Nonce;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a nonce of 20 characters")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Nonce, E> {
                Nonce::parse(text).ok_or_else(|| E::custom("not a nonce"))
            }
        }
        deserializer.deserialize_str(Characters)
    }
}
