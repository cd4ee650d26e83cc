//! Committing a transaction (storage-protocol §2.6): place ▸ validate ▸ confirm ▸ **decide**.
//!
//! The decision is one put: the create of the record, or, where only one object is written, the object's own next
//! version. What comes before it can be undone, what comes after it can be redone, by anyone.

use std::collections::{BTreeMap, VecDeque};

use super::{
    Machine, Patience, PutMachine, PutOutcome, Reply, Request, Rules, Shipped, Step,
    conduct::{Conductor, Lane, Progress},
    decide::{DecideMachine, DecideOutcome},
    nothing_happened, pending,
    place::{PlaceMachine, PlaceOutcome, Placed},
    settle::{Identity, Settled, Settler},
    validate::{Seen, ValidateMachine, Verdict},
};
use crate::{
    document::Version,
    error::Error,
    format::{
        Key, Nonce,
        envelope::open,
        intent::{Author, Home, Intent},
        record::{Decision, Record},
    },
    port::{Rng, StoreError},
};

/// What a transaction read and writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommitPlan {
    /// The attempt.
    pub author: Author,
    /// How long it waits for others.
    pub settler: Settler,
    /// What it writes, in the order of the keys.
    pub writes: Vec<Write>,
    /// Objects that bear a lock of this attempt and are not written.
    pub locked: Vec<Key>,
    /// What it read and does not write.
    pub reads: Vec<Seen>,
    /// How many ranges it read.
    pub ranges: usize,
    /// Whether index entries must be announced.
    pub announces: bool,
    /// The staged bodies that its intents refer to.
    pub staged: Vec<Key>,
    /// Whether intents are placed one after the other, in the order of the keys, each waiting for whoever is in the way.
    pub in_order: bool,
}

/// One object that a transaction writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Write {
    /// Its path.
    pub key: Key,
    /// What was read there, or what is assumed to be there; `None`: nothing.
    pub base: Option<Settled>,
    /// The pending write.
    pub intent: Intent,
}

/// How an attempt ended.
#[derive(Debug)]
pub struct CommitEnd {
    /// What became of it.
    pub outcome: CommitOutcome,
    /// The objects that bear its intents.
    pub placed: BTreeMap<Key, Placed>,
    /// Objects that may bear one: they were being placed when the attempt failed.
    pub uncertain: Vec<Key>,
}

/// What became of an attempt.
#[derive(Debug)]
pub enum CommitOutcome {
    /// All of it happened. Where the one written object decided: the version that it has now, unless it was overwritten.
    Committed(Option<Version>),
    /// Nothing of it happened; others were faster. It can run again.
    Conflict(Lost),
    /// Nothing of it happened.
    Failed(Error),
    /// All of it may have happened, or nothing.
    Unknown(StoreError),
}

/// Against whom an attempt lost, and at which object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lost {
    /// What it had read was changed.
    Read(Key),
    /// What it was to write was changed.
    Write(Key),
    /// An older transaction, undecided yet, has the intent with this write id there. Waiting for it while holding what others
    /// want would keep them, and perhaps that very transaction, waiting too; it is waited for before the next attempt.
    Behind(Key, Nonce),
    /// Somebody whom it kept waiting aborted it.
    Wounded,
    /// What its writers agreed on changed, or it took too long.
    Agreement,
}

impl Lost {
    /// The object at which it lost, if at one.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Read(key) | Self::Write(key) | Self::Behind(key, _) => Some(key),
            Self::Wounded | Self::Agreement => None,
        }
    }
}

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

#[derive(Clone, Debug)]
enum Failure {
    Lost(Lost),
    Error(std::sync::Arc<Error>),
    Unknown(super::trouble::Trouble),
}

impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Lost(one), Self::Lost(other)) => one == other,
            (Self::Error(one), Self::Error(other)) => one.code() == other.code(),
            (Self::Unknown(one), Self::Unknown(other)) => one == other,
            _ => false,
        }
    }
}
impl Eq for Failure {}
impl std::hash::Hash for Failure {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Lost(lost) => lost.hash(state),
            Self::Error(error) => error.code().hash(state),
            Self::Unknown(trouble) => trouble.hash(state),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Decided(Option<Version>);

/// What a lane does next; `None`: it is free.
type Next<R> = Option<(Work<R>, Request)>;

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
            Home::Record => self.decide(),
            Home::Own => self.swap(rng),
        };
        self.queue.extend(work);
    }

    fn decide(&self) -> Option<Work<R>> {
        let written = self.plan.writes.iter().map(|write| &write.key);
        let record = Record {
            transaction: self.plan.author.transaction.clone(),
            decision: Decision::Committed,
            objects: written.chain(&self.plan.locked).cloned().collect(),
            staged: self.plan.staged.clone(),
        };
        Some(Work::Decide(Box::new(DecideMachine::new(record))))
    }

    /// The one written object gets its next version, over exactly the put that bears the intent.
    fn swap(&self, rng: &dyn Rng) -> Option<Work<R>> {
        let (key, placed) = self.placed.first_key_value()?;
        let opened = open(&placed.bytes).ok()?;
        let mut next = pending::committed(&opened, None).ok()?;
        next.envelope.put = rng.nonce();
        let base = Some((placed.version.clone(), placed.envelope.clone()));
        let bytes = next.envelope.seal(&next.body);
        let machine = PutMachine::sealed(key.clone(), base, &next.envelope, bytes)
            .restoring(pending::rolled_back(&opened));
        Some(Work::Swap(Box::new(machine)))
    }
}

/// The lanes.
impl<R: Rules> CommitMachine<R> {
    /// Begins what is queued: everything, but placements, where they are in order, one after the other. After a failure
    /// nothing begins.
    fn begin_queued(&mut self, requests: &mut Vec<(Lane, Request)>, rng: &dyn Rng) {
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

    fn go_on(&mut self, work: Work<R>, reply: Reply, rng: &dyn Rng) -> Next<R> {
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
    fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
        self.queue.clear();
    }

    fn end(&mut self) -> CommitEnd {
        let outcome = match (self.failure.take(), self.decided.take()) {
            (None, decided) => {
                CommitOutcome::Committed(decided.and_then(|Decided(version)| version))
            }
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

fn owned(error: std::sync::Arc<Error>) -> Error {
    std::sync::Arc::try_unwrap(error).unwrap_or_else(|shared| shared.repeated())
}
