//! One conditional put with an exact answer: resend, read back by nonce, lineage, fence.
//!
//! What a store answers to a conditional put is a hint: `Rejected` can be the echo of an own earlier attempt, a timeout
//! can hide a success or a request that lands later. The object itself knows: it carries the nonce of its last put
//! and the write ids of its last versions (rule S20).

use std::marker::PhantomData;

use bytes::Bytes;

use super::{
    Machine, Reply, Request, Rules, Shipped, Step,
    fence::Fence,
    lineage::{Lineage, Own},
    settle::Settled,
    trouble::Trouble,
};
use crate::{
    document::Version,
    error::Result,
    format::{
        Envelope, Key, Nonce,
        envelope::{Opened, State, open, physical_nonce},
        path,
    },
    port::{Attempt, Expect, Object, Rng, StoreError, StoreErrorKind},
};

/// How a put ended.
#[derive(Debug)]
pub enum PutOutcome {
    /// It was applied. `version` is unknown when it was overwritten since (it is in the lineage of what is there now).
    Applied(Option<Version>),
    /// It was not applied and never will be; this is what is there now.
    ///
    /// Not always another writer's version: a fence, of this machine when its time was up or of another process that took
    /// over a unique value, leaves the base's revision and write (or a [`Stub`](State::Stub)) under a new version.
    Lost(Option<Object>),
    /// It was not applied and never will be, because the store refused it.
    Refused(StoreError),
    /// It may have been applied, or may still be.
    Unknown(StoreError),
}

/// The machine of one logical write of one object (storage-protocol §1.4, rules R1–R4, S18–S20).
///
/// The usual write is one put. Everything ambiguous is read back; a put that may still be in flight is sent again with the
/// same bytes; when the time is up ([`Reply::TimeIsUp`]) a fence makes the answer final. Steps are bounded: at most
/// [`MOST_PAUSES`](Self::MOST_PAUSES) pauses, and [`MOST_ROUNDS`](Self::MOST_ROUNDS) rounds of reading and fencing after
/// the time is up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PutMachine<R: Rules = Shipped> {
    key: Key,
    base: Option<Base>,
    own: Own,
    put: Nonce,
    is_live: bool,
    bytes: Bytes,
    doing: Doing,
    attempts: u32,
    pauses: u32,
    rounds_left: u32,
    time_is_up: bool,
    was_ambiguous: bool,
    fence: Option<Fence>,
    restores: Option<Box<Opened>>,
    trouble: Option<Trouble>,
    rules: PhantomData<R>,
}

/// What is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Base {
    version: Version,
    put: Nonce,
    own: Own,
    is_live: bool,
}

/// What the last request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Sending,
    Fencing,
    Reading,
    RestingBeforeSending,
    RestingBeforeReading,
}

/// What the object at the key says about the put.
enum Verdict {
    Applied(Option<Version>),
    NeverApplied,
    /// The base is still there: not applied yet.
    StillBase,
    /// The base is gone, but what is there has its version: a put in flight could still match.
    SameVersion,
    /// The lineage does not reach back far enough, or cannot be read.
    Unclear(Option<Trouble>),
}

impl PutMachine {
    /// A write of `envelope` and `body` to `key`. `base` is the object that is replaced, `None` for a create.
    /// `envelope.put`, `write`, `rev` and `prev` are set already.
    ///
    /// `base` may be an object without an envelope, as [`open`] gives it.
    #[must_use]
    pub fn new(
        key: Key,
        base: Option<(Version, Envelope)>,
        envelope: Envelope,
        body: &[u8],
    ) -> Self {
        Self::sealed(key, base, &envelope, envelope.seal(body))
    }
}

impl<R: Rules> PutMachine<R> {
    /// How often a machine asks for a pause before it acts as if its time was up.
    pub const MOST_PAUSES: u32 = 64;
    /// How often it reads or fences after the time is up.
    pub const MOST_ROUNDS: u32 = 4;

    /// A write of `bytes`, which are the sealed form of `envelope` and a body.
    #[doc(hidden)]
    #[must_use]
    pub fn sealed(
        key: Key,
        base: Option<(Version, Envelope)>,
        envelope: &Envelope,
        bytes: Bytes,
    ) -> Self {
        Self {
            key,
            base: base.map(Base::from),
            own: Own::of(envelope),
            put: envelope.put,
            is_live: envelope.state == State::Live,
            bytes,
            doing: Doing::Sending,
            attempts: 0,
            pauses: 0,
            rounds_left: Self::MOST_ROUNDS,
            time_is_up: false,
            was_ambiguous: false,
            fence: None,
            restores: None,
            trouble: None,
            rules: PhantomData,
        }
    }

