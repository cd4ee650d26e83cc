//! Taking a unique value (storage-protocol §3.2 step 2 and 3): fence before steal, refresh when already ours.
//!
//! A claim is effective while its owner is live and stores the claim's hash (rule S12); any other claim may be moved. Two
//! documents cannot both end with the value: whoever moves a claim away from an owner has read the owner without the
//! value and fenced it, and the owner's own put expects a version that was read before the owner took the claim. So that
//! put was either seen, or can no longer be applied.

use bytes::Bytes;

use super::{
    Machine, PutMachine, PutOutcome, Reply, Request, Rules, Shipped, Step,
    drive::LONGEST_PAUSE,
    fence::Fence,
    settle::{SettleMachine, Settled, Settler, Unsettled},
    trouble::nothing_happened,
};
use crate::{
    document::Version,
    error::{Code, Error},
    format::{
        Envelope, Key, Nonce,
        claim::{self, Claim},
        envelope::State,
    },
    port::{Attempt, Object, Rng, StoreError},
};

/// What to claim, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// How long to wait for transactions in the way.
    pub settler: Settler,
}

/// How taking a claim ended.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one per claim, moved once, and nearly always the large one"
)]
pub enum ClaimOutcome {
    /// The claim is ours. To give it back, [`ReleaseMachine`](super::release::ReleaseMachine) needs what is here.
    Taken(TakenClaim),
    /// A live document holds the value: its path. Also a document that cannot be read, since it may hold it.
    Held(Key),
    /// The store refused or did not answer, or others kept taking the claim. The claim may be ours, or become ours:
    /// that is harmless, since it is not effective and anyone may take it.
    Failed(Error),
}

