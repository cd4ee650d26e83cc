//! Placing one intent of a transaction (storage-protocol §2.6, phase P).
//!
//! An intent that lands late, after its attempt was given up, is harmless: nobody will decide for it, so whoever meets it
//! aborts it. So giving up on a placement needs no fence, unlike giving up on a write.

use bytes::Bytes;

use super::{
    Machine, Reply, Request, Rules, Shipped, Step, nothing_happened, pending,
    settle::{Identity, SettleMachine, Settled, Settler, Unsettled},
};
use crate::{
    document::Version,
    error::Error,
    format::{
        Envelope, Key,
        envelope::{open, physical_nonce},
        intent::Intent,
    },
    port::{Attempt, Expect, Object, Rng, StoreError},
};

/// One object that bears an intent of ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Placed {
    /// Its version.
    pub version: Version,
    /// Its envelope, with the intent.
    pub envelope: Envelope,
    /// Its bytes.
    pub bytes: Bytes,
    /// What the intent was placed on; `None`: nothing was there.
    pub base: Option<Settled>,
}

/// How a placement ended.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one per object, moved once, and nearly always the large one"
)]
pub enum PlaceOutcome {
    /// The intent was seen to be there.
    Placed(Placed),
    /// The committed version is not the one that the transaction read.
    Conflict,
    /// The store refused or did not answer, or what is there cannot be read.
    Failed(Error),
}

/// The machine that places one intent.
///
/// One put when the object is as it was read. An object that is only touched, locked, finished or rolled back since is the
/// same version, and the intent is placed on it; another version is a conflict.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlaceMachine<R: Rules = Shipped> {
    key: Key,
    base: Option<Settled>,
    intent: Intent,
    settler: Settler,
    accepts_any: bool,
    sent: Option<(Envelope, Bytes)>,
    doing: Doing<R>,
    pauses: u32,
    rounds_left: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Doing<R: Rules> {
    Starting,
    Sending,
    Reading,
    Resting,
    Settling(Box<SettleMachine<R>>),
}

impl<R: Rules> PlaceMachine<R> {
    /// How often the same bytes are sent again.
    pub const MOST_PAUSES: u32 = 16;
    /// How often the intent is made for what is there now.
    pub const MOST_ROUNDS: u32 = 64;

    /// Places `intent` at `key`, which was read as `base`.
    #[must_use]
    pub fn new(key: Key, base: Option<Settled>, intent: Intent, settler: Settler) -> Self {
        Self {
            key,
            base,
            intent,
            settler,
            accepts_any: false,
            sent: None,
            doing: Doing::Starting,
            pauses: 0,
            rounds_left: Self::MOST_ROUNDS,
        }
    }

    /// Takes whatever committed version is there, since nothing was read yet: for locks.
    #[must_use]
    pub fn on_any_version(mut self) -> Self {
        self.accepts_any = true;
        self
    }
}

impl<R: Rules> Machine for PlaceMachine<R> {
    type Output = PlaceOutcome;

    fn step(&mut self, reply: Reply, rng: &dyn Rng) -> Step<PlaceOutcome> {
        if matches!(reply, Reply::TimeIsUp) {
            return failed(nothing_happened(super::no_answer()));
        }
        match std::mem::replace(&mut self.doing, Doing::Starting) {
            Doing::Starting if self.base.as_ref().is_some_and(|base| !base.is_decided()) => {
                let settling = SettleMachine::replace(self.key.clone(), self.settler.clone());
                self.settle(Box::new(settling), Reply::Start, rng)
            }
            Doing::Starting => self.make(rng),
            Doing::Sending => self.sent_answer(reply),
            Doing::Reading => self.read_answer(reply, rng),
            Doing::Resting => self.send(),
            Doing::Settling(settling) => self.settle(settling, reply, rng),
        }
    }
}

impl<R: Rules> PlaceMachine<R> {
    fn make(&mut self, rng: &dyn Rng) -> Step<PlaceOutcome> {
        self.sent = Some(pending::bear(self.base.as_ref(), self.intent.clone(), rng));
        self.send()
    }

    fn send(&mut self) -> Step<PlaceOutcome> {
        let Some((_, bytes)) = &self.sent else {
            return failed(nothing_happened(super::no_answer()));
        };
        let body = bytes.clone();
        self.doing = Doing::Sending;
        Step::Do(Request::Put {
            key: self.key.clone(),
            expect: match &self.base {
                None => Expect::Absent,
                Some(base) => Expect::Exactly(base.version.clone()),
            },
            body,
        })
    }