    /// As [`sealed`](Self::sealed), over what a [`SettleMachine`](super::SettleMachine) found, decided intents included. An
    /// undecided one is waited for first: the put would take a touch or a lock away, which costs its owner the attempt.
    #[must_use]
    pub fn over(key: Key, base: Option<Settled>, envelope: &Envelope, bytes: Bytes) -> Self {
        let restores = base
            .as_ref()
            .filter(|settled| settled.bears_intent)
            .map(|settled| settled.opened.clone());
        let base = base.map(|settled| (settled.version, settled.opened.envelope));
        let machine = Self::sealed(key, base, envelope, bytes);
        match restores {
            Some(committed) => machine.restoring(committed),
            None => machine,
        }
    }

    /// What a fence leaves in the base's place, where the base bears an intent: its committed version.
    #[must_use]
    pub fn restoring(mut self, committed: Opened) -> Self {
        self.restores = Some(Box::new(committed));
        self
    }

    /// The whole object that is put.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl From<(Version, Envelope)> for Base {
    fn from((version, envelope): (Version, Envelope)) -> Self {
        Self {
            version,
            put: envelope.put,
            own: Own::of(&envelope),
            is_live: envelope.state == State::Live,
        }
    }
}

impl<R: Rules> Machine for PutMachine<R> {
    type Output = PutOutcome;

    fn step(&mut self, reply: Reply, rng: &dyn Rng) -> Step<PutOutcome> {
        match reply {
            Reply::Start => self.send(),
            Reply::Put(attempt) if self.doing == Doing::Fencing => self.fenced(attempt),
            Reply::Put(attempt) => self.answered(attempt),
            Reply::Got(Ok(found)) => self.found(found, rng),
            Reply::Got(Err(error)) => self.unread(error),
            Reply::Rested if self.doing == Doing::RestingBeforeSending => self.send(),
            Reply::Rested => self.read(),
            Reply::TimeIsUp => {
                self.time_is_up = true;
                self.read()
            }
            _ => self.unread(super::no_answer()),
        }
    }
}

impl<R: Rules> PutMachine<R> {
    fn send(&mut self) -> Step<PutOutcome> {
        self.doing = Doing::Sending;
        self.attempts += 1;
        let expect = match &self.base {
            None => Expect::Absent,
            Some(base) => Expect::Exactly(base.version.clone()),
        };
        Step::Do(Request::Put {
            key: self.key.clone(),
            expect,
            body: self.bytes.clone(),
        })
    }

    fn answered(&mut self, attempt: Attempt) -> Step<PutOutcome> {
        match attempt {
            Attempt::Applied(version) => Step::Done(PutOutcome::Applied(Some(version))),
            Attempt::Rejected if !R::READ_BACK_WHEN_REJECTED => Step::Done(PutOutcome::Lost(None)),
            Attempt::Rejected => self.read(),
            Attempt::Unknown(error) => {
                self.was_ambiguous = true;
                self.trouble = Some(error.into());
                self.read()
            }
            Attempt::Refused(error) if self.attempts == 1 => Step::Done(PutOutcome::Refused(error)),
            Attempt::Refused(error) => {
                self.trouble = Some(error.into());
                self.time_is_up = true;
                self.read()
            }
        }
    }

    /// A fence is only made where the own write was found not to be: once it is there, the own write never will be.
    fn fenced(&mut self, attempt: Attempt) -> Step<PutOutcome> {
        match attempt {
            Attempt::Applied(version) => {
                let fence = self.fence.take().map(|fence| fence.applied(version));
                Step::Done(PutOutcome::Lost(fence))
            }
            Attempt::Rejected => self.read(),
            Attempt::Unknown(error) | Attempt::Refused(error) => {
                self.trouble = Some(error.into());
                self.read()
            }
        }
    }

    fn read(&mut self) -> Step<PutOutcome> {
        self.doing = Doing::Reading;
        Step::Do(Request::Get(self.key.clone()))
    }

    fn unread(&mut self, error: StoreError) -> Step<PutOutcome> {
        let can_help = error.is_transient();
        self.trouble = Some(error.into());
        if !can_help {
            return self.unknown();
        }
        if self.is_giving_up() {
            return self.next_round(Self::read);
        }
        self.rest(Doing::RestingBeforeReading)
    }

    fn found(&mut self, found: Option<Object>, rng: &dyn Rng) -> Step<PutOutcome> {
        match self.judge(found.as_ref()) {
            Verdict::Applied(version) => Step::Done(PutOutcome::Applied(version)),
            Verdict::NeverApplied => Step::Done(PutOutcome::Lost(found)),
            Verdict::Unclear(trouble) => {
                self.trouble = trouble.or(self.trouble.take());
                self.unknown()
            }
            Verdict::StillBase if !self.is_giving_up() => self.rest(Doing::RestingBeforeSending),
            Verdict::StillBase if !R::FENCE_BEFORE_GIVING_UP => Step::Done(PutOutcome::Lost(found)),
            Verdict::StillBase | Verdict::SameVersion => {
                self.next_round(|machine| machine.put_fence(found.as_ref(), rng))
            }
        }
    }

