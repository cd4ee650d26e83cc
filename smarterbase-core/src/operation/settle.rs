//! After the put: entries and claims that the document no longer needs leave. All of it can be redone by anyone.

use std::sync::Arc;

use futures::future::{join, join_all};

use super::{
    Collection, Engine, attach,
    plan::BackendPlan,
    profile::trace,
    secure::{Secured, release},
};
use crate::{
    document::Version,
    error::{Code, Error, Result},
    format::envelope::State,
    port::{
        IndexError,
        index::{Commit, Outcome},
    },
};

/// Before the reply: backends with a manifest learn the outcome, and the reply waits where readers may not know yet that
/// a backend is down (rule S3).
///
/// # Errors
/// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): the document is written, but an index could neither be told nor
/// marked down.
pub(crate) async fn before_reply(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    secured: &Secured,
    version: Option<&Version>,
) -> Result<()> {
    let told = secured
        .plan
        .backends
        .iter()
        .filter(|backend| !backend.backend.uses_tags() && !backend.is_unchanged());
    let told: Vec<&BackendPlan> = told.collect();
    let answers = join_all(told.iter().map(|backend| tell(secured, backend, version))).await;
    for (backend, answer) in told.iter().zip(answers) {
        if let Err(error) = answer {
            tracing::warn!(collection = collection.name(), backend = backend.backend.name(), %error, "an index was not told");
            let downed = attach::mark_down(
                engine,
                collection,
                backend.backend.name(),
                &secured.plan.agreement,
            )
            .await;
            downed.map_err(|source| unindexed(collection, secured, source))?;
        }
    }
    if secured.plan.changes_entries {
        hold(engine, collection).await;
    }
    Ok(())
}

/// After the reply: object entries leave, manifests learn the new entity tag, claims are released.
pub(crate) async fn after_reply(
    engine: &Engine,
    collection: &Collection,
    secured: &Secured,
    version: Option<&Version>,
) {
    let late = secured
        .plan
        .backends
        .iter()
        .filter(|backend| backend.backend.uses_tags() || backend.is_unchanged());
    let late = late.filter(|backend| !(backend.backend.uses_tags() && backend.dropped.is_empty()));
    let told = join_all(late.map(|backend| tell(secured, backend, version)));
    let released = join_all(secured.seen.iter().map(|claim| release(engine, claim)));
    let (told, _) = join(told, released).await;
    for error in told.into_iter().filter_map(Result::err) {
        tracing::debug!(collection = collection.name(), %error, "old entries stay until a query finds them stale");
    }
}

async fn tell(
    secured: &Secured,
    backend: &BackendPlan,
    version: Option<&Version>,
) -> Result<(), IndexError> {
    let change = &secured.plan.change;
    let commit = Commit {
        id: change.id.clone(),
        rev: change.envelope.rev,
        write: Some(change.envelope.write),
        outcome: if change.envelope.state == State::Deleted {
            Outcome::Delete
        } else {
            Outcome::Put
        },
        entries: backend.all.clone(),
        dropped: backend.dropped.clone(),
        placed: backend.placed.clone(),
        e_tag: version.and_then(|version| version.e_tag.clone()),
    };
    trace::told_an_index(&*backend.backend);
    backend.backend.commit(&backend.collection, &commit).await
}

/// Waits until no reader can hold a copy of the catalog that calls a lost index ready.
async fn hold(engine: &Engine, collection: &Collection) {
    let wait = collection
        .hold_until()
        .saturating_sub(engine.clock.elapsed());
    if !wait.is_zero() {
        engine.clock.sleep(wait).await;
    }
}

fn unindexed(collection: &Collection, secured: &Secured, source: Error) -> Error {
    let text =
        "the document is written, but an index neither learned of it nor could be marked down";
    Error::new(Code::OUTCOME_UNKNOWN, text)
        .with_source(source)
        .at(collection.name(), secured.plan.change.id.as_str())
}
