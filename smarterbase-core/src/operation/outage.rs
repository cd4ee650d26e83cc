//! Outages of an index backend: what queries do meanwhile, and who is told so that the index is built again by itself.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    Engine,
    background::{Background, Running},
    limits::LONGEST_INTERVAL,
};

/// What a query does while no index that would find its documents answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// It reads every document, under its budget.
    #[default]
    Scan,
    /// It is refused (`SB-INDEX-UNAVAILABLE`), for programs that would rather have no answer than a costly one.
    Never,
}

/// How a process builds indexes again by itself that an outage took out of use. Only backends that can lose entries need
/// it; objects cannot.
///
/// ```
/// use smarterbase_core::{db::Db, operation::outage::Reconcile};
/// let gently = Reconcile { documents_per_second: 500, ..Reconcile::default() };
/// let builder = Db::builder().reconcile(gently);
/// let never = Db::builder().reconcile(Reconcile::off());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconcile {
    /// Whether it does (yes).
    pub is_on: bool,
    /// How often it looks for a loss that no query and no write has met (30 s; 10 ms to 365 days). One GET and one call of the
    /// backend per collection.
    pub look_every: Duration,
    /// How often it asks whether a backend is back that is known to be away (1 s; 10 ms to 365 days). After attempts that
    /// failed, twice as long each time, up to a minute.
    pub retry_every: Duration,
    /// How many documents a rebuild reads in a second (4,000). Those that did not change are not read.
    pub documents_per_second: u32,
    /// How many documents a rebuild reads at the same time (64).
    pub concurrent_reads: usize,
}

impl Default for Reconcile {
    fn default() -> Self {
        Self {
            is_on: true,
            look_every: Duration::from_secs(30),
            retry_every: Duration::from_secs(1),
            documents_per_second: 4_000,
            concurrent_reads: 64,
        }
    }
}

impl Reconcile {
    /// Nothing is built until somebody calls `Db::rebuild_indexes`.
    #[must_use]
    pub fn off() -> Self {
        Self {
            is_on: false,
            ..Self::default()
        }
    }

    /// With at least one of everything that nothing works without, and no time that a clock cannot be put forward by.
    pub(crate) fn usable(self) -> Self {
        const SHORTEST: Duration = Duration::from_millis(10);
        Self {
            look_every: self.look_every.clamp(SHORTEST, LONGEST_INTERVAL),
            retry_every: self.retry_every.clamp(SHORTEST, LONGEST_INTERVAL),
            documents_per_second: self.documents_per_second.max(1),
            concurrent_reads: self.concurrent_reads.max(1),
            ..self
        }
    }
}

/// How far a rebuild is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebuildProgress {
    /// The collection.
    pub collection: String,
    /// What it is doing.
    pub phase: RebuildPhase,
    /// How many documents were listed.
    pub listed: u64,
    /// How many of them were read; the others are as the index knows them.
    pub read: u64,
}

/// What a rebuild is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RebuildPhase {
    /// It waits until every writer has learned of it (rule S1).
    Waiting,
    /// It goes through the documents.
    Reading,
    /// The index is ready.
    Ready,
    /// It ended without that: an outage again, another run, or an error, which was logged.
    Failed,
}

/// Told of every rebuild that this process runs.
pub(crate) type Listener = Arc<dyn Fn(&RebuildProgress) + Send + Sync>;

/// Runs the reconciler of an engine; it stands above this module.
pub(crate) type BeginReconciling = fn(&Arc<Engine>, Running);

/// What the operations tell the reconciler.
pub(crate) struct Outages {
    pub(crate) settings: Reconcile,
    pub(crate) listener: Option<Listener>,
    begin: BeginReconciling,
    task: Background,
    bell: Arc<Notify>,
    /// Cancelled when the database is closed, or its last handle is dropped: a rebuild may last for long, and keeps the
    /// engine.
    pub(crate) ending: CancellationToken,
}

impl fmt::Debug for Outages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outages")
            .field("settings", &self.settings)
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}

impl Outages {
    pub(crate) fn new(
        settings: Reconcile,
        listener: Option<Listener>,
        begin: BeginReconciling,
        ending: CancellationToken,
    ) -> Self {
        Self {
            settings: settings.usable(),
            listener,
            begin,
            task: Background::default(),
            bell: Arc::new(Notify::new()),
            ending,
        }
    }

    /// Rung by whoever meets an outage.
    pub(crate) fn bell(&self) -> Arc<Notify> {
        self.bell.clone()
    }

    pub(crate) fn tell(&self, progress: &RebuildProgress) {
        if let Some(listener) = &self.listener {
            listener(progress);
        }
    }
}

impl Engine {
    /// Whether the backend that indexes are kept in first can lose entries.
    pub(crate) fn can_lose_entries(&self) -> bool {
        self.backends
            .first()
            .is_some_and(|primary| !primary.uses_tags())
    }

    /// The reconciler begins with the first collection that is used.
    pub(crate) fn watch_indexes(self: &Arc<Self>) {
        let outages = &self.outages;
        if !outages.settings.is_on || !self.can_lose_entries() || !self.may_watch() {
            return;
        }
        if let Some(running) = outages.task.begin() {
            (outages.begin)(self, running);
        }
    }

    /// A query met an index that is lost, or one was marked down.
    pub(crate) fn notice_outage(&self) {
        self.outages.bell.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, LONGEST_INTERVAL, Reconcile};

    #[test]
    fn times_without_end_are_a_year() {
        let seldom = Reconcile {
            look_every: Duration::MAX,
            retry_every: Duration::MAX,
            ..Reconcile::default()
        };
        let usable = seldom.usable();
        assert_eq!(usable.look_every, LONGEST_INTERVAL);
        assert_eq!(usable.retry_every, LONGEST_INTERVAL);
    }
}
