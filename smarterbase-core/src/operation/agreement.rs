//! What the writers and readers of a collection agreed on: this process's copy of the catalog, never older than 5 s.
//!
//! Rules S1–S6: a write is sent, and an index answer believed, only while the copy is at most [`MAX_AGE`] old, counted
//! from before the catalog was asked for. The copy is refreshed in the background from [`REFRESH_AGE`] on.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Collection, Engine, attach, engine::store_failure, floor, published};
use crate::{
    document::{IndexKind, Version},
    error::{Code, Error, Result},
    format::{
        catalog::{Catalog, Entry, Placement, State},
        path,
    },
    port::{
        IndexStore, Object,
        index::{IndexedCollection, Placed},
    },
};

/// A copy older than this is not used (rules S1 and S4).
pub(crate) const MAX_AGE: Duration = Duration::from_secs(5);
/// From this age on the copy is refreshed in the background.
pub(crate) const REFRESH_AGE: Duration = Duration::from_millis(2_500);
/// How long a reply is held after a `down` or a new generation was seen (rule S3): a little more than [`MAX_AGE`].
pub(crate) const HOLD: Duration = Duration::from_millis(5_500);

/// A copy of the catalog and its age.
#[derive(Debug)]
pub(crate) struct Agreement {
    pub(crate) catalog: Catalog,
    pub(crate) version: Version,
    /// [`Clock::elapsed`](crate::port::Clock::elapsed) **before** the catalog was asked for.
    pub(crate) read_at: Duration,
}

/// The place of the copy, shared by all operations of a collection.
#[derive(Debug, Default)]
pub(crate) struct CatalogCell {
    copy: Mutex<Option<Arc<Agreement>>>,
    /// One load at a time; the others wait for its result.
    loading: tokio::sync::Mutex<()>,
}

/// One definition on one backend that this process can use.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) backend: Arc<dyn IndexStore>,
    pub(crate) collection: IndexedCollection,
    pub(crate) placed: Placed,
    pub(crate) state: State,
}

impl CatalogCell {
    pub(crate) fn latest(&self) -> Option<Arc<Agreement>> {
        self.copy
            .lock()
            .expect("no panic while holding the lock")
            .clone()
    }

    fn replace(&self, copy: Arc<Agreement>) {
        *self.copy.lock().expect("no panic while holding the lock") = Some(copy);
    }

    /// Makes the next operation ask again.
    pub(crate) fn forget(&self) {
        *self.copy.lock().expect("no panic while holding the lock") = None;
    }
}

impl Agreement {
    pub(crate) fn age(&self, engine: &Engine) -> Duration {
        engine.clock.elapsed().saturating_sub(self.read_at)
    }

    /// Whether a write may still be sent, or an index answer believed, on the strength of this copy.
    pub(crate) fn is_current(&self, engine: &Engine) -> bool {
        self.age(engine) <= MAX_AGE
    }

    pub(crate) fn entry(&self, collection: &Collection, ordinal: usize) -> Option<&Entry> {
        self.catalog
            .definitions
            .get(&collection.definitions[ordinal].name)
    }

    /// Where entries of the definition are maintained: `building` and `ready` placements on registered backends.
    pub(crate) fn maintained(
        &self,
        engine: &Engine,
        collection: &Collection,
        ordinal: usize,
    ) -> Vec<Site> {
        self.sites(engine, collection, ordinal, State::is_maintained)
    }

    /// Where the definition is placed on registered backends, whatever its state.
    pub(crate) fn placed_anywhere(
        &self,
        engine: &Engine,
        collection: &Collection,
        ordinal: usize,
    ) -> Vec<Site> {
        self.sites(engine, collection, ordinal, |_| true)
    }

    /// Where the definition answers queries; the backend that the database was opened with comes first.
    pub(crate) fn ready(
        &self,
        engine: &Engine,
        collection: &Collection,
        ordinal: usize,
    ) -> Option<Site> {
        let mut sites = self.all_ready(engine, collection, ordinal).into_iter();
        sites.next()
    }

    /// As [`ready`](Self::ready), with those that can stand in for it.
    pub(crate) fn all_ready(
        &self,
        engine: &Engine,
        collection: &Collection,
        ordinal: usize,
    ) -> Vec<Site> {
        self.sites(engine, collection, ordinal, |state| state == State::Ready)
    }

    /// Whether claims of the unique definition are taken.
    pub(crate) fn claims(&self, collection: &Collection, ordinal: usize) -> bool {
        let state = self
            .entry(collection, ordinal)
            .and_then(|entry| entry.state);
        matches!(state, Some(State::Building | State::Ready | State::Down))
    }

