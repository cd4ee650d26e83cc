//! `_sys/cascade/<nonce>.json`: a deletion with everything that depends on it has begun, and may have to be gone on with.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::envelope;
use crate::{document::Timestamp, error::Result};

/// The document that is being deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Its collection.
    pub collection: String,
    /// Its encoded id.
    pub id: String,
    /// When it was created: another document may have the id later, and stays. Absent where the document does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}

impl Begun {
    /// The members beside the envelope: `"collection":"…","id":"…","created":"…"`.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let body = serde_json::to_vec(self).expect("it is JSON, and memory takes it");
        body.into()
    }

    /// Reads the object.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt): malformed. [`Unsupported`](crate::ErrorKind::Unsupported): as
    /// [`envelope::open`].
    pub fn open(bytes: &Bytes) -> Result<Self> {
        envelope::open_as(bytes, "the journal of a cascade").map(|(_, members)| members)
    }
}
