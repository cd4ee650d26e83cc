//! Building indexes and unique definitions online: `building`, wait, list, restore, `ready` (rules S1, S5, S8, S10).

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    document::{Document, IndexKind, Stored},
    error::{Code, Error, Result},
    format::{
        catalog::{Catalog, Placement, State},
        entry::Tag,
        path::EncodedId,
    },
    operation::{
        Collection, Engine, View,
        agreement::{self, Agreement, MAX_AGE, Site},
        attach, floor,
        read::{self, Fetched},
        rewrite,
        verb::contention,
        write::{Verdict, write_now},
    },
    port::index::{Commit, IndexEntry, Outcome},
    query::id_walk::IdWalk,
};

/// What a rebuild did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// The definitions that became ready, `plan-1f0c9a2b`. Empty when nothing was to be built, and also when a loss or
    /// another rebuild took the generation meanwhile: `Db::definitions` tells which; then rebuild again.
    pub built: Vec<String>,
    /// How many documents were read.
    pub documents: u64,
}

/// Builds everything of the collection that is not ready.
pub(crate) async fn rebuild<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
) -> Result<RebuildReport> {
    engine.check_writable()?;
    // The catalog must know this program's definitions, also when the rebuild is the first thing that it does.
    agreement::renew(engine, collection).await?;
    let build = begin(engine, collection).await?;
    if build.is_empty() {
        return waiting(collection, &build).map_or_else(|| Ok(RebuildReport::default()), Err);
    }
    // Every writer has a copy that says `building` now, and what it sent before has landed or never will.
    engine
        .clock
        .sleep(MAX_AGE + engine.database.in_flight_bound)
        .await;
    let documents = restore::<T>(engine, collection, &build).await?;
    let built = finish(engine, collection, &build).await?;
    waiting(collection, &build).map_or(Ok(RebuildReport { built, documents }), Err)
}

/// A new definition over values that a step makes is not begun while programs of an older version may write: they neither
/// maintain it nor make its values. The rest has been built.
fn waiting(collection: &Collection, build: &Build) -> Option<Error> {
    let catalog = &build.agreement.catalog;
    let (name, reason) = (0..collection.definitions.len())
        .find_map(|ordinal| waits_for(collection, catalog, ordinal))?;
    let text = format!(
        "{name} is over {reason}; call `migrate().raise_floor()` once the newer program runs everywhere, then rebuild"
    );
    Some(Error::new(Code::DEFINITION, text).in_collection(collection.name()))
}

/// The name of a definition that was never built, and what must be above the floor first; `None` when nothing is in its way.
fn waits_for<'a>(
    collection: &'a Collection,
    catalog: &Catalog,
    ordinal: usize,
) -> Option<(&'a str, String)> {
    let name = &collection.definitions[ordinal].name;
    let entry = catalog.definitions.get(name)?;
    let is_pending = |placement: &Placement| placement.state == State::Pending;
    let is_new = match entry.kind {
        IndexKind::Unique => entry.state == Some(State::Pending),
        IndexKind::Index => entry.backends.values().all(is_pending),
    };
    let reason = floor::in_the_way(collection, catalog, ordinal).filter(|_| is_new)?;
    Some((name, reason))
}

/// What this run builds: definitions with the generation that they were set `building` at.
struct Build {
    /// Definition and backend name to generation.
    indexes: BTreeMap<(String, String), u64>,
    unique: Vec<String>,
    agreement: Arc<Agreement>,
}

impl Build {
    fn is_empty(&self) -> bool {
        self.indexes.is_empty() && self.unique.is_empty()
    }
}

/// Sets what is not ready to `building` under a new generation.
async fn begin(engine: &Arc<Engine>, collection: &Arc<Collection>) -> Result<Build> {
    let agreement = agreement::current(engine, collection).await?;
    attach::down_unknown_indexes(engine, collection, agreement).await?;
    let instances = begin_backends(engine, collection).await?;
    expect_generations(engine, collection, &instances).await?;
    let changed = attach::change(engine, collection, None, |catalog| {
        let mut changes = false;
        for (backend, instance) in &instances {
            let before = catalog.instances.insert(backend.clone(), instance.clone());
            if before.as_ref() != Some(instance) {
                // Nobody may have met the loss yet: what is called ready here was filled in another instance.
                attach::set_all_down(catalog, backend);
                changes = true;
            }
        }
        for ordinal in 0..collection.definitions.len() {
            changes |= set_building(engine, collection, catalog, ordinal);
        }
        changes
    })
    .await?;
    let agreement = Arc::new(changed);
    agreement::adopt(engine, collection, &agreement);
    let build = under_way(engine, collection, agreement);
    mark_generations(engine, collection, &build).await?;
    Ok(build)
}

