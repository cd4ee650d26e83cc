//! Building indexes and unique definitions online: `building`, wait, list, restore, `ready` (rules S1, S5, S8, S10).

mod restore;
mod run;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub(crate) use self::run::{SILENCE, carry_out, release};
use crate::{
    document::IndexKind,
    error::{Code, Error, Result},
    format::{
        Nonce,
        catalog::{Builder, Catalog, Entry, Placement, State},
    },
    operation::{
        Collection, Engine,
        agreement::{self, Agreement, Site},
        attach, floor,
    },
    port::{IndexError, IndexStore, index::IndexedCollection},
};

/// What a rebuild did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// The definitions that became ready, `plan-1f0c9a2b`. Empty when nothing was to be built, and also when a loss or
    /// another rebuild took the generation meanwhile: `Db::definitions` tells which; then rebuild again.
    pub built: Vec<String>,
    /// How many documents were read. One that is in the store as an index in Redis knows it needs no reading.
    pub documents: u64,
}

/// What a run is to build.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// Everything that is not ready, and all of it anew: somebody asked for it.
    Everything,
    /// What an outage took out of use, from what it left, unless somebody else is at it.
    Lost {
        /// Whose run this one may take over.
        over: Option<Builder>,
        /// That all of it is `building` already, as this process has seen: then nothing begins anew.
        seen: Option<Seen>,
    },
}

/// What a process has seen `building`, and since when, by its own clock.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) backend: String,
    /// Definition to generation.
    pub(crate) generations: BTreeMap<String, u64>,
    pub(crate) since: Duration,
}

impl Seen {
    /// Whether nothing of it was begun, or begun anew, since then.
    fn covers(&self, indexes: &BTreeMap<(String, String), u64>) -> bool {
        indexes.iter().all(|((definition, backend), generation)| {
            *backend == self.backend && self.generations.get(definition) == Some(generation)
        })
    }
}

impl Wish {
    fn goes_on(&self) -> bool {
        matches!(self, Self::Lost { seen: Some(_), .. })
    }

    /// Whether another run than the one that may be taken over is at it.
    fn is_taken(&self, builder: Option<&Builder>) -> bool {
        matches!(self, Self::Lost { over, .. } if over.as_ref() != builder)
    }
}

