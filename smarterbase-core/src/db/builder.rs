//! Opening a database: parts, limits, the probe of a new store, and its stamp.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OnceCell, Semaphore};
use tokio_util::task::TaskTracker;

use super::Db;
use crate::{
    error::{Code, Error, Result},
    format::{
        database::{Database, ProbeCheck, ProbeReport},
        envelope, path,
    },
    index::ObjectIndex,
    maintenance::{expire, migrate, reconcile, snapshot},
    operation::{
        Engine,
        attach::first_envelope,
        engine::{Watch, WriteGuard, store_failure},
        expiry::Expiry,
        limits::Limits,
        lock::Hall,
        monitor::MonitorSettings,
        outage::{Fallback, Listener, Outages, RebuildProgress, Reconcile},
        profile::Prices,
        warm::{Snapshots, Warm},
    },
    port::{
        CasStore, Clock, IndexError, IndexStore, LockQueue, Rng, SystemClock, SystemRng,
        index::Host,
    },
    protocol::{PutMachine, PutOutcome, drive},
    store::{
        bodies::Bodies,
        layer::{self, LayerSettings, watched::Watched},
        probe,
    },
};

/// How many stale entries are removed at the same time in the background.
const SWEEPS: usize = 16;

type Choose = Arc<dyn Fn(&ProbeReport) -> Arc<dyn CasStore> + Send + Sync>;

/// The parts and settings of a database that is about to be opened.
pub struct DbBuilder {
    store: Option<Arc<dyn CasStore>>,
    choose: Option<Choose>,
    indexes: Vec<Arc<dyn IndexStore>>,
    lock_queue: Option<Arc<dyn LockQueue>>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    limits: Limits,
    prices: Prices,
    layers: LayerSettings,
    body_cache: u64,
    snapshots: Snapshots,
    in_flight_bound: Duration,
    retention: Duration,
    read_only: bool,
    sealed_only: bool,
    abandon_missing_backends: bool,
    monitor: Option<MonitorSettings>,
    fallback: Fallback,
    reconcile: Reconcile,
    listener: Option<Listener>,
    expire_every: Option<Duration>,
}

impl std::fmt::Debug for DbBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DbBuilder")
            .field("store", &self.store)
            .field("indexes", &self.indexes)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Default for DbBuilder {
    fn default() -> Self {
        Self {
            store: None,
            choose: None,
            indexes: Vec::new(),
            lock_queue: None,
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            limits: Limits::default(),
            prices: Prices::default(),
            layers: LayerSettings::default(),
            body_cache: 0,
            snapshots: Snapshots::default(),
            in_flight_bound: Duration::from_secs(60),
            retention: Duration::from_secs(24 * 60 * 60),
            read_only: false,
            sealed_only: false,
            abandon_missing_backends: false,
            monitor: None,
            fallback: Fallback::default(),
            reconcile: Reconcile::default(),
            listener: None,
            expire_every: Some(Duration::from_secs(60)),
        }
    }
}

impl DbBuilder {
    /// Where the documents lie.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn CasStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Where the documents lie, when what the store can do is only known from the probe: `probed` is what the probe runs
    /// on, and `choose` gives what is used afterwards.
    #[must_use]
    pub fn store_chosen_by_probe(
        mut self,
        probed: Arc<dyn CasStore>,
        choose: impl Fn(&ProbeReport) -> Arc<dyn CasStore> + Send + Sync + 'static,
    ) -> Self {
        self.store = Some(probed);
        self.choose = Some(Arc::new(choose));
        self
    }

    /// An index backend. The first one takes the indexes of new collections; without any, entries are objects.
    #[must_use]
    pub fn index(mut self, index: Arc<dyn IndexStore>) -> Self {
        self.indexes.push(index);
        self
    }

