//! What each lane of a commit does, and what its answer comes to.

use super::{
    CommitMachine, Decided, Work,
    end::{Failure, Lost},
};
use crate::{
    format::Key,
    port::Rng,
    protocol::{
        Machine, Patience, PutMachine, PutOutcome, Reply, Request, Rules, Step,
        conduct::Lane,
        decide::{DecideMachine, DecideOutcome},
        nothing_happened,
        place::{PlaceMachine, PlaceOutcome},
        settle::Identity,
        validate::{Seen, ValidateMachine, Verdict},
    },
};

/// What a lane does next; `None`: it is free.
type Next<R> = Option<(Work<R>, Request)>;

impl<R: Rules> CommitMachine<R> {
    /// Begins what is queued: everything, but placements, where they are in order, one after the other. After a failure
    /// nothing begins.
    pub(super) fn begin_queued(&mut self, requests: &mut Vec<(Lane, Request)>, rng: &dyn Rng) {
        while self.failure.is_none() {
            let may_place = self.lanes.is_empty() || !self.plan.in_order;
            let next = self
                .queue
                .pop_front_if(|work| may_place || !matches!(work, Work::Place(..)));
            let Some(work) = next else {
                return;
            };
            if let Some((work, request)) = self.go_on(work, Reply::Start, rng) {
                let lane = self.next_lane;
                self.next_lane += 1;
                self.lanes.insert(lane, work);
                requests.push((lane, request));
            }
        }
    }

    pub(super) fn go_on(&mut self, work: Work<R>, reply: Reply, rng: &dyn Rng) -> Next<R> {
        let next = match work {
            Work::Place(key, machine) => self.place(key, machine, reply, rng),
            Work::Validate(machine) => self.validate(machine, reply, rng),
            Work::Rescan(range) => self.rescan(range, reply),
            Work::Announce => self.ask(Work::Announce, Request::Announce, reply),
            Work::Confirm => self.ask(Work::Confirm, Request::Confirm, reply),
            Work::Decide(machine) => self.decide_answer(machine, reply, rng),
            Work::Swap(machine) => self.swap_answer(machine, reply, rng),
        };
        if self.failure.is_none() {
            return next;
        }
        // Nothing new is sent for an attempt that failed.
        if let Some((Work::Place(key, _), _)) = next {
            self.uncertain.push(key);
        }
        None
    }

