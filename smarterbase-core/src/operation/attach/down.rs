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

/// Marks one definition `down` on a backend: a new generation (rule S5). Whether that changed anything.
fn set_down(entry: &mut Entry, backend: &str) -> bool {
    match entry.backends.get_mut(backend) {
        Some(placement) if placement.state.is_maintained() => {
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
    let mut is_changed = false;
    let changed = change(engine, collection, None, |catalog| {
        is_changed = set_observed_down(catalog, backend, &observed.catalog);
        is_changed
    });
    let changed = Arc::new(changed.await?);
    if is_changed {
        tracing::warn!(
            collection = collection.name(),
            backend,
            "the index backend is marked down; queries scan until it is rebuilt"
        );
    }
    collection.hold(engine.clock.elapsed() + agreement::HOLD);
    agreement::adopt(engine, collection, &changed);
    engine.notice_outage();
    Ok(changed)
}

/// Marks the definitions `down` whose generation on a backend is still the observed one.
fn set_observed_down(catalog: &mut Catalog, backend: &str, observed: &Catalog) -> bool {
    let mut is_changed = false;
    for (name, entry) in &mut catalog.definitions {
        let seen = observed.definitions.get(name);
        let is_as_seen =
            generation(entry, backend) == seen.and_then(|seen| generation(seen, backend));
        is_changed |= is_as_seen && set_down(entry, backend);
    }
    is_changed
}

fn generation(entry: &Entry, backend: &str) -> Option<u64> {
    let placement = entry.backends.get(backend)?;
    Some(placement.generation)
}

/// Marks `down` every index definition that this program does not know, before it writes (an older program).
pub(crate) async fn down_unknown_indexes(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    copy: Arc<Agreement>,
) -> Result<Arc<Agreement>> {
    if !keeps_unknown_indexes(collection, &copy.catalog) {
        return Ok(copy);
    }
    let changed = change(engine, collection, None, |catalog| {
        set_unknown_down(collection, catalog)
    });
    let changed = Arc::new(changed.await?);
    agreement::adopt(engine, collection, &changed);
    Ok(changed)
}

/// Whether an index is kept up that this program does not know.
fn keeps_unknown_indexes(collection: &Collection, catalog: &Catalog) -> bool {
    let mut definitions = catalog.definitions.iter();
    definitions.any(|(name, entry)| {
        let mut placements = entry.backends.values();
        !knows(collection, name) && placements.any(|placement| placement.state.is_maintained())
    })
}

fn set_unknown_down(collection: &Collection, catalog: &mut Catalog) -> bool {
    let definitions = catalog.definitions.iter_mut();
    let unknown = definitions.filter(|(name, _)| !knows(collection, name));
    unknown.fold(false, |any, (_, entry)| any | set_down_everywhere(entry))
}

/// Marks one definition `down` on every backend. Whether that changed anything.
fn set_down_everywhere(entry: &mut Entry) -> bool {
    let backends: Vec<String> = entry.backends.keys().cloned().collect();
    let downs = backends.iter().map(|backend| set_down(entry, backend));
    downs.fold(false, |any, down| any | down)
}

fn knows(collection: &Collection, name: &str) -> bool {
    let mut definitions = collection.definitions.iter();
    definitions.any(|definition| definition.name == name)
}
