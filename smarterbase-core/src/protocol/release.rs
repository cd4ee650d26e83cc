//! Giving a unique value back (storage-protocol §3.2 step 5): one compare-and-swap at a version seen before.

use super::{
    Machine, Reply, Request, Step,
    claim::{TakenClaim, next_claim},
};
use crate::{
    format::{Key, Nonce, claim::Claim},
    port::{Attempt, Expect, Object, Rng},
};

/// The machine that releases one claim. Losing is fine: the claim is stolen later.
///
/// One put, `true` when it was applied. Release after the put of the document that loses the value was applied, or after
/// the put that the claim was taken for was finally lost; never while its outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReleaseMachine {
    claim: TakenClaim,
    write: Nonce,
}

impl ReleaseMachine {
    /// Releases `claim`, which was taken, or read **before** the document was put.
    #[must_use]
    pub fn new(claim: TakenClaim, write: Nonce) -> Self {
        Self { claim, write }
    }
}

impl Machine for ReleaseMachine {
    type Output = bool;

    fn step(&mut self, reply: Reply, rng: &dyn Rng) -> Step<bool> {
        match reply {
            Reply::Start => {
                let (_, body) = next_claim(Some(&self.claim.envelope), None, self.write, rng);
                Step::Do(Request::Put {
                    key: self.claim.claim.clone(),
                    expect: Expect::Exactly(self.claim.version.clone()),
                    body,
                })
            }
            Reply::Put(attempt) => Step::Done(matches!(attempt, Attempt::Applied(_))),
            _ => Step::Done(false),
        }
    }
}

/// The machine that looks at a claim which a write is going to give back, **before** the document is put: a claim that
/// is looked at later may have been taken again by a later write of the same document.
///
/// One GET. `None` when the claim is another document's, absent, or cannot be read: then it is not released.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeeClaimMachine {
    claim: Key,
    owner: Key,
}

impl SeeClaimMachine {
    /// Looks at `claim` on behalf of the document at `owner`.
    #[must_use]
    pub fn new(claim: Key, owner: Key) -> Self {
        Self { claim, owner }
    }

    fn see(&self, object: Object) -> Option<TakenClaim> {
        let claim = Claim::open(&object.bytes).ok()?;
        let is_ours = claim.owner.as_deref() == Some(self.owner.as_str());
        (is_ours && claim.envelope.intent.is_none()).then(|| TakenClaim {
            claim: self.claim.clone(),
            version: object.version,
            envelope: claim.envelope,
            was_ours: true,
        })
    }
}

impl Machine for SeeClaimMachine {
    type Output = Option<TakenClaim>;

    fn step(&mut self, reply: Reply, _rng: &dyn Rng) -> Step<Option<TakenClaim>> {
        match reply {
            Reply::Start => Step::Do(Request::Get(self.claim.clone())),
            Reply::Got(Ok(Some(object))) => Step::Done(self.see(object)),
            _ => Step::Done(None),
        }
    }
}
