//! Builds indexes again by itself that an outage took out of use: notices, asks whether the backend is back, is elected in the
//! catalog, rebuilds. One task per engine; it ends with the database.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio_util::sync::CancellationToken;

use super::rebuild::{self, SILENCE, Seen, Wish};
use crate::{
    document::IndexKind,
    error::Result,
    format::catalog::{Builder, Catalog, State},
    operation::{
        Collection, Engine,
        agreement::{self, Agreement},
        attach,
        background::Running,
    },
};

/// How many collections are looked after at the same time.
const MOST: usize = 16;
/// The longest pause after attempts that failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Looks after every collection that the engine uses, for as long as the database is open and somebody has a handle to it.
pub(crate) fn watch(engine: &Arc<Engine>, running: Running) {
    let watch = Watch {
        _running: running,
        engine: Arc::downgrade(engine),
        closing: engine.outages.ending.clone(),
        patients: HashMap::new(),
    };
    // Boxed: the future of a rebuild is large.
    engine.tasks.spawn(watch.run().boxed());
}

/// What is remembered of a collection between two looks.
#[derive(Debug, Default)]
struct Patient {
    looked_at: Duration,
    due: Duration,
    failures: u32,
    witness: Option<Witness>,
}

/// What the catalog said, and since when it has not changed, by this process's clock.
#[derive(Debug)]
struct Witness {
    builder: Option<Builder>,
    builder_since: Duration,
    placements: Vec<(String, State, u64)>,
    placements_since: Duration,
}

/// How a look ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Nothing is to be built.
    Sound,
    /// Something may be: the backend is away, or another process is at it.
    Waits,
    /// It could not be built.
    Failed,
}

type Look = BoxFuture<'static, (usize, Patient, Found)>;

struct Watch {
    _running: Running,
    engine: Weak<Engine>,
    closing: CancellationToken,
    /// By collection; not those that are being looked at.
    patients: HashMap<usize, Option<Patient>>,
}

impl Watch {
    async fn run(mut self) {
        let mut looks: FuturesUnordered<Look> = FuturesUnordered::new();
        let mut is_rung = false;
        while let Some(engine) = self.engine.upgrade() {
            let wait = self.begin_looks(&engine, &looks, is_rung);
            looks.extend(wait.1);
            let (clock, bell) = (engine.clock.clone(), engine.outages.bell());
            drop(engine);
            is_rung = tokio::select! {
                () = self.closing.cancelled() => break,
                Some((collection, patient, found)) = looks.next() => self.put_back(collection, patient, found),
                () = bell.notified() => true,
                () = clock.sleep(wait.0) => false,
            };
        }
        // Each ends by itself, and says in the catalog that it did.
        while looks.next().await.is_some() {}
    }

    /// The looks that are due, and how long to wait for the next one.
    fn begin_looks(
        &mut self,
        engine: &Arc<Engine>,
        running: &FuturesUnordered<Look>,
        is_rung: bool,
    ) -> (Duration, Vec<Look>) {
        let (now, settings) = (engine.clock.elapsed(), engine.outages.settings);
        let mut wait = settings.look_every;
        let mut looks: Vec<Look> = Vec::new();
        for collection in engine.all_collections() {
            let key = Arc::as_ptr(&collection).addr();
            let place = self.patients.entry(key).or_insert_with(|| {
                Some(Patient {
                    due: now + settings.look_every,
                    looked_at: now.saturating_sub(settings.retry_every),
                    ..Patient::default()
                })
            });
            let Some(patient) = place else {
                continue;
            };
            if is_rung && patient.failures == 0 {
                patient.due = patient.due.min(patient.looked_at + settings.retry_every);
            }
            let left = patient.due.saturating_sub(now);
            if left.is_zero() && running.len() + looks.len() < MOST {
                let patient = place.take().unwrap_or_default();
                let (name, failures) = (collection.name(), patient.failures);
                let look = look(engine.clone(), collection, patient, self.closing.clone());
                looks.push(survive(look, key, name, failures));
            } else {
                wait = wait.min(left.max(settings.retry_every));
            }
        }
        (wait, looks)
    }

