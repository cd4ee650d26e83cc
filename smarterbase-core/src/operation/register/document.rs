//! The document of a register: reading it, and the one put of it.

use bytes::Bytes;

use super::Register;
use crate::{
    document::{Timestamp, Version},
    error::{Error, Result},
    format::{
        Envelope, Key, Nonce,
        envelope::{Opened, State},
    },
    operation::{Engine, engine::store_failure, write::outcome_unknown},
    port::Object,
    protocol::{PutMachine, PutOutcome, SettleMachine, Settled},
};

/// A register as it was read or written.
#[derive(Clone, Debug)]
pub(crate) struct Sight<R: Register> {
    settled: Option<Settled>,
    /// `None`: nothing is stored.
    content: Option<R::Content>,
}

impl<R: Register> Sight<R> {
    fn of(settled: Option<Settled>) -> Result<Self> {
        let opened = settled.as_ref().map(|settled| &settled.opened);
        let live = opened.filter(|opened| opened.envelope.state == State::Live);
        let content = live.map(|opened| R::open(&opened.body)).transpose()?;
        Ok(Self { settled, content })
    }

    fn envelope(&self) -> Option<&Envelope> {
        Some(&self.settled.as_ref()?.opened.envelope)
    }

    /// What is stored; `None`: nothing is.
    pub(crate) fn stored(&self) -> Option<&R::Content> {
        self.content.as_ref()
    }

    /// What is stored, or what it begins with.
    pub(crate) fn content(&self) -> R::Content {
        self.content.clone().unwrap_or_default()
    }

    /// The change that made what is stored.
    pub(crate) fn write(&self) -> Option<Nonce> {
        self.envelope().map(|envelope| envelope.write)
    }

    /// When it was changed last, by the clock of who changed it.
    pub(crate) fn updated(&self) -> Option<Timestamp> {
        self.envelope()?.updated
    }

    fn next(&self, engine: &Engine) -> Envelope {
        let now = engine.now();
        let (write, put) = (engine.nonce(), engine.nonce());
        let next = Envelope::next(self.envelope(), put, write);
        Envelope {
            created: next.created.or(Some(now)),
            updated: Some(now),
            ..next
        }
    }
}

/// How a put ended.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one is made per put, and moved once"
)]
pub(crate) enum Swap<R: Register> {
    /// It was carried out, and left this. `None`: it was replaced since.
    Done(Option<Sight<R>>),
    /// Something else is there; the put never will be.
    Lost(Sight<R>),
    /// It never will be.
    Failed(Error),
    /// It may be there, or come to be.
    Unknown(Error),
}

/// Reads the document: 1 GET.
pub(crate) async fn look<R: Register>(engine: &Engine, key: &Key) -> Result<Sight<R>> {
    settle(engine, SettleMachine::peek(key.clone())).await
}

async fn settle<R: Register>(engine: &Engine, machine: SettleMachine) -> Result<Sight<R>> {
    Sight::of(engine.drive(machine).await.map_err(Error::from)?)
}

async fn found<R: Register>(
    engine: &Engine,
    key: &Key,
    object: Option<Object>,
) -> Result<Sight<R>> {
    match object {
        None => Sight::of(None),
        Some(object) => settle(engine, SettleMachine::peek(key.clone()).from_object(object)).await,
    }
}

/// Stores `content` over what was seen: 1 PUT.
pub(crate) async fn swap<R: Register>(
    engine: &Engine,
    key: &Key,
    base: &Sight<R>,
    content: &R::Content,
) -> Swap<R> {
    let (envelope, body) = (base.next(engine), R::body(content));
    let bytes = envelope.seal(&body);
    let machine: PutMachine = PutMachine::over(key.clone(), base.settled.clone(), &envelope, bytes);
    match engine.drive(machine).await {
        PutOutcome::Applied(None) => Swap::Done(None),
        PutOutcome::Applied(Some(version)) => {
            Swap::Done(Some(written(version, envelope, body, content)))
        }
        PutOutcome::Lost(object) => match found(engine, key, object).await {
            Ok(sight) => Swap::Lost(sight),
            Err(error) => Swap::Failed(error),
        },
        PutOutcome::Refused(error) => Swap::Failed(store_failure(error)),
        PutOutcome::Unknown(error) => Swap::Unknown(outcome_unknown(error)),
    }
}

fn written<R: Register>(
    version: Version,
    envelope: Envelope,
    body: Bytes,
    content: &R::Content,
) -> Sight<R> {
    let opened = Opened {
        envelope,
        has_envelope: true,
        body,
    };
    Sight {
        settled: Some(Settled {
            version,
            opened,
            bears_intent: false,
        }),
        content: Some(content.clone()),
    }
}