    /// Whether the unique definition answers queries.
    pub(crate) fn unique_is_ready(&self, collection: &Collection, ordinal: usize) -> bool {
        self.entry(collection, ordinal)
            .is_some_and(|entry| entry.state == Some(State::Ready))
    }

    fn sites(
        &self,
        engine: &Engine,
        collection: &Collection,
        ordinal: usize,
        wanted: impl Fn(State) -> bool,
    ) -> Vec<Site> {
        let Some(entry) = self.entry(collection, ordinal) else {
            return Vec::new();
        };
        let site = |backend: &Arc<dyn IndexStore>| {
            let placement = entry
                .backends
                .get(backend.name())
                .filter(|placement| wanted(placement.state))?;
            let instance = self.catalog.instances.get(backend.name())?;
            Some(Site {
                backend: backend.clone(),
                collection: collection.on(engine.database.id, instance),
                placed: placed(&collection.definitions[ordinal].name, entry, placement),
                state: placement.state,
            })
        };
        engine.backends.iter().filter_map(site).collect()
    }
}

pub(crate) fn placed(definition: &str, entry: &Entry, placement: &Placement) -> Placed {
    Placed {
        definition: definition.to_owned(),
        number: entry.number,
        generation: placement.generation,
    }
}

/// The copy, at most [`MAX_AGE`] old: from memory, refreshed in the background, or asked for now.
pub(crate) async fn current(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
) -> Result<Arc<Agreement>> {
    match collection.catalog.latest() {
        Some(copy) if copy.age(engine) < REFRESH_AGE => Ok(copy),
        Some(copy) if copy.is_current(engine) => {
            refresh_in_background(engine, collection);
            Ok(copy)
        }
        _ => reload(engine, collection).await,
    }
}

/// Asks for the catalog now, unless somebody else just did.
async fn reload(engine: &Arc<Engine>, collection: &Arc<Collection>) -> Result<Arc<Agreement>> {
    let _one_at_a_time = collection.catalog.loading.lock().await;
    match collection.catalog.latest() {
        Some(copy) if copy.age(engine) < REFRESH_AGE => Ok(copy),
        _ => load(engine, collection).await,
    }
}

/// Asks for the catalog now.
pub(crate) async fn renew(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
) -> Result<Arc<Agreement>> {
    let _one_at_a_time = collection.catalog.loading.lock().await;
    load(engine, collection).await
}

fn refresh_in_background(engine: &Arc<Engine>, collection: &Arc<Collection>) {
    let (engine, collection) = (engine.clone(), collection.clone());
    let tasks = engine.tasks.clone();
    tasks.spawn(async move {
        if let Err(error) = reload(&engine, &collection).await {
            tracing::warn!(collection = collection.name(), %error, "the catalog could not be refreshed");
        }
    });
}

async fn load(engine: &Arc<Engine>, collection: &Arc<Collection>) -> Result<Arc<Agreement>> {
    // A program with another schema must not add its definitions.
    published::agree(engine, collection).await?;
    let mut copy = fetch(engine, collection).await?;
    if copy.is_none() && engine.check_writable().is_ok() {
        copy = Some(attach::create_catalog(engine, collection).await?);
    } else if let Some(unfinished) = copy.take() {
        copy = Some(attach::finish_creation(engine, collection, unfinished).await?);
    }
    let copy = match copy {
        Some(copy) => attach::register(engine, collection, copy).await?,
        None => attach::unborn(engine, collection),
    };
    attach::check(engine, collection, &copy.catalog)?;
    let copy = Arc::new(copy);
    adopt(engine, collection, &copy);
    engine.watch_indexes();
    engine.watch_expiry();
    Ok(copy)
}

/// Reads the catalog; the age runs from before the request.
pub(crate) async fn fetch(engine: &Engine, collection: &Collection) -> Result<Option<Agreement>> {
    let read_at = engine.clock.elapsed();
    let object = engine
        .store
        .get(&path::catalog(collection.name()))
        .await
        .map_err(store_failure)?;
    object
        .map(|object| open(object, read_at))
        .transpose()
        .map_err(|error| error.in_collection(collection.name()))
}

/// The catalog of a collection of this name.
pub(crate) async fn fetch_catalog(engine: &Engine, name: &str) -> Result<Option<Catalog>> {
    let object = engine.store.get(&path::catalog(name)).await;
    let object = object.map_err(store_failure)?;
    let catalog = object.map(|object| Catalog::open(&object.bytes));
    catalog
        .transpose()
        .map_err(|error| error.in_collection(name))
}

pub(crate) fn open(object: Object, read_at: Duration) -> Result<Agreement> {
    let catalog = Catalog::open(&object.bytes)?;
    Ok(Agreement {
        catalog,
        version: object.version,
        read_at,
    })
}

