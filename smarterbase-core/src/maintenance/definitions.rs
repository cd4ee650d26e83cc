//! What a collection's catalog says of its definitions, and taking one out of use (rule S10).

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    document::IndexKind,
    error::{Code, Error, Result},
    format::catalog::{Catalog, Entry, State},
    operation::{
        Collection, Engine,
        agreement::{self, Agreement, HOLD},
        attach,
    },
};

/// One definition as the catalog has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DefinitionStatus {
    /// `<name>-<hash>`, for example `plan-1f0c9a2b`.
    pub name: String,
    /// Whether values are claimed or only indexed.
    pub kind: IndexKind,
    /// Whether this program declares it.
    pub is_declared: bool,
    /// The state of a unique definition; of an index, see [`backends`](Self::backends).
    pub state: Option<&'static str>,
    /// Per backend (`objects`, `redis`): `pending`, `building`, `ready`, `down` or `retired`.
    pub backends: BTreeMap<String, &'static str>,
}

/// Every definition of the collection, by name. Reads the catalog once.
pub(crate) async fn list(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
) -> Result<Vec<DefinitionStatus>> {
    let agreement = agreement::renew(engine, collection).await?;
    let Agreement { catalog, .. } = &*agreement;
    let status = |(name, entry): (&String, &Entry)| DefinitionStatus {
        name: name.clone(),
        kind: entry.kind,
        is_declared: is_declared(collection, name),
        state: entry.state.map(State::name),
        backends: entry
            .backends
            .iter()
            .map(|(backend, placement)| (backend.clone(), placement.state.name()))
            .collect(),
    };
    Ok(catalog.definitions.iter().map(status).collect())
}

/// Takes a definition out of use. Gives whether it was in use.
pub(crate) async fn retire(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    name: &str,
) -> Result<bool> {
    engine.check_writable()?;
    if is_declared(collection, name) {
        let text = format!("this program still declares {name}; remove it from the type first");
        return Err(Error::new(Code::DEFINITION, text).in_collection(collection.name()));
    }
    let agreement = agreement::renew(engine, collection).await?;
    agreement::check_states(collection, &agreement.catalog)?;
    // First nobody may read by it, then nobody keeps it up: in between every copy of the catalog is renewed (rule S3).
    let was_in_use = set_all(engine, collection, name, State::Down).await?;
    if was_in_use {
        engine.clock.sleep(HOLD).await;
    }
    set_all(engine, collection, name, State::Retired).await?;
    Ok(was_in_use)
}

async fn set_all(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    name: &str,
    state: State,
) -> Result<bool> {
    let mut changes = false;
    let changed = attach::change(engine, collection, None, |catalog| {
        changes = set(catalog, name, state);
        changes
    })
    .await?;
    agreement::adopt(engine, collection, &Arc::new(changed));
    Ok(changes)
}

fn is_declared(collection: &Collection, name: &str) -> bool {
    let mut declared = collection.definitions.iter();
    declared.any(|definition| definition.name == name)
}

/// Sets a definition `Down` or `Retired` everywhere, where it is not retired yet.
fn set(catalog: &mut Catalog, name: &str, state: State) -> bool {
    let entry = catalog.definitions.get_mut(name);
    let Some(entry) = entry.filter(|entry| !agreement::has_unknown_state(entry)) else {
        return false;
    };
    let mut changes = false;
    if entry
        .state
        .is_some_and(|now| now != State::Retired && now != state)
    {
        entry.state = Some(state);
        changes = true;
    }
    for placement in entry.backends.values_mut() {
        if placement.state != State::Retired && placement.state != state {
            placement.state = state;
            placement.generation += 1;
            changes = true;
        }
    }
    changes
}
