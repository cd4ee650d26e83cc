//! Which call meets which fault, and what a fault does to a call.

use std::collections::BTreeMap;

use smarterbase_core::port::{Rng, StoreError, StoreErrorKind};

use super::Fault;
use crate::{clock::SeededRng, record::CallKind};

/// Which calls fail.
#[derive(Debug)]
pub(super) enum Plan {
    Nothing,
    At(BTreeMap<u64, Fault>),
    Random {
        rng: SeededRng,
        per_mille: u64,
        faults: Vec<Fault>,
    },
}

impl Plan {
    pub(super) fn random(seed: u64, per_mille: u64, faults: Vec<Fault>) -> Self {
        assert!(!faults.is_empty(), "a random plan chooses among faults");
        Self::Random {
            rng: SeededRng::new(seed),
            per_mille,
            faults,
        }
    }

    /// The fault of call `number`. A random rejection never meets a read: it would be none.
    pub(super) fn fault_at(&self, number: u64, kind: CallKind) -> Option<Fault> {
        match self {
            Self::Nothing => None,
            Self::At(faults) => faults.get(&number).copied(),
            Self::Random {
                rng,
                per_mille,
                faults,
            } => {
                let rng: &dyn Rng = rng;
                let is_hit = rng.below(1_000) < *per_mille;
                let choice = rng.below(faults.len() as u64);
                let fault = faults[usize::try_from(choice).expect("an index of the list")];
                (is_hit && (kind.is_write() || fault != Fault::Reject)).then_some(fault)
            }
        }
    }
}

/// What happens to one call.
#[derive(Debug)]
pub(super) enum Verdict {
    Pass,
    Fail(StoreError),
    Reject,
    ApplyAndFail(StoreError),
    DelayAndFail(StoreError),
}

impl Verdict {
    pub(super) fn of(fault: Fault, kind: CallKind) -> Self {
        use StoreErrorKind::{Denied, Throttled, Timeout, Unavailable};
        let error = |kind, text: &str| StoreError::new(kind, text);
        match fault {
            Fault::FailBefore => Self::Fail(error(Timeout, "the request got lost")),
            Fault::CrashBefore => Self::Fail(super::dead()),
            Fault::CrashAfter => Self::ApplyAndFail(super::dead()),
            Fault::LoseReply => Self::ApplyAndFail(error(Timeout, "the reply got lost")),
            Fault::ApplyLater => Self::DelayAndFail(error(Timeout, "the request is on its way")),
            Fault::Reject if kind == CallKind::DeleteRetired || !kind.is_write() => Self::Pass,
            Fault::Reject => Self::Reject,
            Fault::Throttle => Self::Fail(error(Throttled, "503 SlowDown")),
            Fault::Unavailable => Self::Fail(error(Unavailable, "500 InternalError")),
            Fault::Deny => Self::Fail(error(Denied, "403 AccessDenied")),
        }
    }

    /// Reads change nothing: carried out or not, the client hears the error.
    pub(super) fn for_read(self) -> Option<StoreError> {
        match self {
            Self::Pass | Self::Reject => None,
            Self::Fail(error) | Self::ApplyAndFail(error) | Self::DelayAndFail(error) => {
                Some(error)
            }
        }
    }
}
