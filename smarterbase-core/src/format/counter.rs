//! Counter documents: the value of a counter, and the bounds that were last asked for.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::json;
use crate::{document::Timestamp, error::Result};

/// The body of a counter document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// What it counts.
    pub value: i64,
    /// The lower bound of the last change that had one: for audits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<i64>,
    /// The upper bound of the last change that had one: for audits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<i64>,
    /// The last repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair<i64>>,
}

/// That somebody set the number, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair<N> {
    /// Why, in the words of who did it.
    pub reason: String,
    /// When, by their clock.
    pub at: Timestamp,
    /// The number before.
    pub was: N,
}

impl Counter {
    /// The bytes, without the envelope: `{"value":7}`, with bounds `{"value":7,"least":0,"most":10}`.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let text = serde_json::to_vec(self).expect("a counter is JSON, and memory takes it");
        text.into()
    }

    /// Reads the body of a counter document.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt): it is none.
    pub fn open(body: &[u8]) -> Result<Self> {
        serde_json::from_slice(body).map_err(|error| json::corrupt("the counter", &error))
    }
}
