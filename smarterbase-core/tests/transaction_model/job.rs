//! What a client is at: one machine or one conductor of the shipped protocol, or a question of the engine's own.

use smarterbase_core::{
    port::Rng,
    protocol::{
        ClaimMachine, ClaimOutcome, ClearMachine, CommitMachine, Conductor, Lane, Machine,
        PlaceMachine, PutMachine, PutOutcome, ReleaseMachine, Reply, Request, Rules,
        SeeClaimMachine, SettleMachine, Settled, Step, TakenClaim, Unsettled,
        commit::CommitEnd,
        conduct::Progress,
        place::{PlaceOutcome, Placed},
    },
};

use super::library::{Answer, Ask};

/// One piece of work.
#[derive(Clone, Debug, Hash)]
pub(crate) enum Job<R: Rules> {
    Settle(Box<SettleMachine<R>>),
    Place(Box<PlaceMachine<R>>),
    Put(Box<PutMachine<R>>),
    Claim(Box<ClaimMachine<R>>),
    See(Box<SeeClaimMachine>),
    Release(Box<ReleaseMachine>),
    Commit(Box<CommitMachine<R>>),
    Clear(Box<ClearMachine<R>>),
    Ask(Ask),
}

/// How it ended.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one is made per step, and moved twice"
)]
pub(crate) enum End {
    Begun,
    Settled(Result<Option<Settled>, Unsettled>),
    /// `None`: the object bears no intent of ours.
    Placed(Option<Placed>),
    Put(PutOutcome),
    Claimed(ClaimOutcome),
    Seen(Option<TakenClaim>),
    Released,
    Committed(CommitEnd),
    Cleared,
    Told(Answer, Reply),
}

/// What came of one step.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one is made per step, and moved twice"
)]
pub(crate) enum Moved {
    On(Vec<(Lane, Request)>),
    Ended(End),
}

impl<R: Rules> Job<R> {
    pub(crate) fn settle(machine: SettleMachine<R>) -> Self {
        Self::Settle(Box::new(machine))
    }

    pub(crate) fn start(&mut self, rng: &dyn Rng) -> Moved {
        self.step(0, Answer::Begin, Reply::Start, rng)
    }

    pub(crate) fn step(
        &mut self,
        lane: Lane,
        answer: Answer,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Moved {
        match self {
            Self::Settle(machine) => end(machine.step(reply, rng), End::Settled),
            Self::Place(machine) => end(machine.step(reply, rng), |outcome| {
                End::Placed(match outcome {
                    PlaceOutcome::Placed(placed) => Some(placed),
                    PlaceOutcome::Conflict | PlaceOutcome::Failed(_) => None,
                })
            }),
            Self::Put(machine) => end(machine.step(reply, rng), End::Put),
            Self::Claim(machine) => end(machine.step(reply, rng), End::Claimed),
            Self::See(machine) => end(machine.step(reply, rng), End::Seen),
            Self::Release(machine) => end(machine.step(reply, rng), |_| End::Released),
            Self::Commit(machine) => went(machine.step(lane, reply, rng), End::Committed),
            Self::Clear(machine) => went(machine.step(lane, reply, rng), |_| End::Cleared),
            Self::Ask(_) => Moved::Ended(End::Told(answer, reply)),
        }
    }
}

fn end<O>(step: Step<O>, ended: impl FnOnce(O) -> End) -> Moved {
    match step {
        Step::Do(request) => Moved::On(vec![(0, request)]),
        Step::Done(output) => Moved::Ended(ended(output)),
    }
}

fn went<O>(progress: Progress<O>, ended: impl FnOnce(O) -> End) -> Moved {
    match progress {
        Progress::Do(requests) => Moved::On(requests),
        Progress::Done(output) => Moved::Ended(ended(output)),
    }
}
