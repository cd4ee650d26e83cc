//! The commit point of a transaction over several objects: the create of its record (storage-protocol §2.6, phase C).

use super::{Machine, Reply, Request, Rules, Shipped, Step, trouble::Trouble};
use crate::{
    format::{
        Key, path,
        record::{Decision, Record},
    },
    port::{Attempt, Expect, Object, Rng, StoreError},
};

/// How an attempt ended.
#[derive(Debug)]
pub enum DecideOutcome {
    /// It is committed.
    Committed,
    /// It is aborted: somebody else, to whom it was in the way, was faster; or the store did not take the record in time.
    Aborted,
    /// It is not committed and never will be, because the store refused the record.
    Refused(StoreError),
    /// It may be committed.
    Unknown(StoreError),
}

/// The machine that creates the record.
///
/// One put. A record is written once, so whatever the answers were: what is read decides. When the time is up and there
/// is no record, the machine creates the one that says `aborted`; whichever create arrives first holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DecideMachine<R: Rules = Shipped> {
    key: Key,
    record: Record,
    body: Option<bytes::Bytes>,
    doing: Doing,
    attempts: u32,
    pauses: u32,
    rounds_left: u32,
    gives_up: bool,
    trouble: Option<Trouble>,
    rules: std::marker::PhantomData<R>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Sending,
    Reading,
    Resting,
    GivingUp,
}

impl<R: Rules> DecideMachine<R> {
    /// How often it waits before it gives up.
    pub const MOST_PAUSES: u32 = 64;
    /// How often it reads or gives up after the time is up.
    pub const MOST_ROUNDS: u32 = 4;

    /// Creates `record`, which says `committed`.
    #[must_use]
    pub fn new(record: Record) -> Self {
        Self {
            key: path::record(&record.transaction),
            record,
            body: None,
            doing: Doing::Sending,
            attempts: 0,
            pauses: 0,
            rounds_left: Self::MOST_ROUNDS,
            gives_up: false,
            trouble: None,
            rules: std::marker::PhantomData,
        }
    }
}

impl<R: Rules> Machine for DecideMachine<R> {
    type Output = DecideOutcome;

    fn step(&mut self, reply: Reply, rng: &dyn Rng) -> Step<DecideOutcome> {
        match (reply, self.doing) {
            (Reply::Start, _) => self.send(rng),
            (Reply::Put(attempt), Doing::Sending) => self.sent(attempt),
            (Reply::Put(attempt), _) => self.gave_up(attempt),
            (Reply::Got(Ok(Some(object))), _) => self.found(&object),
            (Reply::Got(Ok(None)), _) if self.gives_up => self.give_up(rng),
            (Reply::Got(Ok(None)), _) => self.rest(),
            (Reply::Got(Err(error)), _) => self.unread(error),
            (Reply::Rested, _) => self.send(rng),
            (Reply::TimeIsUp, _) => {
                self.gives_up = true;
                self.read()
            }
            _ => self.unread(super::no_answer()),
        }
    }
}

impl<R: Rules> DecideMachine<R> {
    fn send(&mut self, rng: &dyn Rng) -> Step<DecideOutcome> {
        self.doing = Doing::Sending;
        self.attempts += 1;
        let record = &self.record;
        let body = self.body.get_or_insert_with(|| record.seal(rng.nonce()));
        Step::Do(Request::Put {
            key: self.key.clone(),
            expect: Expect::Absent,
            body: body.clone(),
        })
    }

    fn sent(&mut self, attempt: Attempt) -> Step<DecideOutcome> {
        match attempt {
            Attempt::Applied(_) => Step::Done(DecideOutcome::Committed),
            Attempt::Refused(error) if self.attempts == 1 => {
                Step::Done(DecideOutcome::Refused(error))
            }
            Attempt::Refused(error) => {
                self.trouble = Some(error.into());
                self.gives_up = true;
                self.read()
            }
            Attempt::Rejected => self.read(),
            Attempt::Unknown(error) => {
                self.trouble = Some(error.into());
                self.read()
            }
        }
    }

    fn read(&mut self) -> Step<DecideOutcome> {
        self.doing = Doing::Reading;
        Step::Do(Request::Get(self.key.clone()))
    }

    fn found(&mut self, object: &Object) -> Step<DecideOutcome> {
        match Record::open(&object.bytes) {
            Ok(record) if record.decision == Decision::Committed => {
                Step::Done(DecideOutcome::Committed)
            }
            Ok(_) => Step::Done(DecideOutcome::Aborted),
            Err(_) => self.unknown(),
        }
    }

    fn rest(&mut self) -> Step<DecideOutcome> {
        self.pauses += 1;
        if self.pauses > Self::MOST_PAUSES {
            self.gives_up = true;
            return self.read();
        }
        self.doing = Doing::Resting;
        Step::Do(Request::Pause(self.pauses))
    }

    fn unread(&mut self, error: StoreError) -> Step<DecideOutcome> {
        let can_help = error.is_transient();
        self.trouble = Some(error.into());
        match (can_help, self.gives_up) {
            (false, _) => self.unknown(),
            (true, false) => self.rest(),
            (true, true) => self.next_round(Self::read),
        }
    }

    fn give_up(&mut self, rng: &dyn Rng) -> Step<DecideOutcome> {
        if !R::FENCE_BEFORE_GIVING_UP {
            return Step::Done(DecideOutcome::Aborted);
        }
        let body = Record::aborted(self.record.transaction.clone()).seal(rng.nonce());
        self.next_round(|machine| {
            machine.doing = Doing::GivingUp;
            Step::Do(Request::Put {
                key: machine.key.clone(),
                expect: Expect::Absent,
                body,
            })
        })
    }

    fn gave_up(&mut self, attempt: Attempt) -> Step<DecideOutcome> {
        match attempt {
            Attempt::Applied(_) => Step::Done(DecideOutcome::Aborted),
            Attempt::Rejected => self.read(),
            Attempt::Unknown(error) | Attempt::Refused(error) => {
                self.trouble = Some(error.into());
                self.read()
            }
        }
    }

    fn next_round(
        &mut self,
        next: impl FnOnce(&mut Self) -> Step<DecideOutcome>,
    ) -> Step<DecideOutcome> {
        match self.rounds_left.checked_sub(1) {
            None => self.unknown(),
            Some(left) => {
                self.rounds_left = left;
                next(self)
            }
        }
    }

    fn unknown(&mut self) -> Step<DecideOutcome> {
        let error = self
            .trouble
            .take()
            .map_or_else(super::no_answer, StoreError::from);
        Step::Done(DecideOutcome::Unknown(error))
    }
}
