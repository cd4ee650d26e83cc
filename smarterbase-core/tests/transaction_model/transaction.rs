//! A transaction as the engine runs it (`operation/transaction.rs` and `operation/transaction/*.rs`): lock ▸ read ▸ claim ▸
//! commit ▸ reply ▸ clear, again when others were faster.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use smarterbase_core::{
    format::{Key, claim, intent::Home, record::Decision},
    port::StoreError,
    protocol::{
        CommitMachine, CommitOutcome, FinishPlan, Placed, PutOutcome, ReleaseMachine, Reply, Rules,
        SeeClaimMachine, SettleMachine, Settled, TakenClaim, commit::CommitEnd, validate::Seen,
    },
};

use super::{
    client::{Next, Outcome, Own},
    facts::{Maker, UNIQUE, value},
    job::{End, Job},
    library::{Answer, Ask},
    plain,
    plan::{self, finish},
    shape::{ClaimAim, Shape},
};

pub(crate) use plan::finish_plans;

/// One transaction.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Transaction {
    pub(super) shape: Arc<Shape>,
    doing: Doing,
    /// What was read first, per object.
    pub(super) read: BTreeMap<Key, Option<Settled>>,
    pub(super) locks: BTreeMap<Key, Placed>,
    todo: VecDeque<Key>,
    /// The claim that is taken, as it was.
    pub(super) claim: Option<Option<Settled>>,
    /// The former owner of the claim, as it was.
    pub(super) touched: Option<(Key, Option<Settled>)>,
    /// The claim that is given back after the commit.
    loss: Option<TakenClaim>,
    pub(super) home: Home,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
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
enum Ended {
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

    fn settle<R: Rules>(&mut self, doing: Doing, machine: SettleMachine<R>) -> Next<R> {
        self.doing = doing;
        Next::Do(Job::settle(machine))
    }
}

/// What comes before the commit.
impl Transaction {
    fn begin<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        self.todo = self.shape.locks.iter().cloned().collect();
        self.lock_next(own)
    }

    fn lock_next<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        match self.todo.pop_front() {
            None => self.scan(own),
            Some(key) => {
                let machine = SettleMachine::replace(key.clone(), plan::settler(own.maker));
                self.settle(Doing::Locking(key), machine)
            }
        }
    }

    /// Where nothing is, nothing is locked; what cannot be locked ends the locking (`lock.rs`).
    fn lock<R: Rules>(
        &mut self,
        key: Key,
        found: Option<Option<Settled>>,
        own: &mut Own,
    ) -> Next<R> {
        match found {
            None => self.scan(own),
            Some(None) => self.lock_next(own),
            Some(Some(settled)) => {
                let machine = self.placing_lock(&key, settled, own);
                self.doing = Doing::Placing(key);
                Next::Do(Job::Place(Box::new(machine)))
            }
        }
    }

    fn locked<R: Rules>(&mut self, key: Key, placed: Option<Placed>, own: &mut Own) -> Next<R> {
        let Some(placed) = placed else {
            return self.scan(own);
        };
        let read = placed.base.as_ref().map(|base| plan::locked(base, &placed));
        self.read.insert(key.clone(), read);
        self.locks.insert(key, placed);
        self.lock_next(own)
    }

    fn scan<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        let created = self.shape.writes.iter().map(|(key, _)| key);
        let read = self.shape.reads.iter();
        self.todo = match self.shape.knows_more || own.maker.attempt > 0 {
            true => read.chain(created).cloned().collect(),
            false => read.cloned().collect(),
        };
        if self.shape.range.is_empty() {
            return self.read_next(own);
        }
        self.doing = Doing::Scanning;
        Next::Do(Job::Ask(Ask::Scan))
    }

    fn scanned<R: Rules>(&mut self, found: Result<Vec<Key>, StoreError>, own: &mut Own) -> Next<R> {
        let found = found.expect("a range that is read");
        self.todo.extend(found);
        self.read_next(own)
    }

    fn read_next<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        let Some(key) = self.todo.pop_front() else {
            return self.claim(own);
        };
        if self.read.contains_key(&key) {
            return self.read_next(own);
        }
        let machine = SettleMachine::read(key.clone(), plan::settler(own.maker));
        self.settle(Doing::Reading(key), machine)
    }

    fn claim<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        let key = plan::claim_key();
        match self.shape.claim {
            None => self.commit(own),
            Some(ClaimAim::GiveUp) => {
                self.doing = Doing::SeeingClaim;
                let machine = SeeClaimMachine::new(key, self.shape.writes[0].0.clone());
                Next::Do(Job::See(Box::new(machine)))
            }
            Some(ClaimAim::Take) if !self.shape.knows_more && own.maker.attempt == 0 => {
                self.claim = Some(None);
                self.commit(own)
            }
            Some(ClaimAim::Take) => {
                let machine = SettleMachine::replace(key, plan::settler(own.maker));
                self.settle(Doing::ReadingClaim, machine)
            }
        }
    }

    /// `claims.rs`: a claim of somebody else is taken by a touch of that document.
    fn claim_found<R: Rules>(&mut self, claim: Option<Settled>, own: &mut Own) -> Next<R> {
        let body = claim.as_ref().map(|claim| &claim.opened.body);
        let owner = body.and_then(|body| claim::owner(body).expect("a claim"));
        self.claim = Some(claim);
        match owner.map(Key::from_stored) {
            Some(owner) if owner != self.shape.writes[0].0 => match self.read.get(&owner) {
                Some(read) => self.owner_found(owner, read.clone(), own),
                None => {
                    let machine = SettleMachine::replace(owner.clone(), plan::settler(own.maker));
                    self.settle(Doing::ReadingOwner(owner), machine)
                }
            },
            _ => self.commit(own),
        }
    }

    fn owner_found<R: Rules>(
        &mut self,
        owner: Key,
        settled: Option<Settled>,
        own: &mut Own,
    ) -> Next<R> {
        let envelope = settled.as_ref().map(|settled| &settled.opened.envelope);
        let holds = value(settled.as_ref()).is_some()
            && envelope.is_some_and(|envelope| envelope.unique.contains_key(UNIQUE));
        if holds {
            let claim = self.claim.take().flatten();
            let concluded = vec![
                Seen::of(plan::claim_key(), claim.as_ref()),
                Seen::of(owner, settled.as_ref()),
            ];
            return self.check(true, concluded, own);
        }
        if self.shape.touches_owner {
            self.touched = Some((owner, settled));
        }
        self.commit(own)
    }
}

/// The commit, in one of its ways, and what follows.
impl Transaction {
    fn commit<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
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

    fn check<R: Rules>(&mut self, is_held: bool, more: Vec<Seen>, own: &mut Own) -> Next<R> {
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
