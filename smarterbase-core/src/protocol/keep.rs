//! Keeping a version that is about to be replaced (storage-protocol §2.13): one create, before the put that replaces it.
//!
//! Whoever keeps a version keeps the same committed content under the same name, so it does not matter who was first, and
//! a create that lands late changes nothing. A writer that dies afterwards leaves a copy of a version that is still current.

use bytes::Bytes;

use super::{Machine, Reply, Request, Step, no_answer};
use crate::{
    format::Key,
    port::{Attempt, Expect, Rng, StoreError},
};

/// The machine that keeps one version: one create, and a GET where the answer left doubts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeepMachine {
    key: Key,
    bytes: Bytes,
    doing: Doing,
    pauses: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Creating,
    Looking,
    Resting,
}

/// `Ok`: a copy is there.
type Kept = Result<(), StoreError>;

impl KeepMachine {
    /// How often the create is sent again.
    pub const MOST_PAUSES: u32 = 16;

    /// Keeps `bytes` at `key`.
    #[must_use]
    pub fn new(key: Key, bytes: Bytes) -> Self {
        Self {
            key,
            bytes,
            doing: Doing::Creating,
            pauses: 0,
        }
    }

    fn create(&mut self) -> Step<Kept> {
        self.doing = Doing::Creating;
        Step::Do(Request::Put {
            key: self.key.clone(),
            expect: Expect::Absent,
            body: self.bytes.clone(),
        })
    }

    fn created(&mut self, reply: Reply) -> Step<Kept> {
        match reply {
            Reply::Put(Attempt::Applied(_)) => Step::Done(Ok(())),
            Reply::Put(Attempt::Refused(error)) => Step::Done(Err(error)),
            // Rejected is no proof that something is there (an AWS 409), and no answer none of the contrary.
            _ => {
                self.doing = Doing::Looking;
                Step::Do(Request::Get(self.key.clone()))
            }
        }
    }

    fn looked(&mut self, reply: Reply) -> Step<Kept> {
        match reply {
            Reply::Got(Ok(Some(_))) => Step::Done(Ok(())),
            Reply::Got(Err(error)) if !error.is_transient() => Step::Done(Err(error)),
            _ if self.pauses == Self::MOST_PAUSES => Step::Done(Err(no_answer())),
            _ => {
                self.pauses += 1;
                self.doing = Doing::Resting;
                Step::Do(Request::Pause(self.pauses))
            }
        }
    }
}

impl Machine for KeepMachine {
    type Output = Kept;

    fn step(&mut self, reply: Reply, _rng: &dyn Rng) -> Step<Kept> {
        match (self.doing, reply) {
            (_, Reply::TimeIsUp) => Step::Done(Err(no_answer())),
            (_, Reply::Start) | (Doing::Resting, _) => self.create(),
            (Doing::Creating, reply) => self.created(reply),
            (Doing::Looking, reply) => self.looked(reply),
        }
    }
}