    /// What requests cost, for the profiles of queries; the list prices of S3 by default.
    #[must_use]
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = prices;
        self
    }

    /// What wakes those who wait for a lock. Without it they look at the lock document from time to time, which is as safe
    /// and less fair.
    #[must_use]
    pub fn lock_queue(mut self, queue: Arc<dyn LockQueue>) -> Self {
        self.lock_queue = Some(queue);
        self
    }

    /// The clock; the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The source of randomness; the system's by default.
    #[must_use]
    pub fn rng(mut self, rng: Arc<dyn Rng>) -> Self {
        self.rng = rng;
        self
    }

    /// The limits of this process.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Retries, deadlines and concurrency of single requests.
    #[must_use]
    pub fn layers(mut self, layers: LayerSettings) -> Self {
        self.layers = layers;
        self
    }

    /// Keeps the documents that scans read, up to so many bytes (0, the default: none). The next scan reads those that changed
    /// since, and one LIST per 1,000 documents tells which. Results are as fresh as that LIST, and never older than what
    /// this handle wrote or read itself.
    ///
    /// Kept are only documents with an envelope. Nothing is kept when the store's LISTs were not seen to agree with its reads
    /// (check 10 of the [probe report](Db::probe_report)). Transactions and snapshots in time always read.
    #[must_use]
    pub fn body_cache(mut self, bytes: u64) -> Self {
        self.body_cache = bytes;
        self
    }

    /// What scans do with packed copies of the documents: nothing by default.
    #[must_use]
    pub fn snapshots(mut self, snapshots: Snapshots) -> Self {
        self.snapshots = snapshots;
        self
    }

    /// How long a write may be in flight (60 s). Stamped when the database is made; later values are ignored, since all
    /// processes must agree. Rebuilding an index waits this long, and no write resolves longer than this.
    #[must_use]
    pub fn in_flight_bound(mut self, bound: Duration) -> Self {
        self.in_flight_bound = bound;
        self
    }

    /// How long tombstones, stubs and entries without a document are kept (24 h); never less than twice the in-flight
    /// bound, since a write on its way may need them.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Opens for reading only: every write is refused.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Marks the database for good: from now on every process refuses types that are not sealed by a lock, drafts and
    /// `unsealed` ones (`SB-SCHEMA-DRIFT`). For production. Processes that have it open learn of it when they open it again.
    #[must_use]
    pub fn sealed_only(mut self, sealed_only: bool) -> Self {
        self.sealed_only = sealed_only;
        self
    }

    /// Marks index backends down that the catalog names and this process does not have, instead of refusing to write.
    #[must_use]
    pub fn abandon_missing_backends(mut self, abandon: bool) -> Self {
        self.abandon_missing_backends = abandon;
        self
    }

    /// Starts the health monitor when the database is open: see [`Db::monitor`]. Off unless it is asked for.
    #[must_use]
    pub fn monitor(mut self, settings: MonitorSettings) -> Self {
        self.monitor = Some(settings);
        self
    }

    /// What queries do while no index that would find their documents answers: they scan, unless told otherwise. A request
    /// can say it for itself.
    #[must_use]
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = fallback;
        self
    }

    /// How this process builds indexes again by itself that an outage took out of use. It does until the database is closed, or
    /// its last handle dropped.
    #[must_use]
    pub fn reconcile(mut self, reconcile: Reconcile) -> Self {
        self.reconcile = reconcile;
        self
    }

    /// Called with the progress of every rebuild that this process runs, by itself or asked for. It must not block.
    #[must_use]
    pub fn on_rebuild(
        mut self,
        listener: impl Fn(&RebuildProgress) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// How often this process deletes documents that are past their time by a TTL index, of the types that it
    /// [told](Db::with_schema): every minute and up to a quarter more, the first time within ten seconds, unless told otherwise (1 s
    /// to 365 days); `None`: only when [`delete_expired`](Db::delete_expired) is called. A look asks each TTL index once, with a LIST or a
    /// call of the backend for each shard, and the catalog. A document that cannot go is left alone for 5 minutes, then for twice as
    /// long each time, up to an hour.
    #[must_use]
    pub fn expire_every(mut self, interval: Option<Duration>) -> Self {
        self.expire_every = interval;
        self
    }

    /// Opens the database. The first open of a store probes it (about 150 requests) and stamps the result; a store that
    /// fails one of the checks 1 to 6 opens for reading only.
    ///
    /// # Errors
    /// - [`Misconfigured`](crate::ErrorKind::Misconfigured): no store, or the bucket or folder does not exist.
    /// - [`Denied`](crate::ErrorKind::Denied), [`Unavailable`](crate::ErrorKind::Unavailable): as the store says.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): a newer format.
    pub async fn open(self) -> Result<Db> {
        self.connect().await.map_err(|error| error.during("open"))
    }

    async fn connect(self) -> Result<Db> {
        let raw = self
            .store
            .clone()
            .ok_or_else(|| Error::new(Code::MISCONFIGURED, "no store was given"))?;
        let mut first = self.assemble(&raw, self.in_flight_bound);
        first.database.sealed_only = self.sealed_only;
        let database = match load(&first).await? {
            Some(marked) if self.sealed_only && !marked.sealed_only && !self.read_only => {
                mark_sealed_only(&first).await?
            }
            Some(database) => database,
            None if self.read_only => first.database,
            None => create(&mut first).await?,
        };
        // What the database and its probe say decides about deadlines and about the store itself.
        let chosen = self
            .choose
            .as_ref()
            .map_or(raw, |choose| choose(&database.probe));
        let mut engine = self.assemble(&chosen, database.in_flight_bound);
        engine.database = database;
        self.warm(&mut engine);
        engine.guard = self.guard(&engine.database);
        attach_backends(&engine).await?;
        let db = Db::new(Arc::new(engine));
        if let Some(settings) = self.monitor {
            db.monitor().start(settings);
        }
        Ok(db)
    }

    /// Keeps bodies where the store's LISTs tell which are current.
    fn warm(&self, engine: &mut Engine) {
        if self.body_cache == 0 && !self.snapshots.are_read() {
            return;
        }
        if !probe::lists_versions(&engine.database.probe) {
            tracing::warn!(
                "the lists of this store were not seen to agree with its reads: scans read every document"
            );
            return;
        }
        let bodies = Bodies::new(self.body_cache);
        engine.store = Arc::new(Watched::new(engine.store.clone(), bodies.clone()));
        engine.warm.bodies = Some(bodies);
    }

    fn assemble(&self, raw: &Arc<dyn CasStore>, in_flight_bound: Duration) -> Engine {
        let medic = Watch::default();
        let mut layers = self.layers;
        layers.attempt_timeout = layers.attempt_timeout.min(in_flight_bound / 2);
        let (store, counts) =
            layer::stack(raw.clone(), self.clock.clone(), self.rng.clone(), layers);
        let mut backends = self.indexes.clone();
        // Object entries need nothing besides the store, so they can always be kept up and asked.
        backends.push(Arc::new(ObjectIndex::new(
            store.clone(),
            self.clock.clone(),
        )));
        let database = Database {
            envelope: first_envelope(&*self.rng, &*self.clock),
            id: self.rng.nonce(),
            in_flight_bound: self.in_flight_bound,
            probe: ProbeReport {
                version: 0,
                checks: Vec::new(),
            },
            sealed_only: false,
            unknown: Default::default(),
        };
        Engine {
            store,
            counts,
            backends,
            clock: self.clock.clone(),
            rng: self.rng.clone(),
            limits: self.limits.usable(),
            prices: self.prices,
            profiler: Default::default(),
            retention: self.retention.max(in_flight_bound.saturating_mul(2)),
            database,
            guard: WriteGuard::Open,
            abandon_missing_backends: self.abandon_missing_backends,
            cursor_keys: OnceCell::new(),
            transactions: Default::default(),
            turns: Default::default(),
            locks: Hall::new(self.lock_queue.clone()),
            counters: Default::default(),
            sequences: Default::default(),
            outages: Outages::new(
                self.reconcile,
                self.listener.clone(),
                reconcile::watch,
                medic.closing().child_token(),
            ),
            expiry: Expiry::new(self.expire_every, expire::watch),
            medic,
            monitor: Default::default(),
            fallback: self.fallback,
            tasks: TaskTracker::new(),
            writes: Arc::new(Semaphore::new(self.limits.usable().concurrent_writes)),
            sweeps: Arc::new(Semaphore::new(SWEEPS)),
            begin_upgrade: migrate::begin,
            warm: Warm::new(self.snapshots, snapshot::begin),
            relations: Default::default(),
            collections: Default::default(),
        }
    }

    fn guard(&self, database: &Database) -> WriteGuard {
        match probe::failed_required(&database.probe) {
            _ if self.read_only => WriteGuard::ReadOnly,
            Some(check) => WriteGuard::ProbeFailed(describe(&check)),
            None => WriteGuard::Open,
        }
    }
}

