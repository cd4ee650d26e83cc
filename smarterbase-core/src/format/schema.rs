//! `_schema/<collection>/<version>.json`: what a sealed version looks like, published before its first document.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Envelope, Nonce, envelope, json};
use crate::{
    document::{DocumentSpec, SealedShape},
    error::Result,
};

/// A published version. It is written once and never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedSchema {
    /// The collection.
    pub collection: String,
    /// The version.
    pub version: u32,
    /// The digest of the version in its lock: 16 hex digits.
    pub digest: String,
    /// The stored name of the key field.
    pub key: String,
    /// The stored name of each field and its type, as the lock spells it.
    pub fields: BTreeMap<String, String>,
    /// Members that this build does not know.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

impl PublishedSchema {
    /// One version of a type that a lock seals. The key is the same in all of them.
    #[must_use]
    pub fn of(spec: &DocumentSpec, shape: &SealedShape) -> Self {
        let field = |(name, ty): &(&str, &str)| ((*name).to_owned(), (*ty).to_owned());
        Self {
            collection: spec.collection.to_owned(),
            version: shape.version,
            digest: smarterbase_schema::digest::hex(shape.digest),
            key: spec.key_field.to_owned(),
            fields: shape.fields.iter().map(field).collect(),
            unknown: BTreeMap::new(),
        }
    }

    /// The members beside the envelope, as JSON text.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let body = serde_json::to_vec(self).expect("a schema is JSON, and memory takes it");
        body.into()
    }

    /// The bytes: `{"_sb":{…},"collection":"users","version":2,…}`.
    #[must_use]
    pub fn seal(&self, put: Nonce) -> Bytes {
        Envelope::first(put).seal(&self.body())
    }

    /// Reads a published version.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): as [`envelope::open`].
    pub fn open(bytes: &Bytes) -> Result<Self> {
        let opened = envelope::open(bytes)?;
        serde_json::from_slice(&opened.body)
            .map_err(|error| json::corrupt("the published schema", &error))
    }
}
