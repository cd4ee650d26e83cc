//! What an object's committed version is, whatever intent it bears (storage-protocol §2.5).
//!
//! A record says how an attempt ended, but only `committed` is believed as it stands: a record that is absent or
//! `aborted` may be a name that was freed and taken again after the attempt had committed and been cleared. It is
//! believed once the object is seen to bear the intent still, since a record outlives its intents.

mod bearer;
mod settled;
mod settler;
mod wait;

use self::bearer::Bearer;
pub use self::{
    settled::{Identity, Settled},
    settler::Settler,
};
use super::{Machine, Reply, Request, Rules, Shipped, Step, pending};
use crate::{
    document::Version,
    error::Error,
    format::{
        Key, Nonce,
        envelope::open,
        intent::{Home, Intent, Staged},
        path,
        record::{Decision, Record},
    },
    port::{Changed, Object, Rng, StoreError},
};

/// Why an object could not be settled.
#[derive(Debug)]
pub enum Unsettled {
    /// The store refused or did not answer.
    Store(StoreError),
    /// What is there cannot be read: [`Corrupt`](crate::ErrorKind::Corrupt) or
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    Unreadable(Error),
    /// The time was up before the transaction in the way was decided, or others kept changing the object.
    Busy,
}

/// How far an object is settled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Aim {
    /// Never waits: while an intent is undecided the committed version is the answer.
    Peek,
    /// Until no foreign write is undecided; one that is in the way is waited for, then aborted. Touches and locks change
    /// no version, so a read does not wait for them.
    Read(Settler),
    /// As `Read`, but waits for touches and locks too: the object is going to be replaced.
    Replace(Settler),
}

/// The machine that settles one object.
///
/// One GET when there is no intent, two for a committed one, three (the last one conditional) for any other. Rounds are
/// bounded by [`MOST_ROUNDS`](Self::MOST_ROUNDS), and waiting by the driver's deadline.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SettleMachine<R: Rules = Shipped> {
    key: Key,
    aim: Aim,
    /// Only this intent is waited for.
    only: Option<Nonce>,
    doing: Doing,
    rounds_left: u32,
    pauses: u32,
    rules: std::marker::PhantomData<R>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Starting(Option<Object>),
    ReadingObject,
    ReadingRecord(Bearer),
    CheckingAgain(Bearer, Undone),
    ReadingStage(Bearer, Staged),
    Waiting(Bearer),
    Aborting,
    Removing(Box<Settled>),
    Resting,
}

/// What a record that does not say `committed` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Undone {
    Absent,
    Aborted,
}

type Outcome = Result<Option<Settled>, Unsettled>;

impl SettleMachine {
    /// What a reader sees at `key`, without waiting for anybody.
    #[must_use]
    pub fn peek(key: Key) -> Self {
        Self::under(key, Aim::Peek)
    }
}

impl<R: Rules> SettleMachine<R> {
    /// How often the object is looked at again because it changed meanwhile.
    pub const MOST_ROUNDS: u32 = 1_000;
    /// How often it is looked at again because the store did not do what it was asked for.
    pub const MOST_PAUSES: u32 = 16;

    /// What a strict reader sees at `key`: no write is undecided.
    #[must_use]
    pub fn read(key: Key, settler: Settler) -> Self {
        Self::under(key, Aim::Read(settler))
    }

    /// What a writer replaces at `key`: nobody's intent is undecided.
    #[must_use]
    pub fn replace(key: Key, settler: Settler) -> Self {
        Self::under(key, Aim::Replace(settler))
    }

    /// As [`peek`](SettleMachine::peek), under other rules.
    #[doc(hidden)]
    #[must_use]
    pub fn peek_under(key: Key) -> Self {
        Self::under(key, Aim::Peek)
    }

    fn under(key: Key, aim: Aim) -> Self {
        Self {
            key,
            aim,
            only: None,
            doing: Doing::Starting(None),
            rounds_left: Self::MOST_ROUNDS,
            pauses: 0,
            rules: std::marker::PhantomData,
        }
    }

