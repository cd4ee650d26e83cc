//! Operations outside of transactions: writes, deletes, creates and reads of one document.

use std::collections::BTreeMap;

use smarterbase_core::{
    format::{Envelope, FORMAT_VERSION, Key, Nonce, envelope::State},
    protocol::{PutMachine, PutOutcome, Rules, SettleMachine, Settled, Settler},
};

use super::{
    client::{Next, Outcome, Own},
    facts::value,
    job::{End, Job},
    library::{Answer, Ask},
};

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Aim {
    /// Puts the next version, of whatever is there.
    Update,
    Delete,
    /// Puts the first version; nothing may be there.
    Create,
    /// The same, of a document that is in a range: its entry is announced first.
    Insert,
    /// Reads without waiting for anybody.
    Peek,
    /// The same, held to what only the next one promises.
    StrictPeek,
    /// Reads in one order with everything.
    Read,
}

/// One operation on one document.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Plain {
    key: Key,
    aim: Aim,
    doing: Doing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Beginning,
    Reading,
    Announcing,
    Putting,
    Withdrawing,
}

/// How those wait who take part in no transaction.
pub(crate) fn plain_settler() -> Settler {
    Settler {
        attempt: None,
        priority: None,
        grace: std::time::Duration::from_millis(250),
        lease: std::time::Duration::from_secs(5),
        longest: std::time::Duration::from_secs(10),
    }
}

/// The envelope of the version that follows (`operation/change.rs`, `next_envelope`).
pub(crate) fn next_envelope(base: Option<&Settled>, state: State, own: &mut Own) -> Envelope {
    let before = base.map(|base| &base.opened.envelope);
    let mut next = envelope(before, state, own.nonce(), own.nonce());
    if let (State::Live, Some(before)) = (state, before) {
        next.unique = before.unique.clone();
    }
    next
}

/// The same, of given nonces.
pub(crate) fn envelope(
    before: Option<&Envelope>,
    state: State,
    put: Nonce,
    write: Nonce,
) -> Envelope {
    Envelope {
        put,
        format: FORMAT_VERSION,
        needs: Vec::new(),
        schema: 1,
        shape: Default::default(),
        state,
        rev: before.map_or(1, |envelope| envelope.rev + 1),
        write,
        rewrite: false,
        prev: before.map_or_else(Vec::new, Envelope::lineage),
        created: None,
        updated: None,
        catalog: 0,
        index: BTreeMap::new(),
        unique: BTreeMap::new(),
        intent: None,
    }
}

/// What the caller of a put hears.
pub(crate) fn outcome(put: &PutOutcome) -> Outcome {
    match put {
        PutOutcome::Applied(_) => Outcome::Committed,
        PutOutcome::Lost(_) | PutOutcome::Refused(_) => Outcome::Nothing,
        PutOutcome::Unknown(_) => Outcome::Unknown,
    }
}

impl Plain {
    pub(crate) fn new(key: Key, aim: Aim) -> Self {
        Self {
            key,
            aim,
            doing: Doing::Beginning,
        }
    }

    pub(crate) fn next<R: Rules>(&mut self, end: End, own: &mut Own) -> Next<R> {
        match (self.doing, end) {
            (Doing::Beginning, _) => self.begin(own),
            (Doing::Reading, End::Settled(Ok(found))) => self.read(found, own),
            (Doing::Announcing, End::Told(Answer::Yes, _)) => self.put(None, State::Live, own),
            (Doing::Putting, End::Put(put)) => self.was_put(&put, own),
            (Doing::Withdrawing, _) => Next::Over,
            _ => {
                own.end(Outcome::Nothing);
                Next::Over
            }
        }
    }

    fn begin<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        let key = self.key.clone();
        self.doing = Doing::Reading;
        own.story.is_peek = self.aim == Aim::Peek;
        match self.aim {
            Aim::Peek | Aim::StrictPeek => Next::Do(Job::settle(SettleMachine::peek_under(key))),
            Aim::Read => Next::Do(Job::settle(SettleMachine::read(key, plain_settler()))),
            Aim::Update | Aim::Delete => {
                Next::Do(Job::settle(SettleMachine::replace(key, plain_settler())))
            }
            Aim::Create => self.put(None, State::Live, own),
            Aim::Insert => {
                self.doing = Doing::Announcing;
                Next::Do(Job::Ask(Ask::Announce))
            }
        }
    }

    fn read<R: Rules>(&mut self, found: Option<Settled>, own: &mut Own) -> Next<R> {
        let seen = value(found.as_ref());
        own.story.reads.insert(self.key.clone(), seen);
        match (self.aim, seen) {
            (Aim::Update, Some(_)) => self.put(found, State::Live, own),
            (Aim::Delete, Some(_)) => self.put(found, State::Deleted, own),
            _ => {
                own.end(Outcome::Read);
                Next::Over
            }
        }
    }

    fn put<R: Rules>(&mut self, base: Option<Settled>, state: State, own: &mut Own) -> Next<R> {
        self.doing = Doing::Putting;
        let envelope = next_envelope(base.as_ref(), state, own);
        let written = (envelope.rev, envelope.write);
        let becomes = (state == State::Live).then_some(written);
        own.story
            .reads
            .insert(self.key.clone(), value(base.as_ref()));
        own.story.writes.insert(self.key.clone(), becomes);
        let bytes = envelope.seal(b"{}");
        let machine = PutMachine::over(self.key.clone(), base, &envelope, bytes);
        Next::Do(Job::Put(Box::new(machine)))
    }

    /// An announcement is taken back once its put finally lost (rule S15).
    fn was_put<R: Rules>(&mut self, put: &PutOutcome, own: &mut Own) -> Next<R> {
        own.end(outcome(put));
        match put {
            PutOutcome::Lost(_) | PutOutcome::Refused(_) if self.aim == Aim::Insert => {
                self.doing = Doing::Withdrawing;
                Next::Do(Job::Ask(Ask::Withdraw))
            }
            _ => Next::Over,
        }
    }
}
