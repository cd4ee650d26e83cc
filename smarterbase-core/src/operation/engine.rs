//! What every operation works with: the store, the index backends, time, limits, and the tasks of detached writes.

use std::{
    any::TypeId,
    collections::HashMap,
    future::Future,
    sync::{Arc, RwLock},
    time::Duration,
};

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    Collection,
    background::{Background, Running},
    counter::Counter,
    expiry::Expiry,
    limits::Limits,
    lock::Hall,
    monitor::Monitor,
    outage::{Fallback, Outages},
    profile::{Prices, Profiler, trace},
    register::Lines,
    relations::Relations,
    sequence::Sequence,
    transaction::{TransactionCounters, turns::Turns},
    warm::Warm,
};
/// A store's failure as the user sees it, when nothing was changed by it.
pub(crate) use crate::protocol::nothing_happened as store_failure;
use crate::{
    document::{Document, Moment, Timestamp},
    error::{Code, Error, Result},
    format::{Nonce, cursor::CursorKeys, database::Database},
    port::{CasStore, Clock, IndexStore, Rng},
    protocol::{
        Deadline, Machine, Settler,
        drive::{Store, drive},
    },
    store::layer::RequestCounts,
};

/// Upgrades a whole collection on a task of its own.
pub(crate) type BeginUpgrade = fn(&Arc<Engine>, Arc<Collection>);

/// Why nothing may be written.
#[derive(Clone, Debug)]
pub(crate) enum WriteGuard {
    Open,
    /// Opened with `read_only`.
    ReadOnly,
    /// The store failed a required check of the probe: its number, name and what was seen.
    ProbeFailed(String),
}

/// A task that watches in the background, until the database is closed or dropped.
pub(crate) struct Watch {
    task: Background,
    closing: CancellationToken,
    /// Cancels when the engine is dropped.
    _guard: DropGuard,
}

impl Default for Watch {
    fn default() -> Self {
        let closing = CancellationToken::new();
        Self {
            task: Background::default(),
            _guard: closing.clone().drop_guard(),
            closing,
        }
    }
}

impl Watch {
    /// The right to run, where the task is to be begun now.
    pub(crate) fn begin(&self) -> Option<Running> {
        self.task.begin().filter(|_| !self.closing.is_cancelled())
    }

    pub(crate) fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }
}

