//! `_import/<collection>/<name>.json`: how far an import came, and what its documents are made of.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Envelope, Nonce, envelope};
use crate::{document::Timestamp, error::Result};

/// How far an import came. Items before `items` have ended; those after it may have been created too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportCheckpoint {
    /// The collection.
    pub collection: String,
    /// The name of the import.
    pub import: String,
    /// What random bytes of its documents are made of.
    pub seed: Nonce,
    /// The time of its documents.
    pub started: Timestamp,
    /// How many items of the source have ended.
    pub items: u64,
    /// How many documents it created.
    pub created: u64,
    /// How many were there already, with the same content.
    pub existed: u64,
    /// How many could not be created.
    pub failed: u64,
    /// sha256 over the ids of those items, 64 hex digits: another source is recognised by it.
    pub ids: String,
    /// Whether the source came to its end.
    pub finished: bool,
    /// Members that this build does not know.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

impl ImportCheckpoint {
    /// The members beside the envelope, as JSON text.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let body = serde_json::to_vec(self).expect("a checkpoint is JSON, and memory takes it");
        body.into()
    }

    /// The bytes: `{"_sb":{…},"collection":"users","import":"people",…}`.
    #[must_use]
    pub fn seal(&self, envelope: &Envelope) -> Bytes {
        envelope.seal(&self.body())
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): as [`envelope::open`].
    pub fn open(bytes: &Bytes) -> Result<(Envelope, Self)> {
        envelope::open_as(bytes, "the checkpoint of the import")
    }
}