/// Builds everything of the collection that is not ready.
pub(crate) async fn rebuild(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
) -> Result<RebuildReport> {
    engine.check_writable()?;
    // The catalog must know this program's definitions, also when the rebuild is the first thing that it does.
    agreement::renew(engine, collection).await?;
    let build = begin(engine, collection, &Wish::Everything).await?;
    if build.is_empty() {
        return waiting(collection, &build).map_or_else(|| Ok(RebuildReport::default()), Err);
    }
    let report = carry_out(engine, collection, &build).await?;
    waiting(collection, &build).map_or(Ok(report), Err)
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
pub(super) fn waits_for<'a>(
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
pub(crate) struct Build {
    /// Definition and backend name to generation.
    indexes: BTreeMap<(String, String), u64>,
    unique: Vec<String>,
    agreement: Arc<Agreement>,
    /// The name of this run in the catalog, where others could be at the same.
    run: Option<Nonce>,
    /// Since when no writer has got a copy of the catalog that does not say so, by this process's clock.
    begun_at: Duration,
}

impl Build {
    fn over(engine: &Engine, agreement: Arc<Agreement>) -> Self {
        Self {
            indexes: BTreeMap::new(),
            unique: Vec::new(),
            agreement,
            run: None,
            begun_at: engine.clock.elapsed(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.indexes.is_empty() && self.unique.is_empty()
    }
}

/// Sets what is to be built to `building` under a new generation. Nothing, where another run is at it.
pub(crate) async fn begin(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    wish: &Wish,
) -> Result<Build> {
    let agreement = agreement::current(engine, collection).await?;
    attach::down_unknown_indexes(engine, collection, agreement).await?;
    let current = agreement::fetch(engine, collection)
        .await?
        .ok_or_else(|| unborn(collection))?;
    if wish.is_taken(current.catalog.builder.as_ref()) {
        // Before the backend is touched: what the other run fills must stay as it is.
        return Ok(Build::over(engine, Arc::new(current)));
    }
    agreement::check_states(collection, &current.catalog)?;
    let instances = begin_backends(engine, collection, wish, &current.catalog).await?;
    expect_generations(engine, collection, wish, &instances).await?;
    let run = engine.can_lose_entries().then(|| engine.nonce());
    let mut is_taken = false;
    let changed = attach::change(engine, collection, None, |catalog| {
        is_taken = wish.is_taken(catalog.builder.as_ref());
        !is_taken && edit(engine, collection, wish, &instances, run, catalog)
    })
    .await?;
    let agreement = Arc::new(changed);
    agreement::adopt(engine, collection, &agreement);
    let mut build = under_way(engine, collection, wish, agreement);
    build.run = run;
    if is_taken {
        build.indexes.clear();
    }
    mark_generations(engine, collection, &build).await?;
    Ok(build)
}

/// Whether there is anything to build.
fn edit(
    engine: &Engine,
    collection: &Collection,
    wish: &Wish,
    instances: &BTreeMap<String, String>,
    run: Option<Nonce>,
    catalog: &mut Catalog,
) -> bool {
    let mut changes = false;
    for (backend, instance) in instances {
        let before = catalog.instances.insert(backend.clone(), instance.clone());
        if before.as_ref() != Some(instance) {
            // Nobody may have met the loss yet: what is called ready here was filled in another instance.
            attach::set_all_down(catalog, backend);
            changes = true;
        }
    }
    for ordinal in 0..collection.definitions.len() {
        changes |= set_building(engine, collection, wish, catalog, ordinal);
    }
    let is_at_it = changes || goes_on_with_some(engine, collection, wish, catalog);
    match run.filter(|_| is_at_it) {
        Some(run) => {
            catalog.builder = Some(Builder { run, beat: 0 });
            true
        }
        None => changes,
    }
}

/// Whether something is `building` since an earlier run and does not begin anew: claims, and entries that cannot be lost.
fn goes_on_with_some(
    engine: &Engine,
    collection: &Collection,
    wish: &Wish,
    catalog: &Catalog,
) -> bool {
    let is_building = |entry: &Entry| {
        let mut placements = engine
            .backends
            .iter()
            .filter_map(|backend| entry.backends.get(backend.name()));
        entry.state == Some(State::Building)
            || placements.any(|placement| placement.state == State::Building)
    };
    let mut entries = collection
        .definitions
        .iter()
        .filter_map(|definition| catalog.definitions.get(&definition.name));
    matches!(wish, Wish::Everything) && entries.any(is_building)
}

/// A backend whose instance is gone begins anew, or goes on with what is left; one that is there stays as it is.
async fn begin_backends(
    engine: &Engine,
    collection: &Collection,
    wish: &Wish,
    current: &Catalog,
) -> Result<BTreeMap<String, String>> {
    let mut instances = BTreeMap::new();
    let Some(primary) = engine.backends.first() else {
        return Ok(instances);
    };
    let named = current.instances.get(primary.name());
    let seen = collection.on(engine.database.id, named.map_or("", String::as_str));
    let alive = primary
        .instance(&seen)
        .await
        .map_err(|error| unavailable(collection, error))?;
    let keeps = wish.goes_on() || is_ready_anywhere(current, primary.name());
    let instance = match alive {
        // Something in it is whole, or somebody else has just begun.
        Some(instance) if keeps || Some(&instance) != named => instance,
        // Lost, damaged, or never begun: whoever begins first names the new instance.
        alive => {
            let replacing = alive.as_deref().or(named.map(String::as_str));
            let renewed = begin_again(engine, primary, &seen, replacing, wish).await;
            renewed.map_err(|error| unavailable(collection, error))?
        }
    };
    instances.insert(primary.name().to_owned(), instance);
    Ok(instances)
}

async fn begin_again(
    engine: &Engine,
    primary: &Arc<dyn IndexStore>,
    seen: &IndexedCollection,
    replacing: Option<&str>,
    wish: &Wish,
) -> Result<String, IndexError> {
    if matches!(wish, Wish::Lost { .. })
        && let Some(instance) = primary.go_on(seen, engine.nonce(), replacing).await?
    {
        return Ok(instance);
    }
    primary.begin(seen, &[], engine.nonce(), replacing).await
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
    wish: &Wish,
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
    if agreement::has_unknown_state(entry) {
        return false;
    }
    let is_lost_only = matches!(wish, Wish::Lost { .. });
    match entry.kind {
        // Claims lie in the store: no outage of an index takes them out of use.
        IndexKind::Unique if is_lost_only => false,
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
            if !is_to_build(placement.state, is_lost_only) {
                return false;
            }
            if wish.goes_on() && placement.state == State::Building {
                return true;
            }
            placement.state = State::Building;
            placement.generation += 1;
            entry.since = revision;
            true
        }
    }
}

/// A definition that nobody has built yet is built when somebody asks for it (rule S10).
fn is_to_build(state: State, is_lost_only: bool) -> bool {
    match state {
        State::Down | State::Building => true,
        State::Pending => !is_lost_only,
        State::Ready | State::Retired => false,
    }
}

fn under_way(
    engine: &Engine,
    collection: &Collection,
    wish: &Wish,
    agreement: Arc<Agreement>,
) -> Build {
    let mut build = Build::over(engine, agreement.clone());
    let is_lost_only = matches!(wish, Wish::Lost { .. });
    for (ordinal, definition) in collection.definitions.iter().enumerate() {
        for site in agreement.maintained(engine, collection, ordinal) {
            let is_wanted = !is_lost_only || !site.backend.uses_tags();
            if site.state == State::Building && is_wanted {
                build.indexes.insert(
                    (definition.name.clone(), site.backend.name().to_owned()),
                    site.placed.generation,
                );
            }
        }
        let entry = agreement.entry(collection, ordinal);
        if !is_lost_only && entry.is_some_and(|entry| entry.state == Some(State::Building)) {
            build.unique.push(definition.name.clone());
        }
    }
    // What was begun since then must be waited for anew (rule S1).
    if let Wish::Lost {
        seen: Some(seen), ..
    } = wish
        && seen.covers(&build.indexes)
    {
        build.begun_at = seen.since;
    }
    build
}

/// The generations that are about to be published are made first: a write that meets them at once must not take them for
/// lost. Where somebody else publishes meanwhile, [`mark_generations`] makes the rest.
async fn expect_generations(
    engine: &Engine,
    collection: &Collection,
    wish: &Wish,
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
        let is_built = set_building(engine, collection, wish, &mut next, ordinal);
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

/// `building` becomes `ready`, over the generation that was built.
async fn finish(engine: &Engine, collection: &Collection, build: &Build) -> Result<Vec<String>> {
    let mut built = Vec::new();
    let changed = attach::change(engine, collection, None, |catalog| {
        built.clear();
        if !run::is_builder(catalog, build) {
            return false; // Another run took over, at the same generation: it says when it is ready.
        }
        let releases = run::leave(catalog, build);
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
        releases || !built.is_empty()
    })
    .await?;
    agreement::adopt(engine, collection, &Arc::new(changed));
    Ok(built)
}

fn is_built(placement: &Placement, generation: u64) -> bool {
    placement.state == State::Building && placement.generation == generation
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
