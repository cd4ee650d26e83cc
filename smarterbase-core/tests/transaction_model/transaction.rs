//! A transaction as the engine runs it (`operation/transaction.rs` and `operation/transaction/*.rs`): lock ▸ read ▸ claim ▸
//! commit ▸ reply ▸ clear, again when others were faster.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use smarterbase_core::{
    format::{Key, intent::Home, record::Decision},
    protocol::{
        CommitMachine, CommitOutcome, FinishPlan, Placed, PutOutcome, ReleaseMachine, Reply, Rules,
        SettleMachine, Settled, TakenClaim, commit::CommitEnd, validate::Seen,
    },
};

use super::{
    client::{Next, Outcome, Own},
    facts::{Maker, value},
    job::{End, Job},
    library::{Answer, Ask},
    plain,
    plan::{self, finish},
    shape::Shape,
};

pub(crate) use plan::finish_plans;

/// One transaction.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Transaction {
    pub(super) shape: Arc<Shape>,
    pub(super) doing: Doing,
    /// What was read first, per object.
    pub(super) read: BTreeMap<Key, Option<Settled>>,
    pub(super) locks: BTreeMap<Key, Placed>,
    pub(super) todo: VecDeque<Key>,
    /// The claim that is taken, as it was.
    pub(super) claim: Option<Option<Settled>>,
    /// The former owner of the claim, as it was.
    pub(super) touched: Option<(Key, Option<Settled>)>,
    /// The claim that is given back after the commit.
    loss: Option<TakenClaim>,
    pub(super) home: Home,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Doing {
    Beginning,
    Locking(Key),
    Placing(Key),
    Scanning,
    Reading(Key),
    ReadingClaim,
    ReadingOwner(Key),
    SeeingClaim,
    Putting,
    Committing,
    /// Nothing is written; `true`: because another document holds the value.
    Checking(bool),
    /// The locks go; then the caller hears this, or it runs again.
    Abandoning(Ended),
    Clearing,
    Undoing(Ended),
    Withdrawing(Ended),
    Releasing,
}

/// How an attempt ended that did not commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ended {
    With(Outcome),
    Lost,
}

impl Transaction {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            shape: Arc::new(shape),
            doing: Doing::Beginning,
            read: BTreeMap::new(),
            locks: BTreeMap::new(),
            todo: VecDeque::new(),
            claim: None,
            touched: None,
            loss: None,
            home: Home::Record,
        }
    }

    pub(crate) fn next<R: Rules>(&mut self, end: End, own: &mut Own) -> Next<R> {
        match (self.doing.clone(), end) {
            (Doing::Beginning, _) => self.begin(own),
            (Doing::Locking(key), End::Settled(settled)) => self.lock(key, settled.ok(), own),
            (Doing::Placing(key), End::Placed(placed)) => self.locked(key, placed, own),
            (Doing::Scanning, End::Told(Answer::Found(seen), Reply::Found(found))) => {
                own.seen = seen;
                self.scanned(found, own)
            }
            (Doing::Reading(key), End::Settled(Ok(settled))) => {
                self.read.insert(key, settled);
                self.read_next(own)
            }
            (Doing::ReadingClaim, End::Settled(Ok(claim))) => self.claim_found(claim, own),
            (Doing::ReadingOwner(owner), End::Settled(Ok(settled))) => {
                self.owner_found(owner, settled, own)
            }
            (Doing::SeeingClaim, End::Seen(seen)) => {
                self.loss = seen;
                self.commit(own)
            }
            (Doing::Putting, End::Put(put)) => self.was_put(&put, own),
            (Doing::Checking(is_held), End::Committed(end)) => {
                let ended = checked(is_held, &end.outcome);
                self.abandon(ended, own)
            }
            (Doing::Committing, End::Committed(end)) => self.committed(end, own),
            (Doing::Clearing, _) => self.release(own),
            (Doing::Undoing(ended), _) => self.withdraw(ended, own),
            (Doing::Abandoning(ended) | Doing::Withdrawing(ended), _) => self.end(ended, own),
            (Doing::Releasing, _) => Next::Over,
            _ => self.abandon(Ended::With(Outcome::Nothing), own),
        }
    }

    pub(super) fn settle<R: Rules>(&mut self, doing: Doing, machine: SettleMachine<R>) -> Next<R> {
        self.doing = doing;
        Next::Do(Job::settle(machine))
    }
}