    fn put_back(&mut self, collection: usize, mut patient: Patient, found: Found) -> bool {
        if let Some(engine) = self.engine.upgrade() {
            patient.plan(&engine, found);
        }
        self.patients.insert(collection, Some(patient));
        false
    }
}

impl Patient {
    fn plan(&mut self, engine: &Engine, found: Found) {
        let settings = engine.outages.settings;
        let pause = match found {
            Found::Sound => settings.look_every,
            Found::Waits => settings.retry_every,
            Found::Failed => {
                let longer = settings
                    .retry_every
                    .saturating_mul(1 << self.failures.min(16));
                longer.clamp(
                    settings.retry_every,
                    LONGEST_PAUSE.max(settings.retry_every),
                )
            }
        };
        self.failures = match found {
            Found::Failed => self.failures + 1,
            Found::Waits => self.failures,
            Found::Sound => 0,
        };
        // Spread, so that not all processes of a fleet ask at the same moment.
        let spread = u64::try_from(pause.as_millis() / 4).unwrap_or(u64::MAX);
        let jitter = Duration::from_millis(engine.rng.below(spread.max(1)));
        self.looked_at = engine.clock.elapsed();
        self.due = self.looked_at + pause + jitter;
    }

    /// Takes down what the catalog says now.
    fn observe(
        &mut self,
        engine: &Engine,
        catalog: &Catalog,
        placements: Vec<(String, State, u64)>,
    ) -> &Witness {
        let now = engine.clock.elapsed();
        let before = self.witness.take();
        let same_builder = before
            .as_ref()
            .filter(|before| before.builder == catalog.builder);
        let same_placements = before
            .as_ref()
            .filter(|before| before.placements == placements);
        self.witness.insert(Witness {
            builder: catalog.builder.clone(),
            builder_since: same_builder.map_or(now, |before| before.builder_since),
            placements_since: same_placements.map_or(now, |before| before.placements_since),
            placements,
        })
    }
}

/// A look that panics, in code of the program's types or in what it is told of rebuilds, is one that failed.
fn survive(
    look: impl Future<Output = (Patient, Found)> + Send + 'static,
    key: usize,
    name: &'static str,
    failures: u32,
) -> Look {
    let look = AssertUnwindSafe(look).catch_unwind();
    let look = look.map(move |ended| {
        let (patient, found) = ended.unwrap_or_else(|_panic| {
            tracing::error!(collection = name, "looking after an index panicked");
            let patient = Patient {
                failures,
                ..Patient::default()
            };
            (patient, Found::Failed)
        });
        (key, patient, found)
    });
    look.boxed()
}

async fn look(
    engine: Arc<Engine>,
    collection: Arc<Collection>,
    mut patient: Patient,
    closing: CancellationToken,
) -> (Patient, Found) {
    let found = examine(&engine, &collection, &mut patient, &closing).await;
    let found = found.unwrap_or_else(|error| {
        tracing::warn!(collection = collection.name(), %error, "an index could not be built again");
        Found::Failed
    });
    (patient, found)
}

/// One look: is something to be built, can it be, and by this process?
async fn examine(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    patient: &mut Patient,
    closing: &CancellationToken,
) -> Result<Found> {
    let agreement = agreement::current(engine, collection).await?;
    // While the backend is away, this costs the store one GET in five seconds.
    let Some(alive) = instance(engine, collection, &agreement).await else {
        return Ok(Found::Waits);
    };
    if is_sound(engine, collection, &agreement, alive.as_deref()) {
        return Ok(Found::Sound);
    }
    let mut agreement = agreement::renew(engine, collection).await?;
    if is_sound(engine, collection, &agreement, alive.as_deref()) {
        return Ok(Found::Sound);
    }
    if lost(engine, collection, &agreement.catalog).is_empty() {
        // A loss that no query and no write has met.
        let backend = engine.backends[0].name();
        agreement = attach::mark_down(engine, collection, backend, &agreement).await?;
    }
    let Some(wish) = elect(engine, collection, patient, &agreement, alive.as_deref()) else {
        return Ok(Found::Waits);
    };
    build(engine, collection, &wish, closing).await
}

