//! Results of transactions that have an idempotency key: what the first one gave, and for how long it is kept.

use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{database::milliseconds, json};
use crate::error::Result;

/// How many hex digits name a result: 160 bits.
const HASH_LENGTH: usize = 40;

/// The body of a result document.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept<'a> {
    /// How long it is kept at least, from when it was written.
    #[serde(rename = "keep_ms", with = "milliseconds")]
    pub keep: Duration,
    /// What the transaction gave, as JSON.
    #[serde(borrow)]
    pub result: &'a RawValue,
}

/// The first 40 hex digits of sha256(idempotency key). The key itself is not stored: it can be a secret.
#[must_use]
pub fn hash(key: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(key))[..HASH_LENGTH].to_owned()
}

impl<'a> Kept<'a> {
    /// The bytes, without the envelope: `{"keep_ms":86400000,"result":…}`.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let text = serde_json::to_vec(self).expect("a result is JSON, and memory takes it");
        text.into()
    }

    /// Reads the body of a result document.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt): it is none.
    pub fn open(body: &'a [u8]) -> Result<Self> {
        serde_json::from_slice(body).map_err(|error| json::corrupt("the kept result", &error))
    }
}
