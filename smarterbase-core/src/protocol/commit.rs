//! Committing a transaction (storage-protocol §2.6): place ▸ validate ▸ confirm ▸ **decide**.
//!
//! The decision is one put: the create of the record, or, where only one object is written, the object's own next
//! version. What comes before it can be undone, what comes after it can be redone, by anyone.

mod end;
mod lanes;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use self::end::{Failure, owned};
pub use self::{
    end::{CommitEnd, CommitOutcome, Lost},
    plan::{CommitPlan, Write},
};
use super::{
    PutMachine, Reply, Rules, Shipped,
    conduct::{Conductor, Lane, Progress},
    decide::DecideMachine,
    pending,
    place::{PlaceMachine, Placed},
    validate::{Seen, ValidateMachine},
};
use crate::{
    document::Version,
    error::{Code, Error, Result},
    format::{
        Key,
        envelope::open,
        intent::Home,
        record::{Decision, Record},
    },
    port::Rng,
};

/// The conductor of one attempt.
///
/// Without any contention: m puts side by side, one conditional GET per read side by side, one LIST or more per range, and
/// the deciding put.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommitMachine<R: Rules = Shipped> {
    plan: CommitPlan,
    phases: VecDeque<Phase>,
    /// What is to begin when a lane is free.
    queue: VecDeque<Work<R>>,
    lanes: BTreeMap<Lane, Work<R>>,
    next_lane: Lane,
    placed: BTreeMap<Key, Placed>,
    uncertain: Vec<Key>,
    failure: Option<Failure>,
    decided: Option<Decided>,
}

/// The phases, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Place,
    Announce,
    Validate,
    Confirm,
    Decide,
}

