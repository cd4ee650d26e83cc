//! Writing one document: agree ▸ plan ▸ secure ▸ **put** ▸ settle.
//!
//! The put is the commit point: what comes before it can be undone, what comes after it can be redone.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    Collection, Engine,
    agreement::{self, Agreement},
    attach,
    change::Change,
    engine::store_failure,
    plan::plan,
    read::at,
    secure::{self, Secured},
    settle,
};
use crate::{
    document::Version,
    error::{Code, Error, Result},
    format::Envelope,
    port::Object,
    protocol::{PutMachine, PutOutcome, drive},
};

/// A document as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) envelope: Envelope,
    pub(crate) bytes: Bytes,
    /// Unknown when the document was overwritten before the reply came.
    pub(crate) version: Option<Version>,
}

/// How a write ended that did not fail.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one is made per write, and moved twice"
)]
pub(crate) enum Verdict {
    Written(Written),
    /// The version moved on; nothing was written. This is what is there now.
    Lost(Option<Object>),
}

/// Writes one change on a task of its own: dropping the future only detaches from it, and a detached write only resolves
/// the attempt in flight (rule S18).
pub(crate) async fn write(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    change: Change,
) -> Result<Verdict> {
    let collection = collection.clone();
    let id = change.id.clone();
    let name = collection.name();
    let written = engine
        .detach(|engine, reply| run(engine, collection, change, reply))
        .await;
    written.map_err(|error| error.at(name, id.as_str()))
}

async fn run(
    engine: Arc<Engine>,
    collection: Arc<Collection>,
    change: Change,
    reply: oneshot::Sender<Result<Verdict>>,
) {
    let secured = match prepare(&engine, &collection, change).await {
        Ok(secured) => secured,
        Err(error) => return drop(reply.send(Err(error))),
    };
    match put(&engine, &collection, &secured).await {
        Ok(Verdict::Written(written)) => {
            let settled =
                settle::before_reply(&engine, &collection, &secured, written.version.as_ref())
                    .await;
            let version = written.version.clone();
            drop(reply.send(settled.map(|()| Verdict::Written(written))));
            settle::after_reply(&engine, &collection, &secured, version.as_ref()).await;
        }
        Ok(lost) => {
            drop(reply.send(Ok(lost)));
            secure::undo(&engine, &collection, &secured).await;
        }
        Err(failure) => {
            drop(reply.send(Err(failure.error)));
            if failure.is_final {
                secure::undo(&engine, &collection, &secured).await;
            }
        }
    }
}

/// Agree ▸ plan ▸ secure; again when the agreement grew too old or changed meanwhile (rule S1).
async fn prepare(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    change: Change,
) -> Result<Secured> {
    const TRIES: usize = 4;
    for _ in 0..TRIES {
        let agreement = agree(engine, collection).await?;
        // Entries that an earlier try withdrew may be removed once more, late: their names must not come back.
        let mut change = change.clone();
        change.envelope.write = engine.nonce();
        let planned = plan(engine, collection, agreement, change);
        let Some(mut secured) = secure::secure(engine, collection, planned).await? else {
            continue;
        };
        if still_agreed(engine, collection, &mut secured).await? {
            return Ok(secured);
        }
        secure::undo(engine, collection, &secured).await;
    }
    let text =
        "the store is too slow to keep the collection's catalog in view; nothing was written";
    Err(Error::new(Code::UNAVAILABLE, text))
}

/// What the collection's writers agreed on, and that this program can keep to it.
async fn agree(engine: &Arc<Engine>, collection: &Arc<Collection>) -> Result<Arc<Agreement>> {
    let mut agreement = agreement::current(engine, collection).await?;
    if engine.abandon_missing_backends {
        for backend in attach::missing_backends(engine, &agreement.catalog) {
            agreement = attach::mark_down(engine, collection, &backend, &agreement).await?;
        }
    }
    agreement::check_maintainable(collection, &agreement)?;
    attach::down_unknown_indexes(engine, collection, agreement).await
}

/// Whether the put may be sent: the copy is young enough, or a new one says the same.
async fn still_agreed(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    secured: &mut Secured,
) -> Result<bool> {
    if secured.plan.agreement.is_current(engine) {
        return Ok(true);
    }
    let renewed = agreement::renew(engine, collection).await?;
    let is_same = renewed.catalog.envelope.rev == secured.plan.agreement.catalog.envelope.rev;
    secured.plan.agreement = renewed;
    Ok(is_same && secured.plan.agreement.is_current(engine))
}

/// A put that failed. `is_final`: it was not applied and never will be.
struct Failure {
    error: Error,
    is_final: bool,
}

/// The commit point.
async fn put(
    engine: &Engine,
    collection: &Collection,
    secured: &Secured,
) -> Result<Verdict, Failure> {
    let change = &secured.plan.change;
    let base = change
        .base
        .as_ref()
        .map(|base| (base.version.clone(), base.envelope.clone()));
    let machine = PutMachine::new(
        collection.key(&change.id),
        base,
        change.envelope.clone(),
        &change.body,
    );
    match drive(
        &*engine.store,
        &*engine.clock,
        &*engine.rng,
        engine.deadline(),
        machine,
    )
    .await
    {
        PutOutcome::Applied(version) => Ok(Verdict::Written(Written {
            envelope: change.envelope.clone(),
            bytes: change.envelope.seal(&change.body),
            version,
        })),
        PutOutcome::Lost(object) => Ok(Verdict::Lost(object)),
        PutOutcome::Refused(error) => Err(Failure {
            error: at(collection, &change.id, store_failure(error)),
            is_final: true,
        }),
        PutOutcome::Unknown(error) => {
            let unknown = Error::new(
                Code::OUTCOME_UNKNOWN,
                "the store did not answer; the write may have happened",
            );
            Err(Failure {
                error: at(collection, &change.id, unknown.with_source(error)),
                is_final: false,
            })
        }
    }
}
