//! Locks: wait in the process ▸ contend for the lock document ▸ hold it, renewing it ▸ hand it on, or release it.
//!
//! The lock document is the truth, and every step is one compare-and-swap of it: its revision moves on exactly when the lock
//! does, so the revision of an acquisition is its fencing token. A renewal is a new put of the same version. Queues, in the
//! process and in Redis, only say whose turn it is.

pub(crate) mod contend;
pub(crate) mod directory;
mod document;
mod end;
pub(crate) mod hall;
mod place;
mod tenure;
mod watchdog;

pub(crate) use contend::{acquire, try_once};
pub(crate) use end::Hold;
pub(crate) use hall::Hall;

use std::time::Duration;

use tokio::runtime::Handle;

use super::Engine;
use crate::{
    document::KeyText,
    error::{Code, Error, Result},
    format::{lock::Holder, path::EncodedId},
};

/// What a lock is wanted for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) label: Option<String>,
    pub(crate) lease: Duration,
    /// Where the watchdog runs.
    runtime: Handle,
}

/// The shortest and the longest lease.
const LEASES: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(60 * 60);

/// The longest label in bytes.
const LONGEST_LABEL: usize = 200;

impl Wish {
    /// What was asked for, if it can be had. Must be called inside a tokio runtime.
    pub(crate) fn new(label: Option<String>, lease: Duration) -> Result<Self> {
        if !LEASES.contains(&lease) {
            return Err(invalid("a lease is from 100 ms to 1 hour"));
        }
        if label
            .as_ref()
            .is_some_and(|label| label.len() > LONGEST_LABEL)
        {
            return Err(invalid("the holder's label is longer than 200 bytes"));
        }
        Ok(Self {
            label,
            lease,
            runtime: Handle::current(),
        })
    }

    fn holder(&self, engine: &Engine) -> Holder {
        Holder {
            label: self.label.clone(),
            process: engine.locks.process(engine),
            acquired: engine.now(),
            lease: self.lease,
        }
    }
}

/// The name of a lock as it stands in its path.
pub(crate) fn encode_name(name: &str) -> Result<EncodedId> {
    EncodedId::encode(&KeyText(name.to_owned())).map_err(|error| error.in_collection(PLACE))
}

/// Where errors say that a lock is.
const PLACE: &str = "_lock";

/// Adds which lock an error is about.
pub(crate) fn at(name: &EncodedId, error: Error) -> Error {
    error.at(PLACE, name.as_str())
}

/// The deadline passed before the lock could be taken.
pub(crate) fn not_in_time(name: &EncodedId) -> Error {
    let text = "the lock could not be had before the deadline";
    at(name, Error::new(Code::LOCK_HELD, text))
}

/// The lock moved on.
pub(crate) fn lost(name: &EncodedId) -> Error {
    let text = "the lock is held no longer: its lease passed without a renewal, or it was released by force";
    at(name, Error::new(Code::LOCK_LOST, text))
}

fn invalid(text: &str) -> Error {
    Error::new(Code::INVALID, text)
}