    /// Waits for the intent with this write id and no other: whoever comes next may stay undecided.
    #[must_use]
    pub fn until_gone(mut self, intent: Nonce) -> Self {
        self.only = Some(intent);
        self
    }

    /// Begins with an object that was just read.
    #[must_use]
    pub fn from_object(mut self, object: Object) -> Self {
        self.doing = Doing::Starting(Some(object));
        self
    }
}

impl<R: Rules> Machine for SettleMachine<R> {
    type Output = Outcome;

    fn step(&mut self, reply: Reply, rng: &dyn Rng) -> Step<Outcome> {
        if matches!(reply, Reply::TimeIsUp) {
            return Step::Done(Err(Unsettled::Busy));
        }
        match std::mem::replace(&mut self.doing, Doing::ReadingObject) {
            Doing::Starting(Some(object)) => self.examine(object),
            Doing::Starting(None) => self.read_object(),
            Doing::ReadingObject => self.object_answer(reply),
            Doing::ReadingRecord(bearer) => self.record_answer(bearer, reply),
            Doing::CheckingAgain(bearer, undone) => self.again_answer(bearer, undone, reply),
            Doing::ReadingStage(bearer, staged) => self.stage_answer(bearer, &staged, reply),
            Doing::Waiting(bearer) => self.waited(bearer, &reply, rng),
            Doing::Aborting => self.abort_answer(reply),
            Doing::Resting => self.next_round(),
            Doing::Removing(settled) => self.remove_answer(*settled, reply),
        }
    }
}

/// Reading the object and the record.
impl<R: Rules> SettleMachine<R> {
    fn read_object(&mut self) -> Step<Outcome> {
        self.doing = Doing::ReadingObject;
        let key = self.key.clone();
        Step::Do(match self.aim {
            // What others may conclude from must be on stable storage: a validating read waits for that (rule S30).
            Aim::Read(_) => Request::GetIfChanged(key, Version::default()),
            Aim::Peek | Aim::Replace(_) => Request::Get(key),
        })
    }

    fn next_round(&mut self) -> Step<Outcome> {
        match self.rounds_left.checked_sub(1) {
            None => Step::Done(Err(Unsettled::Busy)),
            Some(left) => {
                self.rounds_left = left;
                self.read_object()
            }
        }
    }

    /// A look at once would find the same.
    fn rest(&mut self) -> Step<Outcome> {
        self.pauses += 1;
        if self.pauses > Self::MOST_PAUSES {
            return Step::Done(Err(Unsettled::Busy));
        }
        self.doing = Doing::Resting;
        Step::Do(Request::Pause(self.pauses))
    }

    fn object_answer(&mut self, reply: Reply) -> Step<Outcome> {
        match got(reply) {
            Err(error) => store(error),
            Ok(None) => Step::Done(Ok(None)),
            Ok(Some(object)) => self.examine(object),
        }
    }

    fn examine(&mut self, object: Object) -> Step<Outcome> {
        let opened = match open(&object.bytes) {
            Ok(opened) => opened,
            Err(error) => return unreadable(error),
        };
        let bearer = Bearer {
            version: object.version,
            opened: Box::new(opened),
        };
        let Some(intent) = &bearer.opened.envelope.intent else {
            return bearer.unsettled(false);
        };
        if self.is_no_concern(intent) {
            return bearer.unsettled(true);
        }
        match (intent.home, &self.aim) {
            (Home::Record, _) => {
                let record = path::record(&intent.transaction);
                self.doing = Doing::ReadingRecord(bearer);
                Step::Do(Request::Get(record))
            }
            // It is there, so it was undecided when the object was read.
            (Home::Own, Aim::Peek) => bearer.unsettled(true),
            (Home::Own, _) => self.wait(bearer),
        }
    }