/// What one lane does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Work<R: Rules> {
    Place(Key, Box<PlaceMachine<R>>),
    Announce,
    Validate(Box<ValidateMachine<R>>),
    Rescan(usize),
    Confirm,
    Decide(Box<DecideMachine<R>>),
    Swap(Box<PutMachine<R>>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Decided(Option<Version>);

impl<R: Rules> CommitMachine<R> {
    /// Commits what `plan` says.
    #[must_use]
    pub fn new(plan: CommitPlan) -> Self {
        let phases = phases::<R>(&plan);
        Self {
            plan,
            phases,
            queue: VecDeque::new(),
            lanes: BTreeMap::new(),
            next_lane: 0,
            placed: BTreeMap::new(),
            uncertain: Vec::new(),
            failure: None,
            decided: None,
        }
    }
}

fn phases<R: Rules>(plan: &CommitPlan) -> VecDeque<Phase> {
    use Phase::{Announce, Confirm, Decide, Place, Validate};
    if plan.writes.is_empty() {
        return [Validate].into();
    }
    let phases: &[Phase] = match (R::VALIDATE_AFTER_PLACING, R::ANNOUNCE_BEFORE_VALIDATING) {
        (true, true) => &[Place, Validate, Confirm, Decide],
        (true, false) => &[Place, Validate, Announce, Confirm, Decide],
        (false, _) => &[Validate, Place, Confirm, Decide],
    };
    phases.iter().copied().collect()
}

impl<R: Rules> Conductor for CommitMachine<R> {
    type Output = CommitEnd;

    fn step(&mut self, lane: Lane, reply: Reply, rng: &dyn Rng) -> Progress<CommitEnd> {
        let mut requests = Vec::new();
        let work = self.lanes.remove(&lane);
        if let Some((work, request)) = work.and_then(|work| self.go_on(work, reply, rng)) {
            self.lanes.insert(lane, work);
            requests.push((lane, request));
        }
        self.begin_queued(&mut requests, rng);
        while self.lanes.is_empty() {
            if self.failure.is_some() || self.decided.is_some() {
                return Progress::Done(self.end());
            }
            match self.phases.pop_front() {
                Some(phase) => self.enter(phase, rng),
                None => return Progress::Done(self.end()),
            }
            self.begin_queued(&mut requests, rng);
        }
        Progress::Do(requests)
    }
}

/// The phases.
impl<R: Rules> CommitMachine<R> {
    fn enter(&mut self, phase: Phase, rng: &dyn Rng) {
        match phase {
            Phase::Place => self.enter_place(),
            Phase::Announce if self.plan.announces => self.queue.push_back(Work::Announce),
            Phase::Announce => {}
            Phase::Validate => self.enter_validate(),
            Phase::Confirm => self.queue.push_back(Work::Confirm),
            Phase::Decide => self.enter_decide(rng),
        }
    }

    fn enter_place(&mut self) {
        for write in &self.plan.writes {
            let machine = PlaceMachine::new(
                write.key.clone(),
                write.base.clone(),
                write.intent.clone(),
                self.plan.settler.clone(),
            );
            self.queue
                .push_back(Work::Place(write.key.clone(), Box::new(machine)));
        }
        if self.plan.announces && R::ANNOUNCE_BEFORE_VALIDATING {
            self.queue.push_front(Work::Announce);
        }
    }

    fn enter_validate(&mut self) {
        if !R::VALIDATE_READS {
            return;
        }
        for seen in &self.plan.reads {
            let validating = self.validating(seen.clone());
            self.queue.push_back(validating);
        }
        self.queue.extend((0..self.plan.ranges).map(Work::Rescan));
    }

    fn validating(&self, seen: Seen) -> Work<R> {
        let heeds = !self.plan.writes.is_empty() || R::HEED_UNDECIDED_WHEN_READ_ONLY;
        let machine = ValidateMachine::new(seen, self.plan.settler.clone()).heeding(heeds);
        Work::Validate(Box::new(machine))
    }

    fn enter_decide(&mut self, rng: &dyn Rng) {
        let work = match self.plan.author.home {
            Home::Record => Ok(self.decide()),
            Home::Own => self.swap(rng),
        };
        match work {
            Ok(work) => self.queue.push_back(work),
            Err(error) => self.fail(Failure::Error(error.into())),
        }
    }

    fn decide(&self) -> Work<R> {
        let written = self.plan.writes.iter().map(|write| &write.key);
        let record = Record {
            transaction: self.plan.author.transaction.clone(),
            decision: Decision::Committed,
            objects: written.chain(&self.plan.locked).cloned().collect(),
            staged: self.plan.staged.clone(),
        };
        Work::Decide(Box::new(DecideMachine::new(record)))
    }

    /// The one written object gets its next version, over exactly the put that bears the intent.
    fn swap(&self, rng: &dyn Rng) -> Result<Work<R>> {
        let (key, placed) = self.placed.first_key_value().ok_or_else(undecided)?;
        let opened = open(&placed.bytes)?;
        let mut next = pending::committed(&opened, None)?;
        next.envelope.put = rng.nonce();
        let base = Some((placed.version.clone(), placed.envelope.clone()));
        let bytes = next.envelope.seal(&next.body);
        let machine = PutMachine::sealed(key.clone(), base, &next.envelope, bytes)
            .restoring(pending::rolled_back(&opened));
        Ok(Work::Swap(Box::new(machine)))
    }

    fn end(&mut self) -> CommitEnd {
        let outcome = match (self.failure.take(), self.decided.take()) {
            (None, Some(Decided(version))) => CommitOutcome::Committed(version),
            // Who only reads decides nothing.
            (None, None) if self.plan.writes.is_empty() => CommitOutcome::Committed(None),
            (None, None) => CommitOutcome::Failed(undecided()),
            (Some(Failure::Lost(lost)), _) => CommitOutcome::Conflict(lost),
            (Some(Failure::Unknown(trouble)), _) => CommitOutcome::Unknown(trouble.into()),
            (Some(Failure::Error(error)), _) => CommitOutcome::Failed(owned(error)),
        };
        CommitEnd {
            outcome,
            placed: std::mem::take(&mut self.placed),
            uncertain: std::mem::take(&mut self.uncertain),
        }
    }
}

/// A commit that nothing decided is never called one.
fn undecided() -> Error {
    let text = "the transaction came to no decision, so nothing of it happened";
    Error::new(Code::CORRUPT, text)
}
