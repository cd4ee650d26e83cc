//! How a program joins a collection: it makes the catalog, adds its definitions, and checks that the rest fits.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Collection, Engine,
    agreement::{self, Agreement, fetch, placed},
    engine::store_failure,
    floor,
};
use crate::{
    document::{IndexKind, IndexSpec},
    error::{Code, Error, Result},
    format::{
        Envelope, FORMAT_VERSION, Prefix,
        catalog::{Catalog, Entry, Placement, State},
        definition::Definition,
        envelope, path,
    },
    port::{Clock, IndexError, IndexStore, Rng},
    protocol::{PutMachine, PutOutcome, drive},
};

/// How often a catalog change is tried again after losing a race.
const ATTEMPTS: usize = 16;

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
    begin_backends(engine, collection, &mut catalog).await;
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

/// Prepares the primary backend. One that does not answer is `down` from the start: queries scan until it is rebuilt.
async fn begin_backends(engine: &Engine, collection: &Collection, catalog: &mut Catalog) {
    for backend in &engine.backends {
        let name = backend.name();
        let building: Vec<_> = catalog
            .definitions
            .iter()
            .filter_map(|(definition, entry)| {
                let placement = entry.backends.get(name)?;
                (placement.state == State::Building).then(|| placed(definition, entry, placement))
            })
            .collect();
        if building.is_empty() {
            continue;
        }
        match begin(engine, collection, backend, &building).await {
            Ok(instance) => {
                catalog.instances.insert(name.to_owned(), instance);
            }
            Err(error) => {
                tracing::warn!(collection = collection.name(), backend = name, %error, "the index backend is down");
                set_all_down(catalog, name);
            }
        }
    }
}

async fn begin(
    engine: &Engine,
    collection: &Collection,
    backend: &Arc<dyn IndexStore>,
    building: &[crate::port::index::Placed],
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
async fn put(
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

/// Checks that the program fits the catalog, and that every backend it names is there.
pub(crate) fn check(engine: &Engine, collection: &Collection, catalog: &Catalog) -> Result<()> {
    check_shape(collection, catalog)?;
    check_definitions(collection, catalog)?;
    check_backends(engine, collection, catalog)
}

/// Shards and the key kind are fixed when the collection is made.
fn check_shape(collection: &Collection, catalog: &Catalog) -> Result<()> {
    let spec = collection.spec;
    if (catalog.shards, catalog.key_kind.as_str()) == (spec.shards, spec.key_kind.name()) {
        return Ok(());
    }
    let text = format!(
        "the collection was made with {} shard(s) and {} keys, but `{}` has {} shard(s) and {} keys",
        catalog.shards,
        catalog.key_kind,
        spec.type_name,
        spec.shards,
        spec.key_kind.name()
    );
    Err(Error::new(Code::DRIFT, text).in_collection(collection.name()))
}

/// The same hash with another text is refused (rule S11).
fn check_definitions(collection: &Collection, catalog: &Catalog) -> Result<()> {
    for definition in &collection.definitions {
        if catalog
            .definitions
            .get(&definition.name)
            .is_some_and(|entry| entry.text != definition.text)
        {
            let text = format!(
                "the catalog has another definition of the name {}; rename the index",
                definition.name
            );
            return Err(Error::new(Code::DRIFT, text).in_collection(collection.name()));
        }
    }
    Ok(())
}

/// Writing without a backend that others rely on would leave its entries behind (rule S6).
fn check_backends(engine: &Engine, collection: &Collection, catalog: &Catalog) -> Result<()> {
    if engine.abandon_missing_backends || engine.check_writable().is_err() {
        return Ok(());
    }
    let relied_on = catalog.definitions.values().flat_map(|entry| {
        let maintained = |state| matches!(state, State::Building | State::Ready);
        entry
            .backends
            .iter()
            .filter(move |(_, placement)| maintained(placement.state))
            .map(|(name, _)| name)
    });
    for name in relied_on {
        if engine.backend(name).is_none() {
            let text = format!(
                "the collection's indexes are also kept in `{name}`, which this database was opened without; open it with \
                 `{name}`, or ask for `abandon_missing_backends`"
            );
            return Err(Error::new(Code::NO_SUCH_BACKEND, text).in_collection(collection.name()));
        }
    }
    Ok(())
}

/// The backends that the catalog relies on and nobody registered.
pub(crate) fn missing_backends(engine: &Engine, catalog: &Catalog) -> Vec<String> {
    let mut missing: Vec<String> = catalog
        .definitions
        .values()
        .flat_map(|entry| &entry.backends)
        .filter(|(name, placement)| {
            matches!(placement.state, State::Building | State::Ready)
                && engine.backend(name).is_none()
        })
        .map(|(name, _)| name.clone())
        .collect();
    missing.sort();
    missing.dedup();
    missing
}

fn new_entry(
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
    Envelope {
        put: rng.nonce(),
        format: FORMAT_VERSION,
        needs: Vec::new(),
        schema: 0,
        shape: Default::default(),
        state: envelope::State::Live,
        rev: 1,
        write: rng.nonce(),
        rewrite: false,
        prev: Vec::new(),
        created: Some(clock.now()),
        updated: Some(clock.now()),
        catalog: 0,
        index: BTreeMap::new(),
        unique: BTreeMap::new(),
        intent: None,
    }
}

fn vanished(collection: &Collection) -> Error {
    Error::new(Code::CORRUPT, "the catalog is gone").in_collection(collection.name())
}
