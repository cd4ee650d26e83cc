//! The lock document: reading it, and the two puts of it. A *swap* moves the lock on: it makes the next revision. A *touch*
//! renews it: the same version under a new put.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    error::{Error, Result},
    format::{
        Envelope, Key, Nonce,
        envelope::{Opened, State},
        lock::{self, Holder},
    },
    operation::{Engine, engine::store_failure, write::outcome_unknown},
    port::Object,
    protocol::{
        Deadline, PutMachine, PutOutcome, SettleMachine, Settled, drive, lease::Claimed,
        validate::Seen,
    },
};

/// A lock document as it was read or written.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    settled: Option<Box<Settled>>,
    pub(super) holder: Option<Holder>,
}

impl Sight {
    fn of(settled: Option<Settled>) -> Result<Self> {
        let holder = match &settled {
            Some(settled) if settled.opened.envelope.state == State::Live => {
                lock::holder(&settled.opened.body)?
            }
            _ => None,
        };
        Ok(Self {
            settled: settled.map(Box::new),
            holder,
        })
    }

    fn envelope(&self) -> Option<&Envelope> {
        Some(&self.settled.as_ref()?.opened.envelope)
    }

    pub(super) fn put(&self) -> Option<Nonce> {
        self.envelope().map(|envelope| envelope.put)
    }

    /// The acquisition or release that the document shows.
    pub(super) fn write(&self) -> Option<Nonce> {
        self.envelope().map(|envelope| envelope.write)
    }

    pub(super) fn revision(&self) -> u64 {
        self.envelope().map_or(0, |envelope| envelope.rev)
    }

    /// When the document was put, by the clock of who put it.
    pub(super) fn updated(&self) -> Option<crate::document::Timestamp> {
        self.envelope()?.updated
    }

    pub(super) fn claimed(&self) -> Claimed {
        let held = |holder: &Holder| Claimed::Held(holder.lease);
        self.holder.as_ref().map_or(Claimed::Free, held)
    }

    /// What a transaction validates.
    pub(super) fn seen(&self, key: &Key) -> Seen {
        Seen::of(key.clone(), self.settled.as_deref())
    }

    /// The envelope of the next revision.
    fn next(&self, engine: &Engine, write: Nonce) -> Envelope {
        let now = engine.now();
        let next = Envelope::next(self.envelope(), engine.nonce(), write);
        Envelope {
            created: next.created.or(Some(now)),
            updated: Some(now),
            ..next
        }
    }
}

/// How a put of the document ended.
#[derive(Debug)]
pub(crate) enum Swap {
    /// It was there, and others have replaced it since by this.
    Passed(Sight),
    /// This is there now.
    Done(Sight),
    /// Something else is there; the put never will be.
    Lost(Sight),
    Failed(Failure),
}

#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) error: Error,
    /// Whether the put may be there, or come to be.
    pub(super) is_unknown: bool,
}

/// Reads the document: 1 GET. A transaction that has an intent on it is waited for.
pub(super) async fn look(engine: &Engine, key: &Key) -> Result<Sight> {
    settle(
        engine,
        SettleMachine::replace(key.clone(), engine.settler()),
    )
    .await
}

/// Reads the document without waiting for anybody.
pub(super) async fn peek(engine: &Engine, key: &Key) -> Result<Sight> {
    settle(engine, SettleMachine::peek(key.clone())).await
}

async fn settle(engine: &Engine, machine: SettleMachine) -> Result<Sight> {
    Sight::of(engine.drive(machine).await.map_err(Error::from)?)
}

async fn look_at(engine: &Engine, key: &Key, found: Option<Object>) -> Result<Sight> {
    match found {
        None => Sight::of(None),
        Some(object) => {
            let machine = SettleMachine::replace(key.clone(), engine.settler());
            settle(engine, machine.from_object(object)).await
        }
    }
}

/// Moves the lock on: to `holder`, or to nobody.
pub(super) async fn swap(
    engine: &Engine,
    key: &Key,
    base: &Sight,
    holder: Option<&Holder>,
    write: Nonce,
) -> Swap {
    let envelope = base.next(engine, write);
    let body = lock::body(holder);
    put(engine, key, base, envelope, body, engine.deadline()).await
}

/// Renews the document as it is, until `until` by the engine's clock.
pub(super) async fn touch(engine: &Engine, key: &Key, base: &Sight, until: Duration) -> Swap {
    let Some(settled) = &base.settled else {
        return Swap::Lost(base.clone()); // Nobody holds what is not there.
    };
    let envelope = Envelope {
        put: engine.nonce(),
        updated: Some(engine.now()),
        ..settled.opened.envelope.clone()
    };
    let body = settled.opened.body.clone();
    let deadline = Deadline {
        at: until.min(engine.deadline().at),
    };
    put(engine, key, base, envelope, body, deadline).await
}

async fn put(
    engine: &Engine,
    key: &Key,
    base: &Sight,
    envelope: Envelope,
    body: Bytes,
    deadline: Deadline,
) -> Swap {
    let bytes = envelope.seal(&body);
    let machine: PutMachine = PutMachine::over(
        key.clone(),
        base.settled.as_deref().cloned(),
        &envelope,
        bytes,
    );
    let outcome = drive(
        &*engine.store,
        &*engine.clock,
        &*engine.rng,
        deadline,
        machine,
    )
    .await;
    let is_mine = |sight: &Sight| sight.put() == Some(envelope.put);
    let found = match outcome {
        PutOutcome::Applied(Some(version)) => return done(version, envelope, body),
        // It was there, as a version or as its like: what is there now?
        PutOutcome::Applied(None) => match look(engine, key).await {
            Ok(sight) if !is_mine(&sight) => return Swap::Passed(sight),
            other => other,
        },
        PutOutcome::Lost(found) => look_at(engine, key, found).await,
        PutOutcome::Refused(error) => return failed(store_failure(error), false),
        PutOutcome::Unknown(error) => return failed(outcome_unknown(error), true),
    };
    match found {
        Ok(sight) if is_mine(&sight) => Swap::Done(sight),
        Ok(sight) => Swap::Lost(sight),
        Err(error) => failed(error, true),
    }
}

fn done(version: crate::document::Version, envelope: Envelope, body: Bytes) -> Swap {
    let settled = Settled {
        version,
        opened: Opened {
            envelope,
            has_envelope: true,
            body,
        },
        bears_intent: false,
    };
    match Sight::of(Some(settled)) {
        Ok(sight) => Swap::Done(sight),
        Err(error) => failed(error, true),
    }
}

fn failed(error: Error, is_unknown: bool) -> Swap {
    Swap::Failed(Failure { error, is_unknown })
}