    fn put_fence(&mut self, found: Option<&Object>, rng: &dyn Rng) -> Step<PutOutcome> {
        if found.is_none() && path::is_system(&self.key) {
            // A stub there would be met by every process. That the create may land late is harmless: it is the first
            // version whenever it does.
            return self.unknown();
        }
        let earlier = self.fence.take().filter(|fence| fence.fits(found));
        match earlier.map_or_else(|| self.make_fence(found, rng), Ok) {
            Err(error) => {
                self.trouble = Some(unreadable(error));
                self.unknown()
            }
            Ok(fence) => {
                self.doing = Doing::Fencing;
                let request = fence.request(&self.key);
                self.fence = Some(fence);
                Step::Do(request)
            }
        }
    }

    fn make_fence(&self, found: Option<&Object>, rng: &dyn Rng) -> Result<Fence> {
        match (&self.restores, &self.base, found) {
            (Some(content), Some(base), Some(object))
                if physical_nonce(&object.bytes) == Some(base.put) =>
            {
                let version = object.version.clone();
                Ok(Fence::over::<R>(version, (**content).clone(), rng))
            }
            _ => Fence::at::<R>(found, rng),
        }
    }

    fn is_giving_up(&self) -> bool {
        self.time_is_up || self.pauses >= Self::MOST_PAUSES
    }

    fn rest(&mut self, doing: Doing) -> Step<PutOutcome> {
        self.doing = doing;
        self.pauses += 1;
        Step::Do(Request::Pause(self.pauses))
    }

    fn next_round(&mut self, next: impl FnOnce(&mut Self) -> Step<PutOutcome>) -> Step<PutOutcome> {
        match self.rounds_left.checked_sub(1) {
            None => self.unknown(),
            Some(left) => {
                self.rounds_left = left;
                next(self)
            }
        }
    }

    fn unknown(&mut self) -> Step<PutOutcome> {
        let error = self.trouble.take().map_or_else(
            || {
                StoreError::new(
                    StoreErrorKind::Unavailable,
                    "what became of the write cannot be told",
                )
            },
            StoreError::from,
        );
        Step::Done(PutOutcome::Unknown(error))
    }
}

/// Reading what is there.
impl<R: Rules> PutMachine<R> {
    fn judge(&self, found: Option<&Object>) -> Verdict {
        let Some(object) = found else {
            return self.judge_absent();
        };
        if physical_nonce(&object.bytes) == Some(self.put) {
            return Verdict::Applied(Some(object.version.clone()));
        }
        match open(&object.bytes) {
            Err(error) => Verdict::Unclear(Some(unreadable(error))),
            Ok(opened) => self.judge_object(&object.version, &opened),
        }
    }

    /// Where the lineage does not reach back (eight writes since the base was read, a create over a long history, plain JSON
    /// of a person), the answers decide: when every attempt was told that its base is not there, that was so before, and
    /// somebody who holds a document for an hour gets a conflict. Only a network that delivers one request twice, with eight
    /// writes of others in between, could make that wrong.
    fn judge_object(&self, version: &Version, opened: &Opened) -> Verdict {
        let has_version = self
            .base
            .as_ref()
            .is_some_and(|base| base.version == *version);
        if has_version && self.is_base(&opened.envelope) {
            return Verdict::StillBase;
        }
        let base = self.base.as_ref().map(|base| base.own);
        match Lineage(&opened.envelope).holds(self.own, base) {
            Some(true) => Verdict::Applied(None),
            Some(false) if has_version => Verdict::SameVersion,
            // A create that may be in flight, over a dead object: it could still land once the object is swept, so the
            // object is touched, which keeps it for as long as a write may be in flight.
            Some(false)
                if base.is_none()
                    && self.fence.is_none()
                    && self.was_ambiguous
                    && opened.envelope.state != State::Live
                    // A pending write was put just now, so the object stays.
                    && opened.envelope.intent.is_none() =>
            {
                Verdict::SameVersion
            }
            Some(false) => Verdict::NeverApplied,
            None if !self.was_ambiguous => Verdict::NeverApplied,
            None => Verdict::Unclear(None),
        }
    }

    fn is_base(&self, envelope: &Envelope) -> bool {
        !R::COMPARE_NONCES
            || self
                .base
                .as_ref()
                .is_some_and(|base| base.put == envelope.put)
    }

    /// Only dead objects are removed, long after a write could be in flight. So a base that is gone was dead already, and the write that
    /// would have followed is alive and was never there; or a person removed a file.
    fn judge_absent(&self) -> Verdict {
        match &self.base {
            None => Verdict::StillBase,
            Some(base) if !base.is_live && self.is_live => Verdict::NeverApplied,
            Some(_) if !self.was_ambiguous => Verdict::NeverApplied,
            Some(_) => Verdict::Unclear(None),
        }
    }
}

/// What is there cannot be read, so it does not say what became of the write.
fn unreadable(error: crate::error::Error) -> Trouble {
    StoreError::new(StoreErrorKind::Unsupported, error.to_string())
        .with_source(error)
        .into()
}