/// Takes a copy into use, and holds replies when it shows a `down` or a new generation (rule S3).
pub(crate) fn adopt(engine: &Engine, collection: &Collection, copy: &Arc<Agreement>) {
    // The hold comes first: nobody may use the copy and reply before it is there.
    let previous = collection.catalog.latest();
    if shows_a_loss(previous.as_deref().map(|copy| &copy.catalog), &copy.catalog) {
        collection.hold(engine.clock.elapsed() + HOLD);
    }
    collection.catalog.replace(copy.clone());
}

/// Whether somebody may still hold an older copy that calls an index ready which `next` does not.
fn shows_a_loss(previous: Option<&Catalog>, next: &Catalog) -> bool {
    next.definitions.iter().any(|(name, entry)| {
        entry.backends.iter().any(|(backend, placement)| {
            let before = previous
                .and_then(|catalog| catalog.definitions.get(name))
                .and_then(|entry| entry.backends.get(backend));
            match before {
                // Who saw it down held its replies then, and it was not ready since.
                Some(before) if before.state == State::Down && is_begun(before, placement) => false,
                Some(before) => before.generation != placement.generation,
                // First sight: a first generation that is still being built was never ready for anybody.
                None => match placement.state {
                    State::Down => true,
                    State::Building => placement.generation > 1,
                    State::Ready | State::Pending | State::Retired => false,
                },
            }
        })
    })
}

/// Whether the next generation was begun, and nothing else happened in between.
fn is_begun(before: &Placement, now: &Placement) -> bool {
    now.state == State::Building && now.generation == before.generation + 1
}

/// Refuses to write what this process cannot maintain: states and unique definitions that the program does not know.
pub(crate) fn check_maintainable(collection: &Collection, agreement: &Agreement) -> Result<()> {
    floor::check(collection, &agreement.catalog)?;
    check_states(collection, &agreement.catalog)?;
    let unknown = agreement.catalog.definitions.iter().find(|(name, entry)| {
        let is_known = collection
            .definitions
            .iter()
            .any(|definition| definition.name == **name);
        let is_enforced = matches!(
            entry.state,
            Some(State::Building | State::Ready | State::Down)
        );
        entry.kind == IndexKind::Unique && is_enforced && !is_known
    });
    match unknown {
        None => Ok(()),
        Some((name, _)) => {
            let text = unknown_unique(collection, name);
            Err(Error::new(Code::DEFINITION, text).in_collection(collection.name()))
        }
    }
}

/// Refuses to go on where a definition is in a state of a newer build: nobody knows here what it asks of a writer or of a
/// rebuild (rule S9).
pub(crate) fn check_states(collection: &Collection, catalog: &Catalog) -> Result<()> {
    let mut entries = catalog.definitions.iter();
    let Some((name, _)) = entries.find(|(_, entry)| has_unknown_state(entry)) else {
        return Ok(());
    };
    let text = format!(
        "the definition {name} is in a state that this program does not know, so it does not write, rebuild or retire \
         anything here (deploy the newer program)"
    );
    Err(Error::new(Code::UNSUPPORTED_FORMAT, text).in_collection(collection.name()))
}

fn unknown_unique(collection: &Collection, name: &str) -> String {
    if collection.is_untyped {
        return format!(
            "the values of the unique definition {name} cannot be made without the program's type, so only a program with the \
             type writes"
        );
    }
    format!(
        "the unique definition {name} is unknown to this program, so it must not write (deploy the newer program, or retire the \
         definition)"
    )
}

/// Refuses to write where an index is maintained that this writer does not know, instead of taking it out of use.
pub(crate) fn check_all_known(collection: &Collection, agreement: &Agreement) -> Result<()> {
    let is_maintained = |entry: &Entry| {
        let mut placements = entry.backends.values();
        placements.any(|placement| placement.state.is_maintained())
    };
    let mut entries = agreement.catalog.definitions.iter();
    let unknown = entries.find(|(name, entry)| {
        let mut known = collection.definitions.iter();
        is_maintained(entry) && !known.any(|definition| definition.name == **name)
    });
    let Some((name, _)) = unknown else {
        return Ok(());
    };
    let text = format!(
        "the entries of the index {name} cannot be made without the program's type (open the collection again, in case the \
         index is new; else write with a program that has the type)"
    );
    Err(Error::new(Code::DEFINITION, text).in_collection(collection.name()))
}

/// Whether the catalog names a state of a newer build (rule S9).
pub(crate) fn has_unknown_state(entry: &Entry) -> bool {
    let is_unknown = |unknown: &std::collections::BTreeMap<String, serde_json::Value>| {
        unknown.contains_key("state")
    };
    is_unknown(&entry.unknown)
        || entry
            .backends
            .values()
            .any(|placement| is_unknown(&placement.unknown))
}
