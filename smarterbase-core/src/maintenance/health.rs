//! Whether the parts of an open database answer, and how its indexes are.

use std::{fmt, sync::Arc, time::Duration};

use futures::future::{join_all, try_join_all};

use super::monitor::MonitorStatus;
use crate::{
    document::IndexKind,
    error::{Error, Result},
    format::{
        catalog::{Entry, State},
        path,
    },
    operation::{
        Collection, Engine, agreement,
        engine::{WriteGuard, closed, store_failure},
    },
    port::{IndexStore, index::Connection},
};

/// The longest that a part is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the parts of a database answered: one line each.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ping {
    /// The store first, then each index backend with a connection of its own.
    pub parts: Vec<PartHealth>,
}

/// One part and how it answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartHealth {
    /// `store`, `redis`.
    pub name: &'static str,
    /// How long it took.
    pub latency: Duration,
    /// Why it cannot be used now. Never a secret, and no field's value.
    pub problem: Option<String>,
    /// What is known of its connection: `open`, `lost`, `circuit open`; `None` where it has none of its own.
    pub connection: Option<&'static str>,
}

impl Ping {
    /// Whether every part answered.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.parts.iter().all(PartHealth::is_ok)
    }

    /// Whether the store answered: without Redis everything works, only slower.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.parts.first().is_some_and(PartHealth::is_ok)
    }
}

impl PartHealth {
    /// Whether it answered.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problem.is_none()
    }
}

/// How a database is: its parts, its indexes, and what looks after them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// How the parts answered.
    pub ping: Ping,
    /// Why nothing may be written: opened for reading only, failed probe, or closed.
    pub read_only: Option<String>,
    /// Every definition in every place, as the catalogs have it; of the collections that this process knows.
    pub indexes: Vec<IndexHealth>,
    /// What the health monitor did.
    pub monitor: MonitorStatus,
}

/// One definition in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexHealth {
    /// The stored name of the collection.
    pub collection: String,
    /// `plan-1f0c9a2b`.
    pub definition: String,
    /// `objects`, `redis`, or `claims` for a unique definition.
    pub place: String,
    /// `pending`, `building`, `ready`, `down` or `retired`.
    pub state: &'static str,
}

impl IndexHealth {
    /// Whether it answers queries, or nobody wants it any more.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        [State::Ready.name(), State::Retired.name()].contains(&self.state)
    }
}

impl Health {
    /// Whether every part answered and every index is in use. A database that is opened for reading only can be healthy.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.ping.is_ok() && self.indexes.iter().all(IndexHealth::is_ok)
    }
}

/// Asks the store and every backend for a sign of life, all at once.
pub(crate) async fn ping(engine: &Engine) -> Result<Ping> {
    if engine.tasks.is_closed() {
        return Err(closed());
    }
    let backends = engine
        .backends
        .iter()
        .filter(|backend| backend.connection() != Connection::None);
    let pings = join_all(backends.map(|backend| ping_backend(engine, &**backend)));
    let (store, backends) = futures::join!(ping_store(engine), pings);
    let parts = std::iter::once(store).chain(backends).collect();
    Ok(Ping { parts })
}

/// One GET of an object that is always there.
async fn ping_store(engine: &Engine) -> PartHealth {
    let asked = async {
        let found = engine.store.get(&path::database()).await;
        found
            .map(drop)
            .map_err(|error| store_failure(error).to_string())
    };
    part(engine, "store", None, asked).await
}

async fn ping_backend(engine: &Engine, backend: &dyn IndexStore) -> PartHealth {
    let asked = async { backend.ping().await.map_err(|error| error.to_string()) };
    let connection = match backend.connection() {
        Connection::None => None,
        Connection::Open => Some("open"),
        Connection::Lost => Some("lost"),
        Connection::CircuitOpen => Some("circuit open"),
    };
    part(engine, backend.name(), connection, asked).await
}

async fn part(
    engine: &Engine,
    name: &'static str,
    connection: Option<&'static str>,
    asked: impl Future<Output = Result<(), String>>,
) -> PartHealth {
    let begun = engine.clock.elapsed();
    let answer = tokio::select! {
        answer = asked => answer,
        () = engine.clock.sleep(PATIENCE) => Err("no answer in time".to_owned()),
    };
    PartHealth {
        name,
        latency: engine.clock.elapsed().saturating_sub(begun),
        problem: answer.err(),
        connection,
    }
}

/// A ping, and one GET for the catalog of every collection that this process knows.
pub(crate) async fn health(engine: &Arc<Engine>) -> Result<Health> {
    let ping = ping(engine).await?;
    let mut indexes = Vec::new();
    if ping.is_usable() {
        let mut known = engine.known_collections();
        known.dedup_by_key(|collection| collection.name());
        let reads = known.iter().map(|collection| states(engine, collection));
        indexes = try_join_all(reads).await?.concat();
    }
    Ok(Health {
        ping,
        read_only: read_only(engine),
        indexes,
        monitor: engine.monitor.status(),
    })
}

fn read_only(engine: &Engine) -> Option<String> {
    match &engine.guard {
        WriteGuard::Open => None,
        WriteGuard::ReadOnly => Some("opened for reading only".to_owned()),
        WriteGuard::ProbeFailed(check) => Some(check.clone()),
    }
}

/// What the catalog says; nothing of a collection that does not exist yet. Writes nothing.
async fn states(engine: &Engine, collection: &Collection) -> Result<Vec<IndexHealth>, Error> {
    let Some(agreement) = agreement::fetch(engine, collection).await? else {
        return Ok(Vec::new());
    };
    let entries = agreement.catalog.definitions.iter();
    Ok(entries
        .flat_map(|(name, entry)| of_entry(collection, name, entry))
        .collect())
}

fn of_entry(collection: &Collection, name: &str, entry: &Entry) -> Vec<IndexHealth> {
    let line = |place: &str, state: State| IndexHealth {
        collection: collection.name().to_owned(),
        definition: name.to_owned(),
        place: place.to_owned(),
        state: state.name(),
    };
    match entry.kind {
        IndexKind::Unique => vec![line("claims", entry.state.unwrap_or(State::Pending))],
        IndexKind::Index => {
            let placements = entry.backends.iter();
            placements
                .map(|(backend, placement)| line(backend, placement.state))
                .collect()
        }
    }
}

impl fmt::Display for PartHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            None => write!(f, "{}: ok, {:?}", self.name, self.latency)?,
            Some(problem) => write!(f, "{}: {problem}, {:?}", self.name, self.latency)?,
        }
        match self.connection {
            Some(connection) => write!(f, ", connection {connection}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Ping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| writeln!(f, "{part}"))
    }
}

impl fmt::Display for IndexHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{} in {}: {}",
            self.collection, self.definition, self.place, self.state
        )
    }
}

/// One line for each part, each index and the monitor.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ping)?;
        match &self.read_only {
            None => writeln!(f, "writes: allowed")?,
            Some(reason) => writeln!(f, "writes: refused, {reason}")?,
        }
        for index in &self.indexes {
            writeln!(f, "{index}")?;
        }
        let monitor = &self.monitor;
        writeln!(
            f,
            "monitor: {}, {} runs, {} missing, {} extra, {} repaired",
            if monitor.is_running { "on" } else { "off" },
            monitor.runs,
            monitor.missing,
            monitor.extra,
            monitor.repaired
        )
    }
}
