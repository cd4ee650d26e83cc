//! How the definitions of a program that the catalog lacks come into it.

use std::{collections::BTreeMap, sync::Arc};

use super::swap::change;
use crate::{
    document::{IndexKind, IndexSpec},
    error::Result,
    format::{
        catalog::{Catalog, Entry, Placement, State},
        definition::Definition,
    },
    operation::{Collection, Engine, agreement::Agreement},
    port::IndexStore,
};

/// Adds the program's definitions that the catalog lacks as `pending`: nobody maintains them until `rebuild_indexes` is
/// called (rule S10). Even where the collection is empty, since other writers may hold a copy without them.
pub(crate) async fn register(
    engine: &Engine,
    collection: &Collection,
    copy: Agreement,
) -> Result<Agreement> {
    let is_missing = |catalog: &Catalog, definition: &Definition| {
        !catalog.definitions.contains_key(&definition.name)
    };
    let any_is_missing = |catalog: &Catalog| {
        collection
            .definitions
            .iter()
            .any(|definition| is_missing(catalog, definition))
    };
    if !any_is_missing(&copy.catalog) || engine.check_writable().is_err() {
        return Ok(copy);
    }
    change(engine, collection, Some(copy), |catalog| {
        let changes = any_is_missing(catalog);
        for (ordinal, definition) in collection.definitions.iter().enumerate() {
            if is_missing(catalog, definition) {
                let entry = new_entry(
                    engine,
                    catalog,
                    &collection.spec.indexes[ordinal],
                    definition,
                    State::Pending,
                );
                catalog.definitions.insert(definition.name.clone(), entry);
            }
        }
        changes
    })
    .await
}

pub(super) fn new_entry(
    engine: &Engine,
    catalog: &mut Catalog,
    index: &IndexSpec,
    definition: &Definition,
    state: State,
) -> Entry {
    let number = catalog.next_number;
    catalog.next_number += 1;
    let place = |backend: &Arc<dyn IndexStore>| {
        (
            backend.name().to_owned(),
            Placement {
                state,
                generation: 1,
                unknown: BTreeMap::new(),
            },
        )
    };
    let is_unique = index.kind == IndexKind::Unique;
    Entry {
        number,
        kind: index.kind,
        text: definition.text.clone(),
        since: catalog.envelope.rev + 1,
        state: is_unique.then_some(state),
        backends: if is_unique {
            BTreeMap::new()
        } else {
            engine.backends.first().map(place).into_iter().collect()
        },
        unknown: BTreeMap::new(),
    }
}