    fn sent_answer(&mut self, reply: Reply) -> Step<PlaceOutcome> {
        match reply {
            Reply::Put(Attempt::Applied(version)) => self.placed(version),
            Reply::Put(Attempt::Refused(error)) => failed(nothing_happened(error)),
            _ => {
                self.doing = Doing::Reading;
                Step::Do(Request::Get(self.key.clone()))
            }
        }
    }

    fn placed(&mut self, version: Version) -> Step<PlaceOutcome> {
        let Some((envelope, bytes)) = self.sent.take() else {
            return failed(nothing_happened(super::no_answer()));
        };
        Step::Done(PlaceOutcome::Placed(Placed {
            version,
            envelope,
            bytes,
            base: self.base.take(),
        }))
    }

    fn read_answer(&mut self, reply: Reply, rng: &dyn Rng) -> Step<PlaceOutcome> {
        let found = match reply {
            Reply::Got(Ok(found)) => found,
            Reply::Got(Err(error)) => return self.unread(error),
            _ => return self.unread(super::no_answer()),
        };
        match found {
            Some(object) if self.is_ours(&object) => self.placed(object.version),
            found if self.is_still_base(found.as_ref()) => self.rest(),
            None => self.compare(None, rng),
            Some(object) => {
                let settling = SettleMachine::replace(self.key.clone(), self.settler.clone());
                let settling = Box::new(settling.from_object(object));
                self.settle(settling, Reply::Start, rng)
            }
        }
    }

    fn is_ours(&self, object: &Object) -> bool {
        let put = self.sent.as_ref().map(|(envelope, _)| envelope.put);
        put.is_some() && physical_nonce(&object.bytes) == put
    }

    fn is_still_base(&self, found: Option<&Object>) -> bool {
        match (&self.base, found) {
            (None, None) => true,
            (Some(base), Some(object)) => {
                base.version == object.version
                    && open(&object.bytes)
                        .is_ok_and(|opened| opened.envelope.put == base.opened.envelope.put)
            }
            _ => false,
        }
    }

    fn rest(&mut self) -> Step<PlaceOutcome> {
        self.pauses += 1;
        if self.pauses > Self::MOST_PAUSES {
            return failed(nothing_happened(super::no_answer()));
        }
        self.doing = Doing::Resting;
        Step::Do(Request::Pause(self.pauses))
    }

    fn unread(&mut self, error: StoreError) -> Step<PlaceOutcome> {
        if error.is_transient() {
            // What is sent again is rejected when it was applied already, and then read again.
            return self.rest();
        }
        failed(nothing_happened(error))
    }

    fn settle(
        &mut self,
        mut settling: Box<SettleMachine<R>>,
        reply: Reply,
        rng: &dyn Rng,
    ) -> Step<PlaceOutcome> {
        match settling.step(reply, rng) {
            Step::Do(request) => {
                self.doing = Doing::Settling(settling);
                Step::Do(request)
            }
            Step::Done(Ok(settled)) => self.compare(settled, rng),
            Step::Done(Err(unsettled)) => failed(unsettled.into()),
        }
    }

    /// The version that was read may stand under another physical put now.
    fn compare(&mut self, settled: Option<Settled>, rng: &dyn Rng) -> Step<PlaceOutcome> {
        if !self.accepts_any && place_of(settled.as_ref()) != place_of(self.base.as_ref()) {
            return Step::Done(PlaceOutcome::Conflict);
        }
        let Some(left) = self.rounds_left.checked_sub(1) else {
            return Step::Done(PlaceOutcome::Conflict);
        };
        self.rounds_left = left;
        self.base = settled;
        self.make(rng)
    }
}

/// The version, and the revision that the next one follows.
fn place_of(settled: Option<&Settled>) -> (Identity, u64) {
    let rev = settled.map_or(0, |settled| settled.opened.envelope.rev);
    (Identity::of(settled), rev)
}

fn failed(error: Error) -> Step<PlaceOutcome> {
    Step::Done(PlaceOutcome::Failed(error))
}

impl From<Unsettled> for Error {
    fn from(unsettled: Unsettled) -> Self {
        match unsettled {
            Unsettled::Store(error) => nothing_happened(error),
            Unsettled::Unreadable(error) => error,
            Unsettled::Busy => Self::new(
                crate::error::Code::CONTENTION,
                "another transaction stayed in the way",
            ),
        }
    }
}
