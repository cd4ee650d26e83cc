//! Giving a unique value back (storage-protocol §3.2 step 5): one compare-and-swap at a version seen before.

use super::{Machine, Reply, Step, claim::TakenClaim};
use crate::{format::Nonce, port::Rng};

/// The machine that releases one claim. Losing is fine: the claim is stolen later.
#[derive(Debug)]
pub struct ReleaseMachine {
    _private: (),
}

impl ReleaseMachine {
    /// Releases `claim`, which was taken, or read **before** the document was put.
    #[must_use]
    pub fn new(_claim: TakenClaim, _write: Nonce) -> Self {
        todo!()
    }
}

impl Machine for ReleaseMachine {
    type Output = bool;

    fn step(&mut self, _reply: Reply, _rng: &dyn Rng) -> Step<bool> {
        todo!()
    }
}
