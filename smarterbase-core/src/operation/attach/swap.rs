//! How the catalog is changed: by compare-and-swap, again after every lost race.

use crate::{
    error::{Code, Error, Result},
    format::{catalog::Catalog, envelope, path},
    operation::{
        Collection, Engine,
        agreement::{Agreement, fetch},
        engine::store_failure,
    },
    protocol::{PutMachine, PutOutcome, drive},
};

/// How often a catalog change is tried again after losing a race.
const ATTEMPTS: usize = 16;

/// Changes the catalog by compare-and-swap, again after every lost race. `edit` says whether there is anything to change.
pub(crate) async fn change(
    engine: &Engine,
    collection: &Collection,
    start: Option<Agreement>,
    mut edit: impl FnMut(&mut Catalog) -> bool,
) -> Result<Agreement> {
    let mut current = start;
    for _ in 0..ATTEMPTS {
        let base = match current.take() {
            Some(base) => base,
            None => fetch(engine, collection)
                .await?
                .ok_or_else(|| vanished(collection))?,
        };
        let mut next = base.catalog.clone();
        if !edit(&mut next) {
            return Ok(base);
        }
        if let Some(changed) = put(engine, collection, Some(base), next).await? {
            return Ok(changed);
        }
    }
    Err(Error::new(Code::CONTENTION, "the catalog keeps changing").in_collection(collection.name()))
}

/// One compare-and-swap of the catalog; `None` when the race was lost.
pub(super) async fn put(
    engine: &Engine,
    collection: &Collection,
    base: Option<Agreement>,
    mut next: Catalog,
) -> Result<Option<Agreement>> {
    let read_at = engine.clock.elapsed();
    next.envelope.put = engine.nonce();
    next.envelope.write = engine.nonce();
    next.envelope.updated = Some(engine.now());
    if let Some(base) = &base {
        next.envelope.rev = base.catalog.envelope.rev + 1;
        next.envelope.prev = base.catalog.envelope.lineage();
    }
    let bytes = next.seal();
    let body = envelope::open(&bytes)?.body;
    let base = base.map(|base| (base.version, base.catalog.envelope));
    let machine = PutMachine::new(
        path::catalog(collection.name()),
        base,
        next.envelope.clone(),
        &body,
    );
    let outcome = drive(
        &*engine.store,
        &*engine.clock,
        &*engine.rng,
        engine.deadline(),
        machine,
    )
    .await;
    match outcome {
        PutOutcome::Applied(Some(version)) => Ok(Some(Agreement {
            catalog: next,
            version,
            read_at,
        })),
        PutOutcome::Applied(None) | PutOutcome::Lost(_) => Ok(None),
        PutOutcome::Refused(error) => Err(store_failure(error).in_collection(collection.name())),
        PutOutcome::Unknown(error) => {
            let text = "the catalog may or may not have been changed";
            Err(Error::new(Code::UNAVAILABLE, text)
                .with_source(error)
                .in_collection(collection.name()))
        }
    }
}

pub(super) fn vanished(collection: &Collection) -> Error {
    Error::new(Code::CORRUPT, "the catalog is gone").in_collection(collection.name())
}
