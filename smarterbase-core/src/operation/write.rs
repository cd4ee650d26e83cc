//! Writing one document: agree ▸ plan ▸ secure ▸ **put** ▸ settle.
//!
//! The put is the commit point: what comes before it can be undone, what comes after it can be redone.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    Collection, Engine, View,
    agreement::{self, Agreement},
    attach,
    change::Change,
    engine::store_failure,
    plan::plan,
    profile::trace,
    published,
    read::at,
    secure::{self, Secured},
    settle,
};
use crate::{
    document::Version,
    error::{Code, Error, Result},
    format::Envelope,
    port::{Object, StoreError},
    protocol::{PutMachine, PutOutcome},
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

/// Writes one change: inside of a transaction for its commit, else now.
pub(crate) async fn write(
    view: &View,
    collection: &Arc<Collection>,
    change: Change,
) -> Result<Verdict> {
    view.relations.check_known(collection.spec)?;
    published::agree(view, collection).await?;
    match view.attempt() {
        Some(attempt) => attempt.write(collection, change).await,
        None => write_now(view, collection, change).await,
    }
}

/// Writes one change on a task of its own: dropping the future only detaches from it, and a detached write only resolves
/// the attempt in flight (rule S18).
pub(crate) async fn write_now(
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
            let settling = settle::after_reply(&engine, &collection, &secured, version.as_ref());
            trace::after_reply(settling).await;
        }
        Ok(lost) => {
            drop(reply.send(Ok(lost)));
            trace::after_reply(secure::undo(&engine, &collection, &secured)).await;
        }
        Err(failure) => {
            drop(reply.send(Err(failure.error)));
            if failure.is_final {
                trace::after_reply(secure::undo(&engine, &collection, &secured)).await;
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
    for attempt in 0..TRIES {
        let agreement = agree(engine, collection).await?;
        let mut change = change.clone();
        if attempt > 0 {
            // Entries that an earlier try withdrew may be removed once more, late: their names must not come back.
            change.envelope.write = engine.nonce();
        }
        let planned = plan(engine, collection, agreement, change);
        let Some(mut secured) = secure::secure(engine, collection, planned).await? else {
            continue;
        };
        if still_agreed(engine, collection, &mut secured.plan.agreement).await? {
            return Ok(secured);
        }
        secure::undo(engine, collection, &secured).await;
    }
    let text =
        "the store is too slow to keep the collection's catalog in view; nothing was written";
    Err(Error::new(Code::UNAVAILABLE, text))
}

/// What the collection's writers agreed on, and that this program can keep to it.
pub(crate) async fn agree(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
) -> Result<Arc<Agreement>> {
    let mut agreement = agreement::current(engine, collection).await?;
    if engine.abandon_missing_backends {
        for backend in attach::missing_backends(engine, &agreement.catalog) {
            agreement = attach::mark_down(engine, collection, &backend, &agreement).await?;
        }
    }
    agreement::check_maintainable(collection, &agreement)?;
    if collection.is_untyped {
        agreement::check_all_known(collection, &agreement)?;
    }
    attach::down_unknown_indexes(engine, collection, agreement).await
}

/// Whether the put may be sent: the copy is young enough, or a new one says the same.
pub(crate) async fn still_agreed(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    agreement: &mut Arc<Agreement>,
) -> Result<bool> {
    if agreement.is_current(engine) {
        return Ok(true);
    }
    let renewed = agreement::renew(engine, collection).await?;
    let is_same = renewed.catalog.agrees_with(&agreement.catalog);
    *agreement = renewed;
    Ok(is_same && agreement.is_current(engine))
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
    let base = change.base.as_ref().map(|base| base.settled.clone());
    let bytes = change.envelope.seal(&change.body);
    let machine: PutMachine = PutMachine::over(
        collection.key(&change.id),
        base,
        &change.envelope,
        bytes.clone(),
    );
    match engine.drive(machine).await {
        PutOutcome::Applied(version) => Ok(Verdict::Written(Written {
            envelope: change.envelope.clone(),
            bytes,
            version,
        })),
        PutOutcome::Lost(object) => Ok(Verdict::Lost(object)),
        PutOutcome::Refused(error) => Err(Failure {
            error: at(collection, &change.id, store_failure(error)),
            is_final: true,
        }),
        PutOutcome::Unknown(error) => Err(Failure {
            error: at(collection, &change.id, outcome_unknown(error)),
            is_final: false,
        }),
    }
}

/// The store did not say what became of the commit.
pub(crate) fn outcome_unknown(error: StoreError) -> Error {
    let text = "the store did not answer; the write may have happened";
    Error::new(Code::OUTCOME_UNKNOWN, text).with_source(error)
}

/// A task ended without saying what became of its write.
pub(crate) fn task_ended() -> Error {
    Error::new(
        Code::OUTCOME_UNKNOWN,
        "the write's task ended without a reply (was the runtime shut down?)",
    )
}
