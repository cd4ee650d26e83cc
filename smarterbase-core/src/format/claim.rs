//! Claim objects: who holds a unique value.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Envelope, envelope, index_key::EncodedValue, json};
use crate::error::Result;

/// How many hex digits name a claim: 160 bits.
const HASH_LENGTH: usize = 40;

/// A decoded claim. `owner` is the path of a document, `users/0199….json`; `None` when it was released.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The envelope: claims have revisions and lineage like documents.
    pub envelope: Envelope,
    /// The path of the document that took the claim.
    pub owner: Option<String>,
}

/// The members beside the envelope.
#[derive(Serialize, Deserialize)]
struct Body {
    owner: Option<String>,
}

/// The first 40 hex digits of sha256(collection 00 index 00 uncut encoded value).
#[must_use]
pub fn hash(collection: &str, index: &str, value: &EncodedValue) -> String {
    let digest = Sha256::new()
        .chain_update(collection)
        .chain_update([0])
        .chain_update(index)
        .chain_update([0])
        .chain_update(&value.0)
        .finalize();
    HEXLOWER.encode(&digest)[..HASH_LENGTH].to_owned()
}

impl Claim {
    /// The bytes: `{"_sb":{…},"owner":"users/….json"}`. The value itself is not stored: it can be a secret.
    #[must_use]
    pub fn seal(&self) -> Bytes {
        self.envelope.seal(&body(self.owner.as_deref()))
    }

    /// Reads a claim. One without `owner` is released: that is what a fence leaves.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): as
    /// [`envelope::open`].
    pub fn open(bytes: &Bytes) -> Result<Self> {
        let opened = envelope::open(bytes)?;
        Ok(Self {
            owner: owner(&opened.body)?,
            envelope: opened.envelope,
        })
    }
}

/// The owner in the body of a claim; `None` when it was released.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt): not the body of a claim.
pub fn owner(body: &[u8]) -> Result<Option<String>> {
    let body: Body =
        serde_json::from_slice(body).map_err(|error| json::corrupt("the claim", &error))?;
    Ok(body.owner)
}

/// The body of a claim.
#[must_use]
pub fn body(owner: Option<&str>) -> Bytes {
    let body = Body {
        owner: owner.map(str::to_owned),
    };
    serde_json::to_vec(&body)
        .expect("a claim is JSON, and memory takes it")
        .into()
}