/// A backend whose instance is gone begins anew; one that is there stays as it is.
async fn begin_backends(
    engine: &Engine,
    collection: &Collection,
) -> Result<BTreeMap<String, String>> {
    let current = agreement::fetch(engine, collection)
        .await?
        .ok_or_else(|| unborn(collection))?;
    let mut instances = BTreeMap::new();
    let Some(primary) = engine.backends.first() else {
        return Ok(instances);
    };
    let named = current.catalog.instances.get(primary.name());
    let seen = collection.on(engine.database.id, named.map_or("", String::as_str));
    let alive = primary
        .instance(&seen)
        .await
        .map_err(|error| unavailable(collection, error))?;
    let keeps = is_ready_anywhere(&current.catalog, primary.name());
    let instance = match alive {
        // Something in it is whole, or somebody else has just begun.
        Some(instance) if keeps || Some(&instance) != named => instance,
        // Lost, damaged, or never begun: whoever begins first names the new instance.
        alive => primary
            .begin(
                &seen,
                &[],
                engine.nonce(),
                alive.as_deref().or(named.map(String::as_str)),
            )
            .await
            .map_err(|error| unavailable(collection, error))?,
    };
    instances.insert(primary.name().to_owned(), instance);
    Ok(instances)
}

fn is_ready_anywhere(catalog: &Catalog, backend: &str) -> bool {
    let mut placements = catalog
        .definitions
        .values()
        .filter_map(|entry| entry.backends.get(backend));
    placements.any(|placement| placement.state == State::Ready)
}

fn set_building(
    engine: &Engine,
    collection: &Collection,
    catalog: &mut Catalog,
    ordinal: usize,
) -> bool {
    let revision = catalog.envelope.rev + 1;
    if waits_for(collection, catalog, ordinal).is_some() {
        return false;
    }
    let Some(entry) = catalog
        .definitions
        .get_mut(&collection.definitions[ordinal].name)
    else {
        return false;
    };
    match entry.kind {
        IndexKind::Unique if matches!(entry.state, Some(State::Pending | State::Down)) => {
            entry.state = Some(State::Building);
            entry.since = revision;
            true
        }
        IndexKind::Unique => false,
        IndexKind::Index => {
            let Some(primary) = engine.backends.first() else {
                return false;
            };
            let fresh = Placement {
                state: State::Pending,
                generation: 0,
                unknown: BTreeMap::new(),
            };
            let placement = entry
                .backends
                .entry(primary.name().to_owned())
                .or_insert(fresh);
            if placement.state == State::Ready || placement.state == State::Retired {
                return false;
            }
            placement.state = State::Building;
            placement.generation += 1;
            entry.since = revision;
            true
        }
    }
}

fn under_way(engine: &Engine, collection: &Collection, agreement: Arc<Agreement>) -> Build {
    let mut build = Build {
        indexes: BTreeMap::new(),
        unique: Vec::new(),
        agreement: agreement.clone(),
    };
    for (ordinal, definition) in collection.definitions.iter().enumerate() {
        for site in agreement.maintained(engine, collection, ordinal) {
            if site.state == State::Building {
                build.indexes.insert(
                    (definition.name.clone(), site.backend.name().to_owned()),
                    site.placed.generation,
                );
            }
        }
        if agreement
            .entry(collection, ordinal)
            .is_some_and(|entry| entry.state == Some(State::Building))
        {
            build.unique.push(definition.name.clone());
        }
    }
    build
}

/// The generations that are about to be published are made first: a write that meets them at once must not take them for
/// lost. Where somebody else publishes meanwhile, [`mark_generations`] makes the rest.
async fn expect_generations(
    engine: &Engine,
    collection: &Collection,
    instances: &BTreeMap<String, String>,
) -> Result<()> {
    let Some((primary, instance)) = engine
        .backends
        .first()
        .and_then(|primary| Some((primary, instances.get(primary.name())?)))
    else {
        return Ok(());
    };
    let current = agreement::fetch(engine, collection)
        .await?
        .ok_or_else(|| unborn(collection))?;
    let mut next = current.catalog;
    if next.instances.get(primary.name()) != Some(instance) {
        attach::set_all_down(&mut next, primary.name());
    }
    let mut placed = Vec::new();
    for (ordinal, definition) in collection.definitions.iter().enumerate() {
        let is_built = set_building(engine, collection, &mut next, ordinal);
        let entry = next.definitions.get(&definition.name).filter(|_| is_built);
        let placement = entry.and_then(|entry| Some((entry, entry.backends.get(primary.name())?)));
        placed.extend(placement.map(|(entry, at)| agreement::placed(&definition.name, entry, at)));
    }
    primary
        .extend(&collection.on(engine.database.id, instance), &placed)
        .await
        .map_err(|error| unavailable(collection, error))
}

