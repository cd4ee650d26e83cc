//! Before the put: entries are announced, unique values claimed, and what is replaced is kept where its type keeps history;
//! all at the same time. All of it can be undone, or stays true.

use std::sync::Arc;

use futures::{
    FutureExt,
    future::{join, join_all},
};

use super::{
    Collection, Engine, attach,
    engine::store_failure,
    history,
    plan::{BackendPlan, Plan, UniqueValue},
    profile::trace,
};
use crate::{
    error::{Code, Error, Result},
    format::path::EncodedId,
    port::{
        IndexError, StoreError,
        index::{Announcement, Commit, Outcome},
    },
    protocol::{
        claim::{ClaimMachine, ClaimOutcome, ClaimPlan, TakenClaim},
        release::{ReleaseMachine, SeeClaimMachine},
    },
};

/// A plan whose entries are announced and whose claims are taken: the document may be put.
#[derive(Debug)]
pub(crate) struct Secured {
    pub(crate) plan: Plan,
    /// Claims that this write took, or refreshed.
    pub(crate) taken: Vec<TakenClaim>,
    /// Claims to release after the put, as they were read before it.
    pub(crate) seen: Vec<TakenClaim>,
}

/// Announces, claims, and reads the claims that will be released. When a value is held, what was done is undone. `None`
/// when a backend lost entries or does not answer: it was marked down, and the change must be planned again.
///
/// # Errors
/// [`Unique`](crate::ErrorKind::Unique), or the failure of a store; no document was changed.
pub(crate) async fn secure(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    plan: Plan,
) -> Result<Option<Secured>> {
    let announced = join_all(plan.backends.iter().map(|backend| announce(&plan, backend)));
    let claimed = join_all(
        plan.gains
            .iter()
            .map(|value| claim(engine, collection, &plan, value)),
    );
    let seen = see_losses(engine, collection, &plan);
    // The futures are large; boxing them keeps the write's own future small.
    let kept = history::keep(engine, collection, &plan.change);
    let ((announced, claimed), (seen, kept)) =
        join(join(announced, claimed).boxed(), join(seen, kept).boxed()).await;

    let (taken, refused) = split(claimed);
    let (lost, failed) = judge(announced);
    let failed = failed.or(kept.err().map(store_failure));
    let secured = Secured { plan, taken, seen };
    if let Some(error) = refused.or(failed) {
        undo(engine, collection, &secured).await;
        return Err(error);
    }
    if lost.is_empty() {
        return Ok(Some(secured));
    }
    undo(engine, collection, &secured).await;
    for position in lost {
        let backend = secured.plan.backends[position].backend.name();
        attach::mark_down(engine, collection, backend, &secured.plan.agreement).await?;
    }
    Ok(None)
}

/// Announces the entries of one document of a transaction, and keeps what it replaces. `false` when a backend lost entries or does not answer: it was
/// marked down, and the transaction must run again.
///
/// # Errors
/// The store of the entries fails.
pub(crate) async fn announce_all(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    plan: &Plan,
) -> Result<bool, StoreError> {
    let announced = join_all(plan.backends.iter().map(|backend| announce(plan, backend)));
    let kept = history::keep(engine, collection, &plan.change);
    let (announced, kept) = join(announced, kept).await;
    kept?;
    let mut is_complete = true;
    for (backend, outcome) in plan.backends.iter().zip(announced) {
        match outcome {
            Ok(()) => continue,
            Err(IndexError::Store(error)) => return Err(error),
            Err(_) => is_complete = false,
        }
        let name = backend.backend.name();
        if let Err(error) = attach::mark_down(engine, collection, name, &plan.agreement).await {
            tracing::warn!(collection = collection.name(), backend = name, %error, "an index could not be marked down");
        }
    }
    Ok(is_complete)
}

/// Reads the claims that a document gives up: their versions must be known before it is put.
pub(crate) async fn see_losses(
    engine: &Engine,
    collection: &Collection,
    plan: &Plan,
) -> Vec<TakenClaim> {
    let seeing = plan
        .losses
        .iter()
        .map(|value| see(engine, collection, &plan.change.id, value));
    join_all(seeing).await.into_iter().flatten().collect()
}

async fn announce(plan: &Plan, backend: &BackendPlan) -> Result<(), IndexError> {
    if backend.is_unchanged() {
        return Ok(());
    }
    let announcement = Announcement {
        id: plan.change.id.clone(),
        base: plan
            .change
            .base
            .as_ref()
            .map_or(0, |base| base.envelope().rev),
        write: plan.change.envelope.write,
        entries: backend.added.clone(),
        placed: backend.placed.clone(),
    };
    // An object entry that leaves needs no announcement; a manifest must know that a write is under way.
    if announcement.entries.is_empty() && backend.backend.uses_tags() {
        return Ok(());
    }
    trace::told_an_index(&*backend.backend);
    backend
        .backend
        .announce(&backend.collection, &announcement)
        .await
}

