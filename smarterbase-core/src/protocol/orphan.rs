//! Releasing a claim whose owner does not hold the value: look at the claim ▸ look at its owner ▸ fence the owner ▸ release.
//!
//! As for stealing: a put of the owner that is on its way expects the version that the fence replaced, so it can no longer be
//! applied, and the owner's next attempt takes the claim again, at a version after the one that is released here.

use super::{
    Machine, Reply, Request, Step,
    claim::{holds, next_claim},
    fence::Fence,
    rules::Shipped,
    settle::{SettleMachine, Settled, Settler, Unsettled},
};
use crate::{
    format::{Key, Nonce, claim},
    port::{Attempt, Expect, Rng},
};

/// Which claim, and whom it seems to belong to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrphanPlan {
    /// The path of the claim.
    pub claim: Key,
    /// The definition, `email-77aa01c3`.
    pub definition: String,
    /// The hash in `_sb.unique` of an effective owner.
    pub hash: String,
    /// The path of the document that does not hold the value.
    pub owner: Key,
    /// The write that releases it.
    pub write: Nonce,
    /// How long to wait for transactions in the way.
    pub settler: Settler,
}

/// The machine that releases one claim, `true` when it did. Every race is lost: the claim stays, and anyone may take it.
///
/// Two GETs and two puts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrphanMachine {
    plan: OrphanPlan,
    doing: Doing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Starting,
    ReadingClaim(Box<SettleMachine>),
    ReadingOwner(Box<(Settled, SettleMachine)>),
    Fencing(Box<Settled>),
    Releasing,
}

type Outcome = Result<bool, Unsettled>;

impl OrphanMachine {
    /// A machine for `plan`.
    #[must_use]
    pub fn new(plan: OrphanPlan) -> Self {
        Self {
            plan,
            doing: Doing::Starting,
        }
    }

    fn read_claim(
        &mut self,
        mut settling: Box<SettleMachine>,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Step<Outcome> {
        match settling.step(reply, rng) {
            Step::Do(request) => {
                self.doing = Doing::ReadingClaim(settling);
                Step::Do(request)
            }
            Step::Done(Ok(Some(claim))) if self.is_the_owners(&claim) => {
                let owner =
                    SettleMachine::replace(self.plan.owner.clone(), self.plan.settler.clone());
                self.read_owner(Box::new((claim, owner)), Reply::Start, rng)
            }
            Step::Done(found) => Step::Done(found.map(|_| false)),
        }
    }

    fn is_the_owners(&self, claim: &Settled) -> bool {
        let owner = claim::owner(&claim.opened.body).ok().flatten();
        owner.as_deref() == Some(self.plan.owner.as_str())
    }

    fn read_owner(
        &mut self,
        mut owner: Box<(Settled, SettleMachine)>,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Step<Outcome> {
        match owner.1.step(reply, rng) {
            Step::Do(request) => {
                self.doing = Doing::ReadingOwner(owner);
                Step::Do(request)
            }
            // Rule S12: what cannot be read holds the value.
            Step::Done(Err(Unsettled::Unreadable(_))) => Step::Done(Ok(false)),
            Step::Done(Err(error)) => Step::Done(Err(error)),
            Step::Done(Ok(found)) => self.fence(owner.0, found, rng),
        }
    }

    fn fence(&mut self, claim: Settled, owner: Option<Settled>, rng: &dyn Rng) -> Step<Outcome> {
        let is_held = |owner: &Settled| {
            holds(
                &owner.opened.envelope,
                &self.plan.definition,
                &self.plan.hash,
            )
        };
        if owner.as_ref().is_some_and(is_held) {
            return Step::Done(Ok(false));
        }
        let fence = match owner {
            None => Fence::stub(rng),
            Some(owner) => Fence::over::<Shipped>(owner.version, owner.opened, rng),
        };
        let request = fence.request(&self.plan.owner);
        self.doing = Doing::Fencing(Box::new(claim));
        Step::Do(request)
    }

    /// Only a fence that is known to be there counts.
    fn release(&mut self, claim: &Settled, reply: &Reply, rng: &dyn Rng) -> Step<Outcome> {
        if !matches!(reply, Reply::Put(Attempt::Applied(_))) {
            return Step::Done(Ok(false));
        }
        let (_, body) = next_claim(Some(&claim.opened.envelope), None, self.plan.write, rng);
        self.doing = Doing::Releasing;
        Step::Do(Request::Put {
            key: self.plan.claim.clone(),
            expect: Expect::Exactly(claim.version.clone()),
            body,
        })
    }
}

impl Machine for OrphanMachine {
    type Output = Outcome;

    fn step(&mut self, reply: Reply, rng: &dyn Rng) -> Step<Outcome> {
        match std::mem::replace(&mut self.doing, Doing::Releasing) {
            Doing::Starting => {
                let claim =
                    SettleMachine::replace(self.plan.claim.clone(), self.plan.settler.clone());
                self.read_claim(Box::new(claim), reply, rng)
            }
            Doing::ReadingClaim(settling) => self.read_claim(settling, reply, rng),
            Doing::ReadingOwner(owner) => self.read_owner(owner, reply, rng),
            Doing::Fencing(claim) => self.release(&claim, &reply, rng),
            Doing::Releasing => Step::Done(Ok(matches!(reply, Reply::Put(Attempt::Applied(_))))),
        }
    }
}