/// The commit, in one of its ways, and what follows.
impl Transaction {
    pub(super) fn commit<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        self.tell(own);
        if self.shape.writes.is_empty() {
            return self.check(false, Vec::new(), own);
        }
        if let Some(machine) = self.plain_write(own) {
            self.doing = Doing::Putting;
            return Next::Do(Job::Put(Box::new(machine)));
        }
        let plan = self.plan(own);
        self.doing = Doing::Committing;
        Next::Do(Job::Commit(Box::new(CommitMachine::new(plan))))
    }

    /// What a serial order has to explain.
    fn tell(&self, own: &mut Own) {
        let story = &mut own.story;
        story.reads = self
            .shape
            .range
            .iter()
            .map(|key| (key.clone(), None))
            .collect();
        for (key, _) in &self.shape.writes {
            story.reads.insert(key.clone(), None);
        }
        for (key, settled) in &self.read {
            story.reads.insert(key.clone(), value(settled.as_ref()));
        }
    }

    pub(super) fn check<R: Rules>(
        &mut self,
        is_held: bool,
        more: Vec<Seen>,
        own: &mut Own,
    ) -> Next<R> {
        self.doing = Doing::Checking(is_held);
        let plan = self.checks(more, own);
        Next::Do(Job::Commit(Box::new(CommitMachine::new(plan))))
    }

    fn was_put<R: Rules>(&mut self, put: &PutOutcome, own: &mut Own) -> Next<R> {
        match plain::outcome(put) {
            Outcome::Nothing if matches!(put, PutOutcome::Lost(_)) => self.end(Ended::Lost, own),
            outcome => self.end(Ended::With(outcome), own),
        }
    }

    fn committed<R: Rules>(&mut self, end: CommitEnd, own: &mut Own) -> Next<R> {
        let ended = match end.outcome {
            CommitOutcome::Committed(_) => {
                own.end(Outcome::Committed);
                return self.clear(end.placed, own);
            }
            // Nobody may undo what may have happened.
            CommitOutcome::Unknown(_) => return self.end(Ended::With(Outcome::Unknown), own),
            CommitOutcome::Conflict(_) => Ended::Lost,
            CommitOutcome::Failed(_) => Ended::With(Outcome::Nothing),
        };
        let mut bearers = std::mem::take(&mut self.locks);
        bearers.extend(end.placed);
        let objects = finish_plans(
            &plan::attempt(own.maker),
            Decision::Aborted,
            bearers,
            end.uncertain,
        );
        self.doing = Doing::Undoing(ended);
        self.finish(Decision::Aborted, objects, own)
    }

    /// What was placed becomes the next version, and the record goes; locks go too.
    fn clear<R: Rules>(&mut self, mut placed: BTreeMap<Key, Placed>, own: &mut Own) -> Next<R> {
        if self.home == Home::Own {
            return self.release(own);
        }
        for (key, lock) in std::mem::take(&mut self.locks) {
            placed.entry(key).or_insert(lock);
        }
        let attempt = plan::attempt(own.maker);
        let objects = finish_plans(&attempt, Decision::Committed, placed, Vec::new());
        self.doing = Doing::Clearing;
        self.finish(Decision::Committed, objects, own)
    }

    fn finish<R: Rules>(
        &mut self,
        decision: Decision,
        objects: Vec<FinishPlan>,
        own: &mut Own,
    ) -> Next<R> {
        self.read.clear();
        Next::Do(Job::Clear(Box::new(finish(own.maker, decision, objects))))
    }

    fn release<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        self.doing = Doing::Releasing;
        match self.loss.take() {
            None => Next::Over,
            Some(taken) => {
                let machine = ReleaseMachine::new(taken, own.nonce());
                Next::Do(Job::Release(Box::new(machine)))
            }
        }
    }

    fn withdraw<R: Rules>(&mut self, ended: Ended, own: &mut Own) -> Next<R> {
        if !self.shape.announces {
            return self.end(ended, own);
        }
        self.doing = Doing::Withdrawing(ended);
        Next::Do(Job::Ask(Ask::Withdraw))
    }

    fn abandon<R: Rules>(&mut self, ended: Ended, own: &mut Own) -> Next<R> {
        let locks = std::mem::take(&mut self.locks);
        if locks.is_empty() {
            return self.end(ended, own);
        }
        let attempt = plan::attempt(own.maker);
        let objects = finish_plans(&attempt, Decision::Aborted, locks, Vec::new());
        self.doing = Doing::Abandoning(ended);
        self.finish(Decision::Aborted, objects, own)
    }

    fn end<R: Rules>(&mut self, ended: Ended, own: &mut Own) -> Next<R> {
        match ended {
            Ended::With(outcome) => own.end(outcome),
            Ended::Lost if own.maker.attempt + 1 < self.shape.attempts => {
                return self.begin_again(own);
            }
            Ended::Lost => own.end(Outcome::Nothing),
        }
        Next::Over
    }

    fn begin_again<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        debug_assert!(own.maker.attempt + 1 < Maker::ATTEMPTS);
        own.begin_attempt(own.maker.attempt + 1);
        let shape = self.shape.clone();
        *self = Self {
            shape,
            ..Self::new(Shape::default())
        };
        self.begin(own)
    }
}

/// What the caller hears of an attempt that writes nothing: of a value that is held only if that still is so.
fn checked(is_held: bool, outcome: &CommitOutcome) -> Ended {
    match outcome {
        CommitOutcome::Conflict(_) => Ended::Lost,
        CommitOutcome::Committed(_) if !is_held => Ended::With(Outcome::Read),
        _ => Ended::With(Outcome::Nothing),
    }
}