async fn claim(
    engine: &Engine,
    collection: &Collection,
    plan: &Plan,
    value: &UniqueValue,
) -> Result<TakenClaim> {
    let machine = ClaimMachine::new(ClaimPlan {
        claim: value.claim.clone(),
        definition: value.definition.clone(),
        hash: value.hash.clone(),
        owner: collection.key(&plan.change.id),
        write: plan.change.envelope.write,
        create_first: true,
        settler: engine.settler(),
    });
    match engine.drive(machine).await {
        ClaimOutcome::Taken(claim) => Ok(claim),
        ClaimOutcome::Failed(error) => Err(error),
        ClaimOutcome::Held(holder) => Err(held(collection, value, collection.id_of(&holder))),
    }
}

pub(crate) fn held(
    collection: &Collection,
    value: &UniqueValue,
    holder: Option<EncodedId>,
) -> Error {
    let components = collection.spec.indexes[value.ordinal].components;
    let field = components
        .iter()
        .map(|component| component.field)
        .collect::<Vec<_>>()
        .join("+");
    let holder = holder.map_or_else(
        || "another document".to_owned(),
        |id| format!("{}/{id}", collection.name()),
    );
    Error::new(
        Code::UNIQUE,
        format!("unique field \"{field}\" is held by {holder}"),
    )
    .on_field(field)
    .held_by(holder)
}

/// Reads a claim that will be given up: its version must be known before the document is put.
async fn see(
    engine: &Engine,
    collection: &Collection,
    id: &EncodedId,
    value: &UniqueValue,
) -> Option<TakenClaim> {
    let machine = SeeClaimMachine::new(value.claim.clone(), collection.key(id));
    // A claim that cannot be read is not released; it is stolen when somebody wants it.
    engine.drive(machine).await
}

fn split(claimed: Vec<Result<TakenClaim>>) -> (Vec<TakenClaim>, Option<Error>) {
    let mut taken = Vec::new();
    let mut refused: Option<Error> = None;
    for outcome in claimed {
        match outcome {
            Ok(claim) => taken.push(claim),
            Err(error) => refused = Some(refused.unwrap_or(error)),
        }
    }
    (taken, refused)
}

/// The positions of the backends that are given up, and the failure of entries that lie beside the documents: their
/// store is the documents' own, so the write fails instead.
fn judge(announced: Vec<Result<(), IndexError>>) -> (Vec<usize>, Option<Error>) {
    let mut lost = Vec::new();
    let mut failed = None;
    for (position, outcome) in announced.into_iter().enumerate() {
        match outcome {
            Ok(()) => {}
            Err(IndexError::Store(error)) => failed = Some(store_failure(error)),
            Err(_) => lost.push(position),
        }
    }
    (lost, failed)
}

/// Undoes what was done for a write that will never be put, or that finally lost (rule S15).
pub(crate) async fn undo(engine: &Engine, collection: &Collection, secured: &Secured) {
    let released = secured
        .taken
        .iter()
        .filter(|claim| !claim.was_ours)
        .map(|claim| release(engine, claim));
    let withdrawn = secured
        .plan
        .backends
        .iter()
        .map(|backend| withdraw(collection, &secured.plan, backend));
    join(join_all(released), join_all(withdrawn)).await;
}

pub(crate) async fn release(engine: &Engine, claim: &TakenClaim) {
    let machine = ReleaseMachine::new(claim.clone(), engine.nonce());
    // Losing is fine: an ineffective claim is stolen when somebody wants it.
    engine.drive(machine).await;
}

async fn withdraw(collection: &Collection, plan: &Plan, backend: &BackendPlan) {
    if backend.is_unchanged() {
        return;
    }
    let commit = Commit {
        id: plan.change.id.clone(),
        rev: plan
            .change
            .base
            .as_ref()
            .map_or(0, |base| base.envelope().rev),
        write: Some(plan.change.envelope.write),
        outcome: Outcome::Abort,
        entries: Vec::new(),
        dropped: backend.added.clone(),
        placed: backend.placed.clone(),
        e_tag: None,
    };
    trace::told_an_index(&*backend.backend);
    if let Err(error) = backend.backend.commit(&backend.collection, &commit).await {
        tracing::debug!(collection = collection.name(), %error, "an announcement stays until a query finds it stale");
    }
}
