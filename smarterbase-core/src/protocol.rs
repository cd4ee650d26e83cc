//! The rules of the protocol as step machines without I/O.
//!
//! A machine says which store operation comes next and is told what it did. The engine, the model test and the
//! simulation drive the same code.

pub mod claim;
pub mod drive;
mod fence;
mod lineage;
pub mod put;
pub mod release;
mod rules;
pub mod stale;
mod trouble;

pub use claim::{ClaimMachine, ClaimOutcome, ClaimPlan, TakenClaim};
pub use drive::{Deadline, drive};
pub use put::{PutMachine, PutOutcome};
pub use release::{ReleaseMachine, SeeClaimMachine};
#[doc(hidden)]
pub use rules::{Rules, Shipped};
pub use trouble::nothing_happened;

use bytes::Bytes;

use crate::{
    format::Key,
    port::{Attempt, Expect, Object, Rng, StoreError},
};

/// What a machine wants done.
#[derive(Clone, Debug)]
pub enum Request {
    /// Read an object.
    Get(Key),
    /// One attempt to write an object.
    Put {
        /// Where.
        key: Key,
        /// What must be there.
        expect: Expect,
        /// The bytes: the same on every resend.
        body: Bytes,
    },
    /// Wait before the `n`th further try (from 1), or say that the time is up.
    Pause(u32),
}

/// What was done.
#[derive(Debug)]
pub enum Reply {
    /// The first step has nothing to hear.
    Start,
    /// The answer of [`Request::Get`].
    Got(Result<Option<Object>, StoreError>),
    /// The answer of [`Request::Put`].
    Put(Attempt),
    /// [`Request::Pause`] is over: go on.
    Rested,
    /// [`Request::Pause`] found the deadline passed: resolve what is in flight, then stop.
    TimeIsUp,
}

/// What comes next.
#[derive(Debug)]
pub enum Step<O> {
    /// Do this and tell.
    Do(Request),
    /// The end.
    Done(O),
}

/// A protocol without I/O.
pub trait Machine {
    /// What the machine finds out.
    type Output;

    /// Takes the answer to the last request (first [`Reply::Start`]) and says what comes next. `rng` makes nonces.
    fn step(&mut self, reply: Reply, rng: &dyn Rng) -> Step<Self::Output>;
}
