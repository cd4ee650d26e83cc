//! How the catalog of a new collection is made. Its definitions become ready at once only when nothing was written yet (rule S8).

use std::{collections::BTreeMap, sync::Arc};

use super::{
    definitions::new_entry,
    down::set_all_down,
    swap::{change, put, vanished},
};
use crate::{
    error::Result,
    format::{
        Envelope, Prefix,
        catalog::{Catalog, Entry, Placement, State},
    },
    operation::{
        Collection, Engine,
        agreement::{Agreement, fetch, placed},
        engine::store_failure,
        floor,
    },
    port::{Clock, IndexError, IndexStore, Rng, index::Placed},
};

/// Makes the catalog of a new collection. Definitions start `building`, and are `ready` at once only when a LIST made
/// after the creation finds nothing (rule S8).
pub(crate) async fn create_catalog(
    engine: &Arc<Engine>,
    collection: &Collection,
) -> Result<Agreement> {
    let mut catalog = empty_catalog(engine, collection);
    for (ordinal, definition) in collection.definitions.iter().enumerate() {
        let entry = new_entry(
            engine,
            &mut catalog,
            &collection.spec.indexes[ordinal],
            definition,
            State::Building,
        );
        let since = FIRST;
        catalog
            .definitions
            .insert(definition.name.clone(), Entry { since, ..entry });
    }
    begin_primary(engine, collection, &mut catalog).await;
    let created = put(engine, collection, None, catalog).await?;
    let Some(created) = created else {
        return fetch(engine, collection)
            .await?
            .ok_or_else(|| vanished(collection));
    };
    finish_creation(engine, collection, created).await
}

/// The revision of a catalog that was just made.
const FIRST: u64 = 1;

/// Definitions that were there from the first revision on become `ready` when nothing was written yet. Whoever loads the
/// catalog does it, since its maker may have died.
pub(crate) async fn finish_creation(
    engine: &Engine,
    collection: &Collection,
    copy: Agreement,
) -> Result<Agreement> {
    let is_unfinished = |catalog: &Catalog| catalog.definitions.values().any(is_new);
    if !is_unfinished(&copy.catalog)
        || engine.check_writable().is_err()
        || !is_empty(engine, collection).await?
    {
        return Ok(copy);
    }
    change(engine, collection, Some(copy), |catalog| {
        let changes = is_unfinished(catalog);
        let new = catalog
            .definitions
            .values_mut()
            .filter(|entry| is_new(entry));
        new.for_each(promote);
        changes
    })
    .await
}

/// Whether every writer that ever was has maintained the definition: it is `building` since the catalog was made.
fn is_new(entry: &Entry) -> bool {
    let is_first =
        |placement: &Placement| placement.state == State::Building && placement.generation == 1;
    entry.since == FIRST
        && (entry.state == Some(State::Building) || entry.backends.values().any(is_first))
}

/// `building` becomes `ready`: nothing was there before the definition was.
fn promote(entry: &mut Entry) {
    if entry.state == Some(State::Building) {
        entry.state = Some(State::Ready);
    }
    for placement in entry
        .backends
        .values_mut()
        .filter(|placement| placement.state == State::Building && placement.generation == 1)
    {
        placement.state = State::Ready;
    }
}

/// Prepares the primary backend. One that does not answer is `down` from the start: queries scan until it is rebuilt.
async fn begin_primary(engine: &Engine, collection: &Collection, catalog: &mut Catalog) {
    let Some(primary) = engine.backends.first() else {
        return;
    };
    let name = primary.name();
    let building = building_on(catalog, name);
    if building.is_empty() {
        return;
    }
    match begin(engine, collection, primary, &building).await {
        Ok(instance) => drop(catalog.instances.insert(name.to_owned(), instance)),
        Err(error) => {
            tracing::warn!(collection = collection.name(), backend = name, %error, "the index backend is down");
            set_all_down(catalog, name);
        }
    }
}

fn building_on(catalog: &Catalog, backend: &str) -> Vec<Placed> {
    let definitions = catalog.definitions.iter();
    let building = definitions.filter_map(|(definition, entry)| {
        let placement = entry.backends.get(backend)?;
        (placement.state == State::Building).then(|| placed(definition, entry, placement))
    });
    building.collect()
}

async fn begin(
    engine: &Engine,
    collection: &Collection,
    backend: &Arc<dyn IndexStore>,
    building: &[Placed],
) -> Result<String, IndexError> {
    // Nothing is replaced: processes that make the catalog at the same time agree on one instance.
    backend
        .begin(
            &collection.on(engine.database.id, ""),
            building,
            engine.nonce(),
            None,
        )
        .await
}

/// Whether the collection's folder holds no object at all.
async fn is_empty(engine: &Engine, collection: &Collection) -> Result<bool> {
    let prefix = Prefix::new(format!("{}/", collection.name()));
    let page = engine
        .store
        .list(&prefix, None, 1)
        .await
        .map_err(store_failure)?;
    Ok(page.objects.is_empty())
}

fn empty_catalog(engine: &Engine, collection: &Collection) -> Catalog {
    let (writable_from, embedded_from) = floor::first(collection.spec);
    Catalog {
        envelope: first_envelope(&*engine.rng, &*engine.clock),
        collection: collection.name().to_owned(),
        shards: collection.spec.shards,
        key_kind: collection.spec.key_kind.name().to_owned(),
        writable_from,
        embedded_from,
        instances: [(
            crate::index::ObjectIndex::NAME.to_owned(),
            crate::index::ObjectIndex::NAME.to_owned(),
        )]
        .into(),
        next_number: 1,
        builder: None,
        definitions: BTreeMap::new(),
        unknown: BTreeMap::new(),
    }
}

/// What a reader sees of a collection that nobody wrote to yet.
pub(crate) fn unborn(engine: &Engine, collection: &Collection) -> Agreement {
    let catalog = empty_catalog(engine, collection);
    Agreement {
        catalog,
        version: crate::document::Version::default(),
        read_at: engine.clock.elapsed(),
    }
}

/// The envelope of the first version of an object that is no document.
pub(crate) fn first_envelope(rng: &dyn Rng, clock: &dyn Clock) -> Envelope {
    let put = rng.nonce();
    Envelope {
        write: rng.nonce(),
        created: Some(clock.now()),
        updated: Some(clock.now()),
        ..Envelope::first(put)
    }
}
