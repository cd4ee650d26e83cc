//! After the decision: objects lose the intents of an attempt, and then its record goes (storage-protocol §2.6, phase F,
//! and the recovery by anyone).

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Machine, Reply, Request, Rules, Shipped, Step,
    conduct::{Conductor, Lane, Progress},
    pending,
    place::Placed,
};
use crate::{
    document::Version,
    format::{
        Key,
        envelope::{Opened, open},
        intent::{Attempt, Staged},
        path,
        record::Decision,
    },
    port::{Attempt as Answer, Expect, Object, Rng},
};

/// One object that bears, or may bear, an intent of a decided attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FinishPlan {
    /// Its path.
    pub key: Key,
    /// The attempt.
    pub transaction: Attempt,
    /// How it ended.
    pub decision: Decision,
    /// The object as the intent was placed on it, where that is known: then it is not read first.
    pub placed: Option<Placed>,
    /// The pending body, where it is staged and known: then it is not read.
    pub staged: Option<Bytes>,
}

/// How an object was left.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Finished {
    /// It bears no intent of the attempt. The version, if this machine put it.
    Clean(Option<Version>),
    /// It may still bear one: somebody else will meet it.
    Left,
}

/// The machine that takes an intent off one object: one compare-and-swap, to the pending version when the attempt is
/// committed, else to the version from before. May run anywhere, several times, at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FinishMachine<R: Rules = Shipped> {
    plan: FinishPlan,
    doing: Doing,
    pauses: u32,
    rules: std::marker::PhantomData<R>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Starting,
    Reading,
    ReadingStage(Version, Box<Opened>, Staged),
    Putting,
    Resting,
}

impl<R: Rules> FinishMachine<R> {
    /// How often it tries again.
    pub const MOST_PAUSES: u32 = 8;

    /// Finishes one object.
    #[must_use]
    pub fn new(plan: FinishPlan) -> Self {
        Self {
            plan,
            doing: Doing::Starting,
            pauses: 0,
            rules: std::marker::PhantomData,
        }
    }

    fn read(&mut self) -> Step<Finished> {
        self.doing = Doing::Reading;
        Step::Do(Request::Get(self.plan.key.clone()))
    }

    fn read_answer(&mut self, reply: Reply, rng: &dyn Rng) -> Step<Finished> {
        match reply {
            Reply::Got(Ok(Some(object))) => self.examine(object, rng),
            Reply::Got(Ok(None)) => Step::Done(Finished::Clean(None)),
            Reply::Got(Err(error)) if !error.is_transient() => Step::Done(Finished::Left),
            _ => self.rest(),
        }
    }

    fn examine(&mut self, object: Object, rng: &dyn Rng) -> Step<Finished> {
        let Ok(opened) = open(&object.bytes) else {
            return Step::Done(Finished::Left);
        };
        let intent = opened.envelope.intent.as_ref();
        if intent.is_none_or(|intent| intent.transaction != self.plan.transaction) {
            return Step::Done(Finished::Clean(None));
        }
        let next = match (self.plan.decision, pending::staged(&opened)) {
            (Decision::Aborted, _) => Ok(pending::rolled_back(&opened)),
            (Decision::Committed, Ok(Some(staged))) if self.plan.staged.is_none() => {
                let request = Request::Get(staged.key.clone());
                self.doing = Doing::ReadingStage(object.version, Box::new(opened), staged);
                return Step::Do(request);
            }
            (Decision::Committed, _) => pending::committed(&opened, self.plan.staged.clone()),
        };
        match next {
            Ok(next) => self.put(object.version, next, rng),
            Err(_) => Step::Done(Finished::Left),
        }
    }

    fn stage_answer(
        &mut self,
        version: Version,
        opened: &Opened,
        staged: &Staged,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Step<Finished> {
        let Reply::Got(Ok(Some(object))) = reply else {
            return self.rest(); // Gone: then the object was finished by somebody else.
        };
        let body = pending::check_staged(staged, &object.bytes);
        match body.and_then(|body| pending::committed(opened, Some(body))) {
            Ok(next) => self.put(version, next, rng),
            Err(_) => Step::Done(Finished::Left),
        }
    }

    /// Every put has bytes of its own, also one that goes back: a write that was made for the version before must not match
    /// again.
    fn put(&mut self, version: Version, mut next: Opened, rng: &dyn Rng) -> Step<Finished> {
        next.envelope.put = rng.nonce();
        if !R::ROLL_BACK_HAS_NEW_NONCE
            && self.plan.decision == Decision::Aborted
            && let Some(base) = self
                .plan
                .placed
                .as_ref()
                .and_then(|placed| placed.base.as_ref())
        {
            next.envelope.put = base.opened.envelope.put;
        }
        self.doing = Doing::Putting;
        Step::Do(Request::Put {
            key: self.plan.key.clone(),
            expect: Expect::Exactly(version),
            body: next.envelope.seal(&next.body),
        })
    }

    fn put_answer(&mut self, reply: Reply) -> Step<Finished> {
        match reply {
            Reply::Put(Answer::Applied(version)) => Step::Done(Finished::Clean(Some(version))),
            Reply::Put(Answer::Refused(_)) => Step::Done(Finished::Left),
            // Somebody else was there, as a rule with the same; the look is free, a second rejection is not.
            Reply::Put(Answer::Rejected) if self.pauses == 0 => {
                self.pauses = 1;
                self.read()
            }
            _ => self.rest(),
        }
    }

    fn rest(&mut self) -> Step<Finished> {
        self.pauses += 1;
        if self.pauses > Self::MOST_PAUSES {
            return Step::Done(Finished::Left);
        }
        self.doing = Doing::Resting;
        Step::Do(Request::Pause(self.pauses))
    }
}

impl<R: Rules> Machine for FinishMachine<R> {
    type Output = Finished;