/// A claim that was taken or seen: what is needed to release it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
///
/// A new value costs one put. Steps are bounded: at most [`MOST_TRIES`](Self::MOST_TRIES) times it starts again because
/// others moved the claim or its owner, and as often because the store did not answer. When the time is up it stops where
/// it is: a claim that is put too late is harmless.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimMachine<R: Rules = Shipped> {
    plan: ClaimPlan,
    doing: Doing<R>,
    tries: u32,
    pauses: u32,
    waited: Option<(Key, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing<R: Rules> {
    Starting,
    ReadingClaim(Box<SettleMachine<R>>),
    ReadingOwner(Box<(Seen, SettleMachine<R>)>),
    Fencing(Box<Seen>),
    Claiming(Box<Claiming<R>>),
    Resting,
}

/// A claim as it was read, before its owner was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Seen {
    claim: Settled,
    owner: Key,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Claiming<R: Rules> {
    machine: PutMachine<R>,
    envelope: Envelope,
    was_ours: bool,
}

impl ClaimMachine {
    /// A machine for `plan`. The version of the owner must have been read before (§3.2 step 1).
    #[must_use]
    pub fn new(plan: ClaimPlan) -> Self {
        Self::under(plan)
    }
}

impl<R: Rules> ClaimMachine<R> {
    /// How often the machine starts again because it lost against others.
    pub const MOST_TRIES: u32 = 16;
    /// How often it lets the insert finish that a claim of a missing document seems to belong to: two pauses of up to
    /// 1 s. Politeness only, which spares that insert a retry; an orphan of a crash costs the next one this wait.
    pub const POLITE_PAUSES: u32 = 2;

    /// As `new`, under other rules.
    #[doc(hidden)]
    #[must_use]
    pub fn under(plan: ClaimPlan) -> Self {
        Self {
            plan,
            doing: Doing::Starting,
            tries: 0,
            pauses: 0,
            waited: None,
        }
    }
}

impl<R: Rules> Machine for ClaimMachine<R> {
    type Output = ClaimOutcome;

    fn step(&mut self, reply: Reply, rng: &dyn Rng) -> Step<ClaimOutcome> {
        if matches!(reply, Reply::TimeIsUp) {
            return failed(no_answer(&self.plan));
        }
        match std::mem::replace(&mut self.doing, Doing::Starting) {
            Doing::Starting if self.plan.create_first => self.put_claim(None, false, rng),
            Doing::Starting | Doing::Resting => self.read_claim(rng),
            Doing::ReadingClaim(settling) => self.read_claim_answer(settling, reply, rng),
            Doing::ReadingOwner(owner) => self.read_owner_answer(owner, reply, rng),
            Doing::Fencing(seen) => self.fence_answer(*seen, reply, rng),
            Doing::Claiming(claiming) => self.put_claim_answer(claiming, reply, rng),
        }
    }
}

/// Step 2: the claim.
impl<R: Rules> ClaimMachine<R> {
    fn read_claim(&mut self, rng: &dyn Rng) -> Step<ClaimOutcome> {
        let settling = SettleMachine::replace(self.plan.claim.clone(), self.plan.settler.clone());
        self.read_claim_answer(Box::new(settling), Reply::Start, rng)
    }

    fn read_claim_answer(
        &mut self,
        mut settling: Box<SettleMachine<R>>,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Step<ClaimOutcome> {
        match settling.step(reply, rng) {
            Step::Do(request) => {
                self.doing = Doing::ReadingClaim(settling);
                Step::Do(request)
            }
            Step::Done(Ok(found)) => self.decide(found, rng),
            Step::Done(Err(Unsettled::Store(error))) => self.pause_after(error),
            Step::Done(Err(unsettled)) => failed(unsettled.into()),
        }
    }

    /// The put of the claim lost: what is there may bear an intent.
    fn look_again(&mut self, found: Option<Object>, rng: &dyn Rng) -> Step<ClaimOutcome> {
        let Some(object) = found else {
            return self.decide(None, rng);
        };
        let settling = SettleMachine::replace(self.plan.claim.clone(), self.plan.settler.clone());
        self.read_claim_answer(Box::new(settling.from_object(object)), Reply::Start, rng)
    }

    fn decide(&mut self, found: Option<Settled>, rng: &dyn Rng) -> Step<ClaimOutcome> {
        let Some(settled) = found else {
            return self.put_claim(None, false, rng);
        };
        let owner = match claim::owner(&settled.opened.body) {
            Ok(owner) => owner,
            Err(error) => return failed(error),
        };
        match owner {
            None => self.put_claim(Some(settled), false, rng),
            Some(owner) if owner == self.plan.owner.as_str() => self.refresh(settled, rng),
            Some(owner) => self.read_owner(
                Seen {
                    claim: settled,
                    owner: Key::from_stored(owner),
                },
                rng,
            ),
        }
    }

    fn refresh(&mut self, settled: Settled, rng: &dyn Rng) -> Step<ClaimOutcome> {
        if R::REFRESH_OWN_CLAIM {
            return self.put_claim(Some(settled), true, rng);
        }
        Step::Done(ClaimOutcome::Taken(TakenClaim {
            claim: self.plan.claim.clone(),
            version: settled.version,
            envelope: settled.opened.envelope,
            was_ours: true,
        }))
    }

    fn put_claim(
        &mut self,
        base: Option<Settled>,
        was_ours: bool,
        rng: &dyn Rng,
    ) -> Step<ClaimOutcome> {
        let owner = Some(self.plan.owner.as_str().to_owned());
        let before = base.as_ref().map(|settled| &settled.opened.envelope);
        let (envelope, bytes) = next_claim(before, owner, self.plan.write, rng);
        let machine = PutMachine::over(self.plan.claim.clone(), base, &envelope, bytes);
        let claiming = Claiming {
            machine,
            envelope,
            was_ours,
        };
        self.put_claim_answer(Box::new(claiming), Reply::Start, rng)
    }

    fn put_claim_answer(
        &mut self,
        mut claiming: Box<Claiming<R>>,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Step<ClaimOutcome> {
        match claiming.machine.step(reply, rng) {
            Step::Do(request) => {
                self.doing = Doing::Claiming(claiming);
                Step::Do(request)
            }
            Step::Done(PutOutcome::Applied(Some(version))) => {
                Step::Done(ClaimOutcome::Taken(TakenClaim {
                    claim: self.plan.claim.clone(),
                    version,
                    envelope: claiming.envelope,
                    was_ours: claiming.was_ours,
                }))
            }
            // It was ours for a while, and moved on since.
            Step::Done(PutOutcome::Applied(None)) => {
                self.start_again(|machine| machine.read_claim(rng))
            }
            Step::Done(PutOutcome::Lost(found)) => {
                self.start_again(|machine| machine.look_again(found, rng))
            }
            Step::Done(PutOutcome::Refused(error) | PutOutcome::Unknown(error)) => {
                failed(nothing_happened(error))
            }
        }
    }
}

/// Step 3: another document is the owner.
impl<R: Rules> ClaimMachine<R> {
    fn read_owner(&mut self, seen: Seen, rng: &dyn Rng) -> Step<ClaimOutcome> {
        let settling = SettleMachine::replace(seen.owner.clone(), self.plan.settler.clone());
        self.read_owner_answer(Box::new((seen, settling)), Reply::Start, rng)
    }

    fn read_owner_answer(
        &mut self,
        mut owner: Box<(Seen, SettleMachine<R>)>,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Step<ClaimOutcome> {
        match owner.1.step(reply, rng) {
            Step::Do(request) => {
                self.doing = Doing::ReadingOwner(owner);
                Step::Do(request)
            }
            Step::Done(Ok(found)) => self.judge_owner(owner.0, found, rng),
            Step::Done(Err(Unsettled::Store(error))) => self.pause_after(error),
            // What cannot be read holds the value.
            Step::Done(Err(Unsettled::Unreadable(_))) => {
                Step::Done(ClaimOutcome::Held(owner.0.owner))
            }
            Step::Done(Err(busy @ Unsettled::Busy)) => failed(busy.into()),
        }
    }

    fn judge_owner(
        &mut self,
        seen: Seen,
        found: Option<Settled>,
        rng: &dyn Rng,
    ) -> Step<ClaimOutcome> {
        match found
            .as_ref()
            .map_or(Owner::Missing, |settled| self.look_at(settled))
        {
            Owner::Holds => Step::Done(ClaimOutcome::Held(seen.owner)),
            Owner::Missing if self.has_to_wait(&seen.owner) => self.rest(LONGEST_PAUSE),
            Owner::Missing | Owner::Lacks => self.fence(seen, found, rng),
        }
    }

    /// Rule S12, on the settled owner.
    fn look_at(&self, owner: &Settled) -> Owner {
        let envelope = &owner.opened.envelope;
        match envelope.state {
            State::Live if holds(envelope, &self.plan.definition, &self.plan.hash) => Owner::Holds,
            State::Live | State::Deleted => Owner::Lacks,
            State::Stub => Owner::Missing,
        }
    }

    fn has_to_wait(&mut self, owner: &Key) -> bool {
        let pauses = match &self.waited {
            Some((waited_for, pauses)) if waited_for == owner => *pauses,
            _ => 0,
        };
        self.waited = Some((owner.clone(), (pauses + 1).min(Self::POLITE_PAUSES)));
        pauses < Self::POLITE_PAUSES
    }

    fn fence(&mut self, seen: Seen, found: Option<Settled>, rng: &dyn Rng) -> Step<ClaimOutcome> {
        if !R::FENCE_BEFORE_STEALING {
            return self.put_claim(Some(seen.claim), false, rng);
        }
        let fence = match found {
            None => Fence::stub(rng),
            Some(settled) => Fence::over::<R>(settled.version, settled.opened, rng),
        };
        let request = fence.request(&seen.owner);
        self.doing = Doing::Fencing(Box::new(seen));
        Step::Do(request)
    }

    /// Only a fence that is known to be there counts. A lost or unclear one is made again, from the claim on.
    fn fence_answer(&mut self, seen: Seen, reply: Reply, rng: &dyn Rng) -> Step<ClaimOutcome> {
        match reply {
            Reply::Put(Attempt::Applied(_)) => self.put_claim(Some(seen.claim), false, rng),
            Reply::Put(Attempt::Unknown(error)) => self.pause_after(error),
            Reply::Put(Attempt::Refused(error)) => failed(nothing_happened(error)),
            _ => self.start_again(|machine| machine.read_claim(rng)),
        }
    }
}

/// What the owner of a claim is to the value.
enum Owner {
    Holds,
    Lacks,
    /// Absent or a stub: perhaps an insert that took the claim and is about to put its document.
    Missing,
}

/// Trying again, a bounded number of times.
impl<R: Rules> ClaimMachine<R> {
    fn start_again(
        &mut self,
        next: impl FnOnce(&mut Self) -> Step<ClaimOutcome>,
    ) -> Step<ClaimOutcome> {
        self.tries += 1;
        if self.tries > Self::MOST_TRIES {
            return failed(contended(&self.plan));
        }
        next(self)
    }

    fn pause_after(&mut self, error: StoreError) -> Step<ClaimOutcome> {
        self.pauses += 1;
        if !error.is_transient() || self.pauses > Self::MOST_TRIES {
            return failed(nothing_happened(error));
        }
        self.rest(self.pauses)
    }

    fn rest(&mut self, attempt: u32) -> Step<ClaimOutcome> {
        self.doing = Doing::Resting;
        Step::Do(Request::Pause(attempt))
    }
}

fn failed(error: Error) -> Step<ClaimOutcome> {
    Step::Done(ClaimOutcome::Failed(error))
}

fn no_answer(plan: &ClaimPlan) -> Error {
    Error::new(
        Code::UNAVAILABLE,
        format!(
            "the time was up before the claim of {} was taken",
            plan.definition
        ),
    )
}

fn contended(plan: &ClaimPlan) -> Error {
    Error::new(
        Code::CONTENTION,
        format!("others kept changing the claim of {}", plan.definition),
    )
}

/// Whether a live document stores the hash of the claim of `definition` (rule S12).
pub(crate) fn holds(envelope: &Envelope, definition: &str, hash: &str) -> bool {
    let stored = envelope.unique.get(definition);
    envelope.state == State::Live && stored.is_some_and(|stored| stored == hash)
}

/// The next version of a claim: its envelope, and its bytes with a new physical nonce.
pub(crate) fn next_claim(
    before: Option<&Envelope>,
    owner: Option<String>,
    write: Nonce,
    rng: &dyn Rng,
) -> (Envelope, Bytes) {
    let envelope = Envelope {
        created: None,
        ..Envelope::next(before, rng.nonce(), write)
    };
    let claim = Claim { envelope, owner };
    let bytes = claim.seal();
    (claim.envelope, bytes)
}