/// The backend learns the generations that will be filled.
async fn mark_generations(engine: &Engine, collection: &Collection, build: &Build) -> Result<()> {
    let Some(primary) = engine.backends.first() else {
        return Ok(());
    };
    let sites = (0..collection.definitions.len())
        .flat_map(|ordinal| build.agreement.maintained(engine, collection, ordinal));
    // Only what is built: a sentinel in an index that is ready would hide that it was lost.
    let of_primary: Vec<Site> = sites
        .filter(|site| site.backend.name() == primary.name() && site.state == State::Building)
        .collect();
    let Some(first) = of_primary.first() else {
        return Ok(());
    };
    let placed: Vec<_> = of_primary.iter().map(|site| site.placed.clone()).collect();
    primary
        .extend(&first.collection, &placed)
        .await
        .map_err(|error| unavailable(collection, error))
}

/// Reads every document and restores its entries and claims.
async fn restore<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    build: &Build,
) -> Result<u64> {
    let mut walk = IdWalk::new(&View::plain(engine.clone()), collection, None, usize::MAX);
    let mut documents = 0;
    let mut duplicates = Vec::new();
    loop {
        let ids = walk.next(engine.limits.concurrent_reads * 4).await?;
        if ids.is_empty() {
            break;
        }
        documents += ids.len() as u64;
        let restores = ids
            .into_iter()
            .map(|(id, _)| restore_one::<T>(engine, collection, build, id));
        let found: Vec<_> = stream::iter(restores)
            .buffered(engine.limits.concurrent_reads)
            .try_collect()
            .await?;
        duplicates.extend(found.into_iter().flatten());
    }
    if duplicates.is_empty() {
        Ok(documents)
    } else {
        Err(name_duplicates(collection, &duplicates))
    }
}

/// A duplicate: the definition's field, the document, and the one that holds the value.
struct Duplicate {
    field: String,
    id: EncodedId,
    holder: String,
}

async fn restore_one<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    build: &Build,
    id: EncodedId,
) -> Result<Option<Duplicate>> {
    for _ in 0..engine.limits.update_attempts {
        let Some(fetched) =
            read::fetch_to_replace(&View::plain(engine.clone()), collection, &id).await?
        else {
            return Ok(None);
        };
        if !fetched.is_live() {
            return Ok(None);
        }
        let document = read::decode::<T>(collection, &id, fetched.clone())?;
        restore_entries(engine, collection, build, &id, &fetched, &*document).await?;
        let is_claimed =
            |definition: &String| is_claimed(collection, definition, &fetched, &*document);
        if build.unique.iter().all(is_claimed) {
            return Ok(None);
        }
        match claim_by_rewrite(engine, collection, &id, &fetched, document).await? {
            Rewritten::Claimed => return Ok(None),
            Rewritten::Refused(duplicate) => return Ok(Some(duplicate)),
            // Another writer took the claims itself, or a document with the same value fenced this one: look again.
            Rewritten::Lost => {}
        }
    }
    Err(contention(collection, &id, engine.limits.update_attempts))
}

async fn restore_entries<T: Document>(
    engine: &Engine,
    collection: &Collection,
    build: &Build,
    id: &EncodedId,
    fetched: &Fetched,
    document: &T,
) -> Result<()> {
    let values = read::index_entries(collection, document)?;
    let mut commits: BTreeMap<String, (Site, Commit)> = BTreeMap::new();
    for (ordinal, values) in values.values.iter().enumerate() {
        for site in build.agreement.maintained(engine, collection, ordinal) {
            let name = site.backend.name().to_owned();
            if !build.indexes.keys().any(|(_, backend)| *backend == name) {
                continue;
            }
            let is_built = build
                .indexes
                .contains_key(&(collection.definitions[ordinal].name.clone(), name.clone()));
            let (_, commit) = commits
                .entry(name)
                .or_insert_with(|| (site.clone(), empty_restore(id, fetched)));
            commit.placed.push(site.placed.clone());
            let is_listed = fetched
                .envelope()
                .index
                .get(&collection.definitions[ordinal].name)
                .map(Vec::len)
                == Some(values.len());
            if site.backend.uses_tags() && (!is_built || is_listed) {
                continue; // An object entry that the document lists is there (rule S7).
            }
            commit.entries.extend(values.iter().map(|value| {
                IndexEntry {
                    placed: site.placed.clone(),
                    value: value.clone(),
                    // Named after the version that was read: a later version of the document lists tags of its own.
                    tag: site
                        .backend
                        .uses_tags()
                        .then(|| Tag::new(fetched.envelope().rev, fetched.envelope().write, value)),
                }
            }));
        }
    }
    for (site, commit) in commits.into_values() {
        let restored = site.backend.commit(&site.collection, &commit).await;
        restored.map_err(|error| unavailable(collection, error))?;
    }
    Ok(())
}

