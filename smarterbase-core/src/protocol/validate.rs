//! Whether what a transaction read is still so (storage-protocol §2.6, phase V). After its intents are placed.

use super::{
    Machine, Reply, Request, Rules, Shipped, Step,
    settle::{Identity, SettleMachine, Settled, Settler},
};
use crate::{
    document::Version,
    error::Error,
    format::{Key, envelope::State},
    port::{Changed, Object, Rng},
};

/// One object as a transaction read it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// Its path.
    pub key: Key,
    /// The stored version; `None`: nothing was there.
    pub version: Option<Version>,
    /// The committed version that was read.
    pub identity: Identity,
    /// The revision of the tombstone that was there: what came and went since then left another one, or the first.
    pub tombstone: Option<u64>,
}

impl Seen {
    /// That nothing is at `key`.
    #[must_use]
    pub fn nothing(key: Key) -> Self {
        Self::of(key, None)
    }

    /// What was read at `key`.
    #[must_use]
    pub fn of(key: Key, settled: Option<&Settled>) -> Self {
        Self {
            key,
            version: settled.map(|settled| settled.version.clone()),
            identity: Identity::of(settled),
            tombstone: tombstone(settled),
        }
    }

    /// Whether nothing happened between what was read and what is there now. That nothing is there both times is not enough:
    /// reads are validated one after the other, and a document that came and went between them was there for some.
    fn is_still(&self, settled: Option<&Settled>) -> bool {
        Identity::of(settled) == self.identity && tombstone(settled) == self.tombstone
    }
}

fn tombstone(settled: Option<&Settled>) -> Option<u64> {
    let envelope = &settled?.opened.envelope;
    (envelope.state == State::Deleted).then_some(envelope.rev)
}

/// How a validation ended.
#[derive(Debug)]
pub enum Verdict {
    /// What was read is still so, and no transaction that would change it was undecided before.
    Valid,
    /// Somebody changed it.
    Changed,
    /// It cannot be told.
    Failed(Error),
}

/// The machine that validates one read: one conditional GET when nothing happened to the object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ValidateMachine<R: Rules = Shipped> {
    seen: Seen,
    settler: Settler,
    heeds: bool,
    settling: Option<Box<SettleMachine<R>>>,
}

impl<R: Rules> ValidateMachine<R> {
    /// Validates what was `seen`.
    #[must_use]
    pub fn new(seen: Seen, settler: Settler) -> Self {
        Self {
            seen,
            settler,
            heeds: R::HEED_UNDECIDED,
            settling: None,
        }
    }

    /// The path of the object.
    pub(super) fn key(&self) -> &Key {
        &self.seen.key
    }

    /// Whether it heeds undecided writes, under other rules.
    pub(super) fn heeding(mut self, heeds: bool) -> Self {
        self.heeds &= heeds;
        self
    }

    /// An undecided write of somebody else would follow what was read: it is waited for, or aborted.
    fn look(&mut self, object: Object, rng: &dyn Rng) -> Step<Verdict> {
        let key = self.seen.key.clone();
        let settling = match self.heeds {
            true => SettleMachine::read(key, self.settler.clone()),
            false => SettleMachine::peek_under(key),
        };
        self.settling = Some(Box::new(settling.from_object(object)));
        self.settle(Reply::Start, rng)
    }

    fn settle(&mut self, reply: Reply, rng: &dyn Rng) -> Step<Verdict> {
        let Some(settling) = &mut self.settling else {
            return Step::Done(Verdict::Failed(super::nothing_happened(super::no_answer())));
        };
        match settling.step(reply, rng) {
            Step::Do(request) => Step::Do(request),
            Step::Done(Ok(settled)) => self.compare(settled.as_ref()),
            Step::Done(Err(unsettled)) => Step::Done(Verdict::Failed(unsettled.into())),
        }
    }

    fn compare(&self, settled: Option<&Settled>) -> Step<Verdict> {
        Step::Done(match self.seen.is_still(settled) {
            true => Verdict::Valid,
            false => Verdict::Changed,
        })
    }
}

impl<R: Rules> Machine for ValidateMachine<R> {
    type Output = Verdict;

    fn step(&mut self, reply: Reply, rng: &dyn Rng) -> Step<Verdict> {
        if self.settling.is_some() {
            return self.settle(reply, rng);
        }
        match reply {
            Reply::Start => Step::Do(match &self.seen.version {
                Some(version) => Request::GetIfChanged(self.seen.key.clone(), version.clone()),
                None => Request::Get(self.seen.key.clone()),
            }),
            Reply::Changed(Ok(Changed::Unchanged)) => Step::Done(Verdict::Valid),
            Reply::Changed(Ok(Changed::Gone)) | Reply::Got(Ok(None)) => self.compare(None),
            Reply::Changed(Ok(Changed::Now(object))) | Reply::Got(Ok(Some(object))) => {
                self.look(object, rng)
            }
            Reply::Changed(Err(error)) | Reply::Got(Err(error)) => {
                Step::Done(Verdict::Failed(super::nothing_happened(error)))
            }
            _ => Step::Done(Verdict::Failed(super::nothing_happened(super::no_answer()))),
        }
    }
}
