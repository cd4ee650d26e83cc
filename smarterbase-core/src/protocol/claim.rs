//! Taking a unique value (storage-protocol §3.2 step 2 and 3): fence before steal, refresh when already ours.

use super::{Machine, Reply, Step};
use crate::{
    document::Version,
    error::Error,
    format::{Envelope, Key, Nonce},
    port::Rng,
};

/// What to claim, and for whom.
#[derive(Clone, Debug)]
pub struct ClaimPlan {
    /// The path of the claim.
    pub claim: Key,
    /// The definition, `email-77aa01c3`.
    pub definition: String,
    /// The hash in `_sb.unique` of an effective owner.
    pub hash: String,
    /// The path of the document that takes it.
    pub owner: Key,
    /// The write that takes it.
    pub write: Nonce,
    /// Try a create first, without reading (a new value is the common case).
    pub create_first: bool,
}

/// How taking a claim ended.
#[derive(Debug)]
pub enum ClaimOutcome {
    /// The claim is ours. To give it back, [`ReleaseMachine`](super::release::ReleaseMachine) needs what is here.
    Taken(TakenClaim),
    /// A live document holds the value: its path.
    Held(Key),
    /// The store refused or did not answer; the claim may be ours.
    Failed(Error),
}

/// A claim that was taken or seen: what is needed to release it.
#[derive(Clone, Debug)]
pub struct TakenClaim {
    /// The path.
    pub claim: Key,
    /// The version that was put.
    pub version: Version,
    /// Its envelope.
    pub envelope: Envelope,
    /// Whether it was ours before (a refresh): then it is not given back when the write fails.
    pub was_ours: bool,
}

/// The machine that takes one claim.
#[derive(Debug)]
pub struct ClaimMachine {
    _private: (),
}

impl ClaimMachine {
    /// A machine for `plan`. The version of the owner must have been read before (§3.2 step 1).
    #[must_use]
    pub fn new(_plan: ClaimPlan) -> Self {
        todo!()
    }
}

impl Machine for ClaimMachine {
    type Output = ClaimOutcome;

    fn step(&mut self, _reply: Reply, _rng: &dyn Rng) -> Step<ClaimOutcome> {
        todo!()
    }
}
