//! `_sys/local-index.json`: which file of a local index may be believed, and up to which of its sessions.
//!
//! The file itself cannot tell that it is an old copy. So its last session that wrote is also named in the store.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Envelope, Nonce, envelope};
use crate::error::Result;

/// The decoded `_sys/local-index.json`, beside its envelope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalIndexSession {
    /// The nonce of the file.
    pub file: Nonce,
    /// The last session in which the file was written to.
    pub session: Nonce,
    /// Members that this build does not know.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

impl LocalIndexSession {
    /// The members beside the envelope: `{"file":"…","session":"…"}`, then the unknown ones.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let body = serde_json::to_vec(self).expect("nonces are JSON, and memory takes it");
        body.into()
    }

    /// Reads the object.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): as [`envelope::open`].
    pub fn open(bytes: &Bytes) -> Result<(Envelope, Self)> {
        envelope::open_as(bytes, "the session of the local index")
    }
}