fn empty_restore(id: &EncodedId, fetched: &Fetched) -> Commit {
    Commit {
        id: id.clone(),
        rev: fetched.envelope().rev,
        write: None,
        outcome: Outcome::Restore,
        entries: Vec::new(),
        dropped: Vec::new(),
        placed: Vec::new(),
        e_tag: fetched.settled.version.e_tag.clone(),
    }
}

/// Whether the document needs no claim of the definition, or lists it.
fn is_claimed<T: Document>(
    collection: &Collection,
    definition: &str,
    fetched: &Fetched,
    document: &T,
) -> bool {
    let ordinal = collection
        .definitions
        .iter()
        .position(|known| known.name == *definition);
    let values = read::index_entries(collection, document).ok();
    let needs = ordinal
        .zip(values)
        .is_some_and(|(ordinal, values)| !values.values[ordinal].is_empty());
    !needs || fetched.envelope().unique.contains_key(definition)
}

/// What became of a rewrite.
enum Rewritten {
    Claimed,
    Lost,
    Refused(Duplicate),
}

/// Writes the document again, unchanged and flagged as a rewrite (rule S21), so that it takes its claims.
async fn claim_by_rewrite<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    id: &EncodedId,
    fetched: &Fetched,
    document: Stored<T>,
) -> Result<Rewritten> {
    let change = rewrite::again(engine, collection, id, fetched, &*document)?;
    match write_now(engine, collection, change).await {
        Ok(Verdict::Written(_)) => Ok(Rewritten::Claimed),
        Ok(Verdict::Lost(_)) => Ok(Rewritten::Lost),
        Err(error) if error.kind() == crate::ErrorKind::Unique => {
            Ok(Rewritten::Refused(Duplicate {
                field: error.field().unwrap_or_default().to_owned(),
                id: id.clone(),
                holder: error.holder().unwrap_or_default().to_owned(),
            }))
        }
        Err(error) => Err(error),
    }
}

/// `building` becomes `ready`, over the generation that was built.
async fn finish(engine: &Engine, collection: &Collection, build: &Build) -> Result<Vec<String>> {
    let mut built = Vec::new();
    let changed = attach::change(engine, collection, None, |catalog| {
        built.clear();
        for ((definition, backend), generation) in &build.indexes {
            let entry = catalog.definitions.get_mut(definition);
            let placement = entry.and_then(|entry| entry.backends.get_mut(backend));
            if let Some(placement) = placement.filter(|placement| is_built(placement, *generation))
            {
                placement.state = State::Ready;
                built.push(definition.clone());
            }
        }
        for definition in &build.unique {
            let entry = catalog
                .definitions
                .get_mut(definition)
                .filter(|entry| entry.state == Some(State::Building));
            if let Some(entry) = entry {
                entry.state = Some(State::Ready);
                built.push(definition.clone());
            }
        }
        !built.is_empty()
    })
    .await?;
    agreement::adopt(engine, collection, &Arc::new(changed));
    Ok(built)
}

fn is_built(placement: &Placement, generation: u64) -> bool {
    placement.state == State::Building && placement.generation == generation
}

fn name_duplicates(collection: &Collection, duplicates: &[Duplicate]) -> Error {
    const SHOWN: usize = 10;
    let shown = duplicates.iter().take(SHOWN).map(|duplicate| {
        format!(
            "{} has the \"{}\" of {}",
            duplicate.id, duplicate.field, duplicate.holder
        )
    });
    let list = shown.collect::<Vec<_>>().join("; ");
    let more = duplicates.len().saturating_sub(SHOWN);
    let text = format!(
        "{} document(s) hold a unique value that another one holds: {list} ({more} more)",
        duplicates.len()
    );
    Error::new(Code::UNIQUE, text).in_collection(collection.name())
}

fn unavailable(collection: &Collection, error: crate::port::IndexError) -> Error {
    Error::new(Code::UNAVAILABLE, "the index backend does not answer")
        .with_source(error)
        .in_collection(collection.name())
}

fn unborn(collection: &Collection) -> Error {
    Error::new(Code::NOT_FOUND, "the collection does not exist yet")
        .in_collection(collection.name())
}