/// One open database.
pub(crate) struct Engine {
    pub(crate) store: Arc<dyn CasStore>,
    pub(crate) counts: Arc<RequestCounts>,
    /// The first one takes new definitions and is asked first.
    pub(crate) backends: Vec<Arc<dyn IndexStore>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) limits: Limits,
    pub(crate) prices: Prices,
    pub(crate) profiler: Profiler,
    /// How long tombstones, stubs and entries without a document are kept.
    pub(crate) retention: Duration,
    pub(crate) database: Database,
    pub(crate) guard: WriteGuard,
    /// A backend that the catalog names and nobody registered is marked down instead of refused (rule S6).
    pub(crate) abandon_missing_backends: bool,
    pub(crate) cursor_keys: OnceCell<CursorKeys>,
    pub(crate) transactions: TransactionCounters,
    pub(crate) turns: Arc<Turns>,
    pub(crate) locks: Hall,
    pub(crate) counters: Lines<Counter>,
    pub(crate) sequences: Lines<Sequence>,
    pub(crate) medic: Watch,
    pub(crate) monitor: Monitor,
    pub(crate) outages: Outages,
    pub(crate) expiry: Expiry,
    /// What queries do while no index answers.
    pub(crate) fallback: Fallback,
    pub(crate) tasks: TaskTracker,
    pub(crate) writes: Arc<Semaphore>,
    /// Stale entries that are removed in the background at the same time.
    pub(crate) sweeps: Arc<Semaphore>,
    /// What the first use of an eager type begins; the job itself stands above this module.
    pub(crate) begin_upgrade: BeginUpgrade,
    pub(crate) warm: Warm,
    pub(crate) relations: Relations,
    pub(crate) collections: RwLock<HashMap<TypeId, Arc<Collection>>>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("store", &self.store)
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// The collection of `T`; registered at first use.
    pub(crate) fn collection<T: Document>(&self) -> Arc<Collection> {
        let type_id = TypeId::of::<T>();
        if let Some(known) = self
            .collections
            .read()
            .expect("no panic while holding the lock")
            .get(&type_id)
        {
            return known.clone();
        }
        let mut collections = self
            .collections
            .write()
            .expect("no panic while holding the lock");
        collections
            .entry(type_id)
            .or_insert_with(Collection::new::<T>)
            .clone()
    }

    /// Every collection that this process knows: of the program's list of types, and those that were used.
    pub(crate) fn known_collections(&self) -> Vec<Arc<Collection>> {
        for kin in self.relations.types() {
            (kin.collection)(self);
        }
        let collections = self
            .collections
            .read()
            .expect("no panic while holding the lock");
        let mut known: Vec<_> = collections.values().cloned().collect();
        known.sort_by_key(|collection| (collection.name(), collection.spec.type_name));
        known
    }

    /// Every collection that was used.
    pub(crate) fn all_collections(&self) -> Vec<Arc<Collection>> {
        let collections = self.collections.read();
        let collections = collections.expect("no panic while holding the lock");
        collections.values().cloned().collect()
    }

    pub(crate) fn backend(&self, name: &str) -> Option<&Arc<dyn IndexStore>> {
        self.backends.iter().find(|backend| backend.name() == name)
    }

    pub(crate) fn nonce(&self) -> Nonce {
        self.rng.nonce()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Runs `stamp` with a moment of this engine's clock and randomness.
    pub(crate) fn moment<R>(
        &self,
        now: Timestamp,
        is_new: bool,
        stamp: impl FnOnce(&mut Moment<'_>) -> R,
    ) -> R {
        let mut random = |bytes: &mut [u8]| self.rng.fill(bytes);
        stamp(&mut Moment::new(now, is_new, &mut random))
    }

    /// When a write that starts now stops resolving. Its last attempt may take as long again, and both together stay
    /// within the in-flight bound.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline {
            at: self.clock.elapsed() + self.longest_write(),
        }
    }

    pub(crate) fn longest_write(&self) -> Duration {
        let bound = self.database.in_flight_bound / 2;
        self.limits.write_deadline.min(bound)
    }

    /// Runs a machine of the protocol on the store, under the deadline of a write.
    pub(crate) async fn drive<M: Machine>(&self, machine: M) -> M::Output {
        let deadline = self.deadline();
        drive(&*self.store, &*self.clock, &*self.rng, deadline, machine).await
    }

    /// What conductors of the protocol run against.
    pub(crate) fn machines(&self) -> Store<'_> {
        Store {
            store: &*self.store,
            clock: &*self.clock,
            rng: &*self.rng,
        }
    }

    /// How a plain write, or a strict read, waits for transactions: everybody goes first, but not for ever. Who may not
    /// write may abort nobody, and waits until the time is up.
    pub(crate) fn settler(&self) -> Settler {
        const LONGER_THAN_ANY_DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);
        let limits = self.limits.transactions;
        let mut settler = Settler {
            attempt: None,
            priority: None,
            grace: limits.grace,
            lease: limits.lease,
            longest: self.longest_write() * 2 / 3,
        };
        if self.check_writable().is_err() {
            settler.grace = LONGER_THAN_ANY_DEADLINE;
            settler.lease = LONGER_THAN_ANY_DEADLINE;
            settler.longest = LONGER_THAN_ANY_DEADLINE;
        }
        settler
    }

    /// Whether a task that writes may begin to run for as long as somebody has a handle to the database.
    pub(crate) fn may_watch(&self) -> bool {
        self.check_open().is_ok() && !self.outages.ending.is_cancelled()
    }

    /// Cancelled when the database is closed or dropped.
    pub(crate) fn closing(&self) -> CancellationToken {
        self.medic.closing()
    }

    /// Refuses when nothing may be written.
    pub(crate) fn check_writable(&self) -> Result<()> {
        match &self.guard {
            WriteGuard::Open => Ok(()),
            WriteGuard::ReadOnly => Err(Error::new(
                Code::READ_ONLY,
                "the database was opened read-only",
            )),
            WriteGuard::ProbeFailed(check) => Err(Error::new(
                Code::PROBE_FAILED,
                format!(
                    "the store failed a check that writing depends on, so it is open for reading only: {check}"
                ),
            )),
        }
    }

    /// Refuses when nothing may be written, any more.
    pub(crate) fn check_open(&self) -> Result<()> {
        self.check_writable()?;
        match self.tasks.is_closed() {
            true => Err(closed()),
            false => Ok(()),
        }
    }

    /// A place among the writes that may run at the same time.
    pub(crate) async fn admit(&self) -> Result<OwnedSemaphorePermit> {
        self.check_writable()?;
        if self.tasks.is_closed() {
            return Err(closed());
        }
        let place = self.writes.clone().acquire_owned().await;
        // `close` may have come while this write waited.
        place
            .ok()
            .filter(|_| !self.tasks.is_closed())
            .ok_or_else(closed)
    }

    /// Runs a write on a task that the database owns and gives its reply. Dropping the returned future only detaches
    /// from the write; what `write` does after its reply goes on too. [`TaskTracker::wait`] waits for all. Whatever it asks
    /// for counts for the operation that is measured here.
    pub(crate) async fn detach<R, F>(
        self: &Arc<Self>,
        write: impl FnOnce(Arc<Self>, oneshot::Sender<Result<R>>) -> F,
    ) -> Result<R>
    where
        R: Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let permit = self.admit().await?;
        let (reply, answer) = oneshot::channel();
        let running = trace::carry(write(self.clone(), reply));
        self.tasks.spawn(async move {
            running.await;
            drop(permit);
        });
        answer
            .await
            .unwrap_or_else(|_| Err(super::write::task_ended()))
    }
}

pub(crate) fn closed() -> Error {
    Error::new(Code::CLOSED, "the database is closed")
}