    /// Whether the intent may stay undecided: it is our own, or changes no version.
    fn is_no_concern(&self, intent: &Intent) -> bool {
        if self.only.is_some_and(|only| only != intent.write) {
            return true;
        }
        match &self.aim {
            Aim::Peek => !intent.writes(),
            Aim::Read(settler) => !intent.writes() || settler.owns(intent),
            Aim::Replace(settler) => settler.owns(intent),
        }
    }

    fn record_answer(&mut self, bearer: Bearer, reply: Reply) -> Step<Outcome> {
        let found = match got(reply) {
            Err(error) => return store(error),
            Ok(found) => found,
        };
        let undone = match found.map(|object| Record::open(&object.bytes)).transpose() {
            Err(error) => return unreadable(error),
            Ok(Some(record)) if record.decision == Decision::Committed => {
                return self.committed(bearer);
            }
            Ok(Some(_)) => Undone::Aborted,
            Ok(None) => Undone::Absent,
        };
        if undone == Undone::Absent && !matches!(self.aim, Aim::Peek) {
            return self.wait(bearer); // Nothing is concluded from it.
        }
        let is_believed = match undone {
            Undone::Absent => !R::CHECK_AGAIN_WHEN_ABSENT,
            Undone::Aborted => !R::CHECK_AGAIN_WHEN_ABORTED,
        };
        if is_believed {
            return self.undone(bearer, undone);
        }
        let request = Request::GetIfChanged(self.key.clone(), bearer.version.clone());
        self.doing = Doing::CheckingAgain(bearer, undone);
        Step::Do(request)
    }

    fn committed(&mut self, bearer: Bearer) -> Step<Outcome> {
        match pending::staged(&bearer.opened) {
            Err(error) => unreadable(error),
            Ok(None) => bearer.committed(None),
            Ok(Some(staged)) => {
                let request = Request::Get(staged.key.clone());
                self.doing = Doing::ReadingStage(bearer, staged);
                Step::Do(request)
            }
        }
    }

    /// A staged body goes after its intent does: when it is gone, the object has changed.
    fn stage_answer(&mut self, bearer: Bearer, staged: &Staged, reply: Reply) -> Step<Outcome> {
        match got(reply) {
            Err(error) => store(error),
            Ok(None) => self.rest(),
            Ok(Some(object)) => match pending::check_staged(staged, &object.bytes) {
                Ok(body) => bearer.committed(Some(body)),
                Err(error) => unreadable(error),
            },
        }
    }

    fn again_answer(&mut self, bearer: Bearer, undone: Undone, reply: Reply) -> Step<Outcome> {
        match reply {
            Reply::Changed(Ok(Changed::Unchanged)) => self.undone(bearer, undone),
            Reply::Changed(Ok(Changed::Gone)) => Step::Done(Ok(None)),
            Reply::Changed(Ok(Changed::Now(object))) => match self.rounds_left.checked_sub(1) {
                None => Step::Done(Err(Unsettled::Busy)),
                Some(left) => {
                    self.rounds_left = left;
                    self.examine(object)
                }
            },
            Reply::Changed(Err(error)) => store(error),
            _ => store(super::no_answer()),
        }
    }

    fn undone(&mut self, bearer: Bearer, undone: Undone) -> Step<Outcome> {
        match (undone, &self.aim) {
            (Undone::Aborted, _) => Step::Done(Ok(Some(bearer.rolled_back()))),
            (Undone::Absent, Aim::Peek) => bearer.unsettled(true),
            (Undone::Absent, _) => self.wait(bearer),
        }
    }
}

fn got(reply: Reply) -> Result<Option<Object>, StoreError> {
    match reply {
        Reply::Got(result) => result,
        Reply::Changed(Ok(Changed::Gone)) => Ok(None),
        Reply::Changed(Ok(Changed::Now(object))) => Ok(Some(object)),
        Reply::Changed(Err(error)) => Err(error),
        _ => Err(super::no_answer()),
    }
}

fn store(error: StoreError) -> Step<Outcome> {
    Step::Done(Err(Unsettled::Store(error)))
}

fn unreadable(error: Error) -> Step<Outcome> {
    Step::Done(Err(Unsettled::Unreadable(error)))
}