    fn step(&mut self, reply: Reply, rng: &dyn Rng) -> Step<Finished> {
        if matches!(reply, Reply::TimeIsUp) {
            return Step::Done(Finished::Left);
        }
        match std::mem::replace(&mut self.doing, Doing::Reading) {
            Doing::Starting => match &self.plan.placed {
                Some(placed) => {
                    let object = Object {
                        version: placed.version.clone(),
                        bytes: placed.bytes.clone(),
                    };
                    self.examine(object, rng)
                }
                None => self.read(),
            },
            Doing::Reading => self.read_answer(reply, rng),
            Doing::ReadingStage(version, opened, staged) => {
                self.stage_answer(version, &opened, &staged, reply, rng)
            }
            Doing::Putting => self.put_answer(reply),
            Doing::Resting => self.read(),
        }
    }
}

/// What an attempt leaves behind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClearPlan {
    /// The attempt.
    pub transaction: Attempt,
    /// How it ended.
    pub decision: Decision,
    /// Every object that bears, or may bear, an intent of it.
    pub objects: Vec<FinishPlan>,
    /// Its staged bodies.
    pub staged: Vec<Key>,
    /// Whether its record goes once nothing bears an intent of it any more. A record that says `aborted` stays: its owner
    /// may be about to create another one of this name.
    pub removes_record: bool,
}

/// What was cleared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cleared {
    /// Per object the version that was put, where one was.
    pub versions: BTreeMap<Key, Option<Version>>,
    /// Whether every object is known to be clean.
    pub is_clean: bool,
}

/// The conductor that clears an attempt: its objects side by side, then its staged bodies and its record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClearMachine<R: Rules = Shipped> {
    plan: ClearPlan,
    finishing: BTreeMap<Lane, FinishMachine<R>>,
    removing: usize,
    cleared: Cleared,
}

impl<R: Rules> ClearMachine<R> {
    /// Clears what `plan` names.
    #[must_use]
    pub fn new(plan: ClearPlan) -> Self {
        Self {
            plan,
            finishing: BTreeMap::new(),
            removing: 0,
            cleared: Cleared {
                versions: BTreeMap::new(),
                is_clean: true,
            },
        }
    }

    fn start(&mut self, rng: &dyn Rng) -> Progress<Cleared> {
        let mut requests = Vec::new();
        for (lane, plan) in std::mem::take(&mut self.plan.objects)
            .into_iter()
            .enumerate()
        {
            let key = plan.key.clone();
            let mut machine = FinishMachine::new(plan);
            match machine.step(Reply::Start, rng) {
                Step::Do(request) => {
                    requests.push((lane, request));
                    self.finishing.insert(lane, machine);
                }
                Step::Done(finished) => self.note(key, finished),
            }
        }
        match requests.is_empty() {
            true => self.remove_rest(),
            false => Progress::Do(requests),
        }
    }

    fn note(&mut self, key: Key, finished: Finished) {
        match finished {
            Finished::Clean(version) => drop(self.cleared.versions.insert(key, version)),
            Finished::Left => self.cleared.is_clean = false,
        }
    }

    fn finish(
        &mut self,
        lane: Lane,
        mut machine: FinishMachine<R>,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Progress<Cleared> {
        match machine.step(reply, rng) {
            Step::Do(request) => {
                self.finishing.insert(lane, machine);
                return Progress::Do(vec![(lane, request)]);
            }
            Step::Done(finished) => self.note(machine.plan.key, finished),
        }
        match self.finishing.is_empty() {
            true => self.remove_rest(),
            false => Progress::Do(Vec::new()),
        }
    }

    /// The record is the last to go: while an object bears the intent, the record says what it means.
    fn remove_rest(&mut self) -> Progress<Cleared> {
        if !self.cleared.is_clean {
            return Progress::Done(self.cleared.clone());
        }
        let mut rest = std::mem::take(&mut self.plan.staged);
        if self.plan.removes_record {
            rest.push(path::record(&self.plan.transaction));
        }
        self.removing = rest.len();
        if rest.is_empty() {
            return Progress::Done(self.cleared.clone());
        }
        Progress::Do(rest.into_iter().map(Request::Delete).enumerate().collect())
    }
}

impl<R: Rules> Conductor for ClearMachine<R> {
    type Output = Cleared;

    fn step(&mut self, lane: Lane, reply: Reply, rng: &dyn Rng) -> Progress<Cleared> {
        if matches!(reply, Reply::Start) {
            return self.start(rng);
        }
        if let Some(machine) = self.finishing.remove(&lane) {
            return self.finish(lane, machine, reply, rng);
        }
        self.removing = self.removing.saturating_sub(1);
        match self.removing {
            0 => Progress::Done(self.cleared.clone()),
            _ => Progress::Do(Vec::new()),
        }
    }
}