/// The instance that is there; `None` when the backend does not answer, or must not be used.
async fn instance(
    engine: &Engine,
    collection: &Collection,
    agreement: &Agreement,
) -> Option<Option<String>> {
    let primary = engine.backends.first()?;
    let named = agreement.catalog.instances.get(primary.name());
    let seen = collection.on(engine.database.id, named.map_or("", String::as_str));
    primary.instance(&seen).await.ok()
}

/// Nothing is to be built, and what is called ready is in the instance that is there.
fn is_sound(
    engine: &Engine,
    collection: &Collection,
    agreement: &Agreement,
    alive: Option<&str>,
) -> bool {
    let (catalog, backend) = (&agreement.catalog, engine.backends[0].name());
    let mut entries = catalog.definitions.values();
    let is_ready = entries.any(|entry| {
        let placement = entry.backends.get(backend);
        placement.is_some_and(|placement| placement.state == State::Ready)
    });
    let is_named = catalog.instances.get(backend).map(String::as_str) == alive;
    lost(engine, collection, catalog).is_empty() && (is_named || !is_ready)
}

/// What of this program's indexes an outage took out of use. What was never built waits until somebody asks (rule S10).
fn lost(engine: &Engine, collection: &Collection, catalog: &Catalog) -> Vec<(String, State, u64)> {
    let backend = engine.backends[0].name();
    let ordinals = 0..collection.definitions.len();
    let indexes = ordinals.filter(|ordinal| collection.kind(*ordinal) == IndexKind::Index);
    let lost = indexes.filter_map(|ordinal| {
        let name = &collection.definitions[ordinal].name;
        let placement = catalog.definitions.get(name)?.backends.get(backend)?;
        (placement.state.is_lost() && rebuild::waits_for(collection, catalog, ordinal).is_none())
            .then(|| (name.clone(), placement.state, placement.generation))
    });
    lost.collect()
}

/// What this process may build; `None` while another one shows that it is at it.
fn elect(
    engine: &Engine,
    collection: &Collection,
    patient: &mut Patient,
    agreement: &Agreement,
    alive: Option<&str>,
) -> Option<Wish> {
    let catalog = &agreement.catalog;
    let lost = lost(engine, collection, catalog);
    let is_begun = lost.iter().all(|(_, state, _)| *state == State::Building);
    let backend = engine.backends[0].name();
    let named = catalog.instances.get(backend);
    let is_whole = alive.is_some() && named.map(String::as_str) == alive;
    let witness = patient.observe(engine, catalog, lost);
    let silent_for = engine.clock.elapsed().saturating_sub(witness.builder_since);
    if witness.builder.is_some() && silent_for < SILENCE {
        return None;
    }
    let placements = witness.placements.iter();
    let seen = Seen {
        backend: backend.to_owned(),
        generations: placements
            .map(|(definition, _, generation)| (definition.clone(), *generation))
            .collect(),
        since: witness.placements_since,
    };
    Some(Wish::Lost {
        over: witness.builder.clone(),
        seen: (is_begun && is_whole).then_some(seen),
    })
}

async fn build(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    wish: &Wish,
    closing: &CancellationToken,
) -> Result<Found> {
    let build = rebuild::begin(engine, collection, wish).await?;
    if build.is_empty() {
        return Ok(Found::Waits);
    }
    let run = rebuild::carry_out(engine, collection, &build).boxed();
    let Some(report) = closing.run_until_cancelled(run).await else {
        rebuild::release(engine, collection, &build).await;
        return Ok(Found::Waits);
    };
    Ok(match report?.built.is_empty() {
        true => Found::Failed,
        false => Found::Sound,
    })
}
