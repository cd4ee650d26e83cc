//! `_sys/format.json`: the format, the database's id, what the store can do, and settings that all processes share.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Envelope, Nonce, envelope};
use crate::error::Result;

/// The outcome of the conformance probe, stamped in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The version of the probe that ran.
    pub version: u32,
    /// Per check number and name whether it passed, in order; a failed one has a text.
    pub checks: Vec<ProbeCheck>,
}

/// One check of the probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeCheck {
    /// The number of the check, 1 to 13.
    pub number: u8,
    /// What is checked, `concurrent creates have one winner`.
    pub name: String,
    /// What was seen, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The decoded `_sys/format.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// The envelope.
    pub envelope: Envelope,
    /// Names the database's keys in Redis.
    pub id: Nonce,
    /// How long a write may be in flight (60 s).
    pub in_flight_bound: Duration,
    /// The outcome of the probe.
    pub probe: ProbeReport,
    /// Whether types that are not sealed are refused.
    pub sealed_only: bool,
    /// Members that this build does not know.
    pub unknown: BTreeMap<String, Value>,
}

/// The members beside the envelope, in the order in which they are written.
#[derive(Serialize, Deserialize)]
struct Body {
    id: Nonce,
    #[serde(rename = "in_flight_bound_ms", with = "milliseconds")]
    in_flight_bound: Duration,
    probe: ProbeReport,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    sealed_only: bool,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

impl Database {
    /// The bytes: `{"_sb":{…},"id":"…","in_flight_bound_ms":60000,"probe":{…}}`, then the unknown members.
    #[must_use]
    pub fn seal(&self) -> Bytes {
        let body = Body {
            id: self.id,
            in_flight_bound: self.in_flight_bound,
            probe: self.probe.clone(),
            sealed_only: self.sealed_only,
            unknown: self.unknown.clone(),
        };
        let body = serde_json::to_vec(&body).expect("the settings are JSON, and memory takes it");
        self.envelope.seal(&body)
    }

    /// Reads the object.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): as
    /// [`envelope::open`].
    pub fn open(bytes: &Bytes) -> Result<Self> {
        let (envelope, body): (_, Body) = envelope::open_as(bytes, "the database's settings")?;
        Ok(Self {
            envelope,
            id: body.id,
            in_flight_bound: body.in_flight_bound,
            probe: body.probe,
            sealed_only: body.sealed_only,
            unknown: body.unknown,
        })
    }
}

/// A duration as whole milliseconds.
pub(super) mod milliseconds {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(in crate::format) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(in crate::format) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