/// Each backend finds out whether what it kept is still true.
async fn attach_backends(engine: &Engine) -> Result<()> {
    let host = Host {
        database: engine.database.id,
        store: engine.store.clone(),
        write_deadline: engine.longest_write(),
        is_writable: engine.check_writable().is_ok(),
    };
    for backend in &engine.backends {
        let attached = backend.attach(&host).await;
        attached.map_err(|error| match error {
            IndexError::Store(error) => store_failure(error),
            IndexError::Refused(text) => Error::new(Code::MISCONFIGURED, text),
            error => {
                Error::new(Code::UNAVAILABLE, "an index backend does not answer").with_source(error)
            }
        })?;
    }
    Ok(())
}

fn describe(check: &ProbeCheck) -> String {
    let seen = check.failure.as_deref().unwrap_or("it was not run");
    format!("check {}, {}: {seen}", check.number, check.name)
}

async fn load(engine: &Engine) -> Result<Option<Database>> {
    let object = engine
        .store
        .get(&path::database())
        .await
        .map_err(store_failure)?;
    object
        .map(|object| Database::open(&object.bytes))
        .transpose()
}

/// Writes the mark by compare-and-swap; whoever marks at the same time says the same.
async fn mark_sealed_only(engine: &Engine) -> Result<Database> {
    const TRIES: usize = 16;
    for _ in 0..TRIES {
        let key = path::database();
        let object = engine.store.get(&key).await.map_err(store_failure)?;
        let Some(object) = object else { break };
        let mut marked = Database::open(&object.bytes)?;
        if marked.sealed_only {
            return Ok(marked);
        }
        let base = marked.envelope.clone();
        marked.sealed_only = true;
        marked.envelope.rev += 1;
        marked.envelope.put = engine.nonce();
        marked.envelope.write = engine.nonce();
        marked.envelope.prev = base.lineage();
        marked.envelope.updated = Some(engine.now());
        let body = envelope::open(&marked.seal())?.body;
        let base = Some((object.version, base));
        let machine: PutMachine = PutMachine::new(key, base, marked.envelope.clone(), &body);
        match engine.drive(machine).await {
            PutOutcome::Applied(_) => return Ok(marked),
            PutOutcome::Lost(_) => {}
            PutOutcome::Refused(error) | PutOutcome::Unknown(error) => {
                return Err(store_failure(error));
            }
        }
    }
    let text = "the database's settings keep changing";
    Err(Error::new(Code::UNAVAILABLE, text))
}

/// Probes the store and stamps it. Where somebody else was faster, theirs holds. A store that fails is not stamped, so
/// that it is probed again once it was mended.
async fn create(engine: &mut Engine) -> Result<Database> {
    let mut database = engine.database.clone();
    database.probe = probe::probe(&*engine.store, &*engine.rng, &*engine.clock)
        .await
        .map_err(store_failure)?;
    if probe::failed_required(&database.probe).is_some() {
        return Ok(database);
    }
    let bytes = database.seal();
    let body = envelope::open(&bytes)?.body;
    let machine = PutMachine::new(path::database(), None, database.envelope.clone(), &body);
    match drive(
        &*engine.store,
        &*engine.clock,
        &*engine.rng,
        engine.deadline(),
        machine,
    )
    .await
    {
        PutOutcome::Applied(_) => Ok(database),
        PutOutcome::Lost(Some(object)) => Database::open(&object.bytes),
        PutOutcome::Lost(None) => Err(Error::new(
            Code::UNAVAILABLE,
            "the database was removed while it was opened",
        )),
        PutOutcome::Refused(error) | PutOutcome::Unknown(error) => Err(store_failure(error)),
    }
}
