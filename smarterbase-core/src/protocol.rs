//! The rules of the protocol as step machines without I/O.
//!
//! A machine says which store operation comes next and is told what it did. The engine, the model test and the
//! simulation drive the same code.

pub mod claim;
pub mod commit;
pub mod conduct;
pub mod decide;
pub mod drive;
mod fence;
pub mod finish;
pub mod keep;
pub mod lease;
mod lineage;
pub mod orphan;
mod pending;
pub mod place;
pub mod put;
pub mod release;
mod rules;
pub mod settle;
pub mod stale;
mod trouble;
pub mod validate;

pub use claim::{ClaimMachine, ClaimOutcome, ClaimPlan, TakenClaim};
pub use commit::{CommitMachine, CommitOutcome, CommitPlan};
pub use conduct::{Conductor, Lane, conduct};
pub use drive::{Deadline, drive};
pub use finish::{ClearMachine, FinishMachine, FinishPlan};
pub use keep::KeepMachine;
pub use orphan::{OrphanMachine, OrphanPlan};
pub(crate) use pending::digest;
pub use place::{PlaceMachine, Placed};
pub use put::{PutMachine, PutOutcome};
pub use release::{ReleaseMachine, SeeClaimMachine};
#[doc(hidden)]
pub use rules::{Rules, Shipped};
pub use settle::{Identity, SettleMachine, Settled, Settler, Unsettled};
pub use trouble::nothing_happened;

use std::time::Duration;

use bytes::Bytes;

use crate::{
    document::Version,
    format::{Key, Nonce},
    port::{Attempt, Changed, Expect, Object, Rng, StoreError, StoreErrorKind},
};

/// What a machine wants done.
#[derive(Clone, Debug)]
pub enum Request {
    /// Read an object.
    Get(Key),
    /// Read an object unless it is still at the version.
    GetIfChanged(Key, Version),
    /// One attempt to write an object.
    Put {
        /// Where.
        key: Key,
        /// What must be there.
        expect: Expect,
        /// The bytes: the same on every resend.
        body: Bytes,
    },
    /// Remove an object whose name is never used twice.
    Delete(Key),
    /// Wait before the `n`th further try (from 1), or say that the time is up.
    Pause(u32),
    /// Wait a little for the transaction that the intent belongs to, or say that the patience with it is over.
    Await {
        /// The write id of the intent.
        intent: Nonce,
        /// For how long.
        patience: Patience,
    },
    /// Announce the index entries of the transaction's documents.
    Announce,
    /// Ask once more what is in the range with this number.
    Rescan(usize),
    /// Say whether the transaction may still be decided: what was agreed on holds, and it is young enough.
    Confirm,
}

/// How long a client waits for an intent, since it first saw it, before it aborts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Patience {
    /// Not at all: it is its own, of an earlier attempt.
    Nobody,
    /// For a younger transaction.
    Grace(Duration),
    /// For an older one, whose process is then taken for dead.
    Lease(Duration),
}

impl Patience {
    /// How long.
    #[must_use]
    pub fn duration(self) -> Duration {
        match self {
            Self::Nobody => Duration::ZERO,
            Self::Grace(grace) => grace,
            Self::Lease(lease) => lease,
        }
    }
}

/// What was done.
#[derive(Debug)]
pub enum Reply {
    /// The first step has nothing to hear.
    Start,
    /// The answer of [`Request::Get`].
    Got(Result<Option<Object>, StoreError>),
    /// The answer of [`Request::GetIfChanged`].
    Changed(Result<Changed, StoreError>),
    /// The answer of [`Request::Put`].
    Put(Attempt),
    /// The answer of [`Request::Delete`].
    Deleted(Result<(), StoreError>),
    /// [`Request::Pause`] is over: go on.
    Rested,
    /// [`Request::Pause`] found the deadline passed: resolve what is in flight, then stop.
    TimeIsUp,
    /// [`Request::Await`]: the intent has been there for too long.
    PatienceIsOver,
    /// The answer of [`Request::Rescan`]: the objects that were not found there before.
    Found(Result<Vec<Key>, StoreError>),
    /// The answer of [`Request::Announce`] and [`Request::Confirm`]: yes.
    Yes,
    /// The same: no, and the transaction is to run again.
    No,
}

/// The answer that a machine did not get; drivers give one to every request.
fn no_answer() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "no answer to a request")
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
