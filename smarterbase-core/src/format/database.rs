//! `_sys/format.json`: the format, the database's id, what the store can do, and settings that all processes share.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde_json::Value;

use super::{Envelope, Nonce};
use crate::error::Result;

/// The outcome of the conformance probe, stamped in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// The version of the probe that ran.
    pub version: u32,
    /// Per check number and name whether it passed, in order; a failed one has a text.
    pub checks: Vec<ProbeCheck>,
}

/// One check of the probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeCheck {
    /// The number of the check, 1 to 13.
    pub number: u8,
    /// What is checked, `concurrent creates have one winner`.
    pub name: String,
    /// What was seen, when it failed.
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
    /// Members that this build does not know.
    pub unknown: BTreeMap<String, Value>,
}

impl Database {
    /// The bytes.
    #[must_use]
    pub fn seal(&self) -> Bytes {
        todo!()
    }

    /// Reads the object.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): as
    /// [`envelope::open`](super::envelope::open).
    pub fn open(_bytes: &Bytes) -> Result<Self> {
        todo!()
    }
}
