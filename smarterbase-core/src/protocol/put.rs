//! One conditional put with an exact answer: resend, read back by nonce, lineage, fence.

use super::{Machine, Reply, Step};
use crate::{
    document::Version,
    format::{Envelope, Key},
    port::{Object, Rng, StoreError},
};

/// How a put ended.
#[derive(Debug)]
pub enum PutOutcome {
    /// It was applied. `version` is unknown when it was overwritten since (it is in the lineage of what is there now).
    Applied(Option<Version>),
    /// It was not applied and never will be; this is what is there now.
    Lost(Option<Object>),
    /// It was not applied and never will be, because the store refused it.
    Refused(StoreError),
    /// It may have been applied, or may still be.
    Unknown(StoreError),
}

/// The machine of one logical write of one object (storage-protocol §1.4, rules R1–R4, S18–S20).
#[derive(Debug)]
pub struct PutMachine {
    _private: (),
}

impl PutMachine {
    /// A write of `envelope` and `body` to `key`. `base` is the object that is replaced, `None` for a create.
    /// `envelope.put`, `write`, `rev` and `prev` are set already.
    #[must_use]
    pub fn new(
        _key: Key,
        _base: Option<(Version, Envelope)>,
        _envelope: Envelope,
        _body: &[u8],
    ) -> Self {
        todo!()
    }
}

impl Machine for PutMachine {
    type Output = PutOutcome;

    fn step(&mut self, _reply: Reply, _rng: &dyn Rng) -> Step<PutOutcome> {
        todo!()
    }
}
