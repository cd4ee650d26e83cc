//! How indexes are taken out of use: what is lost, what nobody can reach, what this program does not know.

use std::sync::Arc;

use super::swap::change;
use crate::{
    error::Result,
    format::catalog::{Catalog, Entry, State},
    operation::{
        Collection, Engine,
        agreement::{self, Agreement},
    },
};

/// Marks every definition `down` on a backend.
pub(crate) fn set_all_down(catalog: &mut Catalog, backend: &str) {
    for entry in catalog.definitions.values_mut() {
        set_down(entry, backend);
    }
}

/// Marks one definition `down` on a backend: a new generation (rule S5).
fn set_down(entry: &mut Entry, backend: &str) -> bool {
    match entry.backends.get_mut(backend) {
        Some(placement) if matches!(placement.state, State::Building | State::Ready) => {
            placement.state = State::Down;
            placement.generation += 1;
            true
        }
        _ => false,
    }
}

/// Marks the definitions `down` that `observed` shows on a backend that lost entries or does not answer, and holds
/// replies (rule S3). What somebody rebuilt meanwhile has another generation and stays.
pub(crate) async fn mark_down(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    backend: &str,
    observed: &Agreement,
) -> Result<Arc<Agreement>> {
    tracing::warn!(
        collection = collection.name(),
        backend,
        "the index backend is marked down; queries scan until it is rebuilt"
    );
    let generation = |catalog: &Catalog, name: &str| {
        Some(
            catalog
                .definitions
                .get(name)?
                .backends
                .get(backend)?
                .generation,
        )
    };
    let changed = change(engine, collection, None, |catalog| {
        let seen: Vec<String> = catalog
            .definitions
            .keys()
            .filter(|name| generation(catalog, name) == generation(&observed.catalog, name))
            .cloned()
            .collect();
        let downs = seen
            .iter()
            .filter_map(|name| Some(set_down(catalog.definitions.get_mut(name)?, backend)));
        downs.fold(false, |any, down| any | down)
    })
    .await?;
    let changed = Arc::new(changed);
    collection.hold(engine.clock.elapsed() + agreement::HOLD);
    agreement::adopt(engine, collection, &changed);
    engine.notice_outage();
    Ok(changed)
}

/// Marks `down` every index definition that this program does not know, before it writes (an older program).
pub(crate) async fn down_unknown_indexes(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    copy: Arc<Agreement>,
) -> Result<Arc<Agreement>> {
    let is_unknown = |name: &String| {
        !collection
            .definitions
            .iter()
            .any(|definition| definition.name == *name)
    };
    let is_maintained = |entry: &Entry| {
        entry
            .backends
            .values()
            .any(|placement| matches!(placement.state, State::Building | State::Ready))
    };
    if !copy
        .catalog
        .definitions
        .iter()
        .any(|(name, entry)| is_unknown(name) && is_maintained(entry))
    {
        return Ok(copy);
    }
    let changed = change(engine, collection, None, |catalog| {
        let unknown = catalog
            .definitions
            .iter_mut()
            .filter(|(name, _)| is_unknown(name));
        let mut any = false;
        for (_, entry) in unknown {
            let backends: Vec<String> = entry.backends.keys().cloned().collect();
            any |= backends
                .iter()
                .fold(false, |any, backend| any | set_down(entry, backend));
        }
        any
    })
    .await?;
    let changed = Arc::new(changed);
    agreement::adopt(engine, collection, &changed);
    Ok(changed)
}
