//! Sequence documents: the first number that nobody has reserved.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{counter::Repair, json};
use crate::error::Result;

/// The body of a sequence document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Every number below it is reserved, and perhaps handed out. It never goes down.
    pub next: u64,
    /// The last repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair<u64>>,
}

/// Where nothing was reserved yet, the first number is 1.
impl Default for Sequence {
    fn default() -> Self {
        Self {
            next: 1,
            repair: None,
        }
    }
}

impl Sequence {
    /// The bytes, without the envelope: `{"next":65}`.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let text = serde_json::to_vec(self).expect("a sequence is JSON, and memory takes it");
        text.into()
    }

    /// Reads the body of a sequence document.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt): it is none.
    pub fn open(body: &[u8]) -> Result<Self> {
        serde_json::from_slice(body).map_err(|error| json::corrupt("the sequence", &error))
    }
}