    fn place(
        &mut self,
        key: Key,
        mut machine: Box<PlaceMachine<R>>,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Next<R> {
        match machine.step(reply, rng) {
            Step::Do(Request::Await { intent, patience }) if self.gives_way(patience) => {
                self.uncertain.push(key.clone());
                self.fail(Failure::Lost(Lost::Behind(key, intent)));
            }
            Step::Do(request) => return Some((Work::Place(key, machine), request)),
            Step::Done(PlaceOutcome::Placed(placed)) => drop(self.placed.insert(key, placed)),
            Step::Done(PlaceOutcome::Conflict) => {
                self.uncertain.push(key.clone());
                self.fail(Failure::Lost(Lost::Write(key)));
            }
            Step::Done(PlaceOutcome::Failed(error)) => {
                self.uncertain.push(key);
                self.fail(Failure::Error(error.into()));
            }
        }
        None
    }

    fn validate(
        &mut self,
        mut machine: Box<ValidateMachine<R>>,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Next<R> {
        match machine.step(reply, rng) {
            Step::Do(Request::Await { intent, patience }) if self.gives_way(patience) => {
                let key = machine.key().clone();
                self.fail(Failure::Lost(Lost::Behind(key, intent)));
            }
            Step::Do(request) => return Some((Work::Validate(machine), request)),
            Step::Done(Verdict::Valid) => {}
            Step::Done(Verdict::Changed) => {
                let key = machine.key().clone();
                self.fail(Failure::Lost(Lost::Read(key)));
            }
            Step::Done(Verdict::Failed(error)) => self.fail(Failure::Error(error.into())),
        }
        None
    }

    /// What a range shows now and did not show before must not be there: absent, dead, or ours.
    fn rescan(&mut self, range: usize, reply: Reply) -> Next<R> {
        match reply {
            Reply::Start => return Some((Work::Rescan(range), Request::Rescan(range))),
            Reply::Found(Ok(found)) => found.into_iter().for_each(|key| self.appeared(key)),
            Reply::Found(Err(error)) => self.fail(Failure::Error(nothing_happened(error).into())),
            _ => self.fail(Failure::Lost(Lost::Agreement)),
        }
        None
    }

    /// An object that a range did not show when it was read. If it was read as something else than nothing, the range was
    /// read at another moment than the object.
    fn appeared(&mut self, key: Key) {
        match self.was_there(&key) {
            Some(true) => self.fail(Failure::Lost(Lost::Read(key))),
            Some(false) => {}
            None => {
                let validating = self.validating(Seen::nothing(key));
                self.queue.push_back(validating);
            }
        }
    }

    /// Whether something was there when the object was read; `None`: it was not read.
    fn was_there(&self, key: &Key) -> Option<bool> {
        let nothing = Identity::of(None);
        let mut read = self.plan.reads.iter();
        let mut written = self.plan.writes.iter();
        let read = read.find(|seen| seen.key == *key).map(|seen| seen.identity);
        let written = written
            .find(|write| write.key == *key)
            .map(|write| Identity::of(write.base.as_ref()));
        let locked = self.plan.locked.contains(key).then_some(true);
        let identity = read.or(written).map(|identity| identity != nothing);
        identity.or(locked)
    }

    fn ask(&mut self, work: Work<R>, request: Request, reply: Reply) -> Next<R> {
        match reply {
            Reply::Start => return Some((work, request)),
            Reply::Yes => {}
            Reply::Found(Err(error)) => self.fail(Failure::Error(nothing_happened(error).into())),
            _ => self.fail(Failure::Lost(Lost::Agreement)),
        }
        None
    }

    fn decide_answer(
        &mut self,
        mut machine: Box<DecideMachine<R>>,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Next<R> {
        match machine.step(reply, rng) {
            Step::Do(request) => return Some((Work::Decide(machine), request)),
            Step::Done(DecideOutcome::Committed) => self.decided = Some(Decided(None)),
            Step::Done(DecideOutcome::Aborted) => self.fail(Failure::Lost(Lost::Wounded)),
            Step::Done(DecideOutcome::Refused(error)) => {
                self.fail(Failure::Error(nothing_happened(error).into()));
            }
            Step::Done(DecideOutcome::Unknown(error)) => self.fail(Failure::Unknown(error.into())),
        }
        None
    }

    fn swap_answer(
        &mut self,
        mut machine: Box<PutMachine<R>>,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Next<R> {
        match machine.step(reply, rng) {
            Step::Do(request) => return Some((Work::Swap(machine), request)),
            Step::Done(PutOutcome::Applied(version)) => self.decided = Some(Decided(version)),
            Step::Done(PutOutcome::Lost(_)) => self.fail(Failure::Lost(Lost::Wounded)),
            Step::Done(PutOutcome::Refused(error)) => {
                self.fail(Failure::Error(nothing_happened(error).into()));
            }
            Step::Done(PutOutcome::Unknown(error)) => self.fail(Failure::Unknown(error.into())),
        }
        None
    }

    /// Whether to give up at once instead of waiting so long for somebody while holding intents. Who places in order may
    /// wait: it locked what it could, and a circle through the rest is ended by the older one's grace. Who only reads holds
    /// nothing.
    fn gives_way(&self, patience: Patience) -> bool {
        let is_older = matches!(patience, Patience::Lease(_));
        is_older && !self.plan.in_order && !self.plan.writes.is_empty()
    }

    /// The first failure counts.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
        self.queue.clear();
    }
}
