//! The state of the health monitor: its settings, whether it runs, what it did, and who listens. The job itself stands in
//! `maintenance`.

use std::{sync::Mutex, time::Duration};

use tokio::{
    sync::broadcast::{self, error::RecvError},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::drift::CollectionReport;
use crate::document::Timestamp;

/// How many events are kept for a listener that is slow.
const EVENTS: usize = 256;

/// How the health monitor looks after the indexes of an open database.
///
/// ```
/// use std::time::Duration;
/// # mod smarterbase { pub use smarterbase_core::maintenance; }
/// use smarterbase::maintenance::monitor::MonitorSettings;
///
/// let settings = MonitorSettings {
///     interval: Duration::from_secs(60),
///     ..MonitorSettings::default()
/// };
/// assert_eq!((settings.sample, settings.repair), (100, true));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MonitorSettings {
    /// From the begin of a run to the begin of the next: 5 minutes, and up to a tenth more so that processes do not run in
    /// step. A run that takes longer leaves out what it overran. 1 ms to 365 days.
    pub interval: Duration,
    /// How many documents of each collection, and how many entries of each index, a run looks at: 100. Each run goes on where
    /// the last one ended.
    pub sample: usize,
    /// From the begin of a look at everything to the begin of the next: 24 hours. [`Duration::MAX`] for never.
    pub scrub: Duration,
    /// The share of a sample from which on the whole collection is looked at: 0.05.
    pub threshold: f64,
    /// Whether what is found is put right: yes.
    pub repair: bool,
    /// At most so many documents are read in a second while everything is looked at: 1,000.
    pub per_second: u32,
}

impl Default for MonitorSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5 * 60),
            sample: 100,
            scrub: Duration::from_secs(24 * 60 * 60),
            threshold: 0.05,
            repair: true,
            per_second: 1_000,
        }
    }
}

/// What the monitor tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MonitorEvent {
    /// A sample of a collection was compared, and what was found was put right if the settings say so.
    Sampled(CollectionReport),
    /// The whole collection was: it was time, or a sample was over the threshold.
    Scrubbed(CollectionReport),
    /// A collection could not be looked at.
    Failed {
        /// The collection.
        collection: String,
        /// Why.
        error: String,
    },
    /// So many intervals went by while a run was still at it.
    Skipped(u64),
    /// This listener was too slow for so many events.
    Missed(u64),
}

/// What the monitor did since the database was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MonitorStatus {
    /// Whether it runs.
    pub is_running: bool,
    /// How many times it looked at all collections.
    pub runs: u64,
    /// How many intervals it left out because a run was still at it.
    pub skipped: u64,
    /// How many collections it could not look at.
    pub failures: u64,
    /// How many collections it looked at as a whole.
    pub scrubs: u64,
    /// How many entries and claims were missing.
    pub missing: u64,
    /// How many were too many.
    pub extra: u64,
    /// How many of both were put right.
    pub repaired: u64,
    /// When the last run ended.
    pub last_run: Option<Timestamp>,
}

/// Listens to the monitor: see `HealthMonitor::events`.
#[derive(Debug)]
pub struct MonitorEvents(broadcast::Receiver<MonitorEvent>);

impl MonitorEvents {
    /// The next event; `None` once the database is gone.
    pub async fn next(&mut self) -> Option<MonitorEvent> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(missed)) => Some(MonitorEvent::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

/// The monitor of one engine.
#[derive(Debug)]
pub(crate) struct Monitor {
    task: Mutex<Option<Task>>,
    status: Mutex<MonitorStatus>,
    events: broadcast::Sender<MonitorEvent>,
    /// One run at a time, whoever asks for it.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// [`Clock::elapsed`](crate::port::Clock::elapsed) at the begin of the last look at everything.
    pub(crate) scrubbed: Mutex<Option<Duration>>,
}

/// The task that runs.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) stop: CancellationToken,
    pub(crate) handle: JoinHandle<()>,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            task: Mutex::default(),
            status: Mutex::default(),
            events: broadcast::channel(EVENTS).0,
            turn: tokio::sync::Mutex::default(),
            scrubbed: Mutex::default(),
        }
    }
}

impl Monitor {
    /// Takes the task that `begin` makes, unless one runs. Gives whether it did.
    pub(crate) fn begin(&self, begin: impl FnOnce() -> Task) -> bool {
        let mut task = self.task.lock().expect("no panic while holding the lock");
        if task.as_ref().is_some_and(|task| !task.handle.is_finished()) {
            return false;
        }
        *task = Some(begin());
        true
    }

    /// Hands the task out, to be ended.
    pub(crate) fn take(&self) -> Option<Task> {
        let mut task = self.task.lock().expect("no panic while holding the lock");
        task.take().filter(|task| !task.handle.is_finished())
    }

    pub(crate) fn is_running(&self) -> bool {
        let task = self.task.lock().expect("no panic while holding the lock");
        task.as_ref().is_some_and(|task| !task.handle.is_finished())
    }

    /// Nobody listening is fine.
    pub(crate) fn tell(&self, event: MonitorEvent) {
        let _listeners = self.events.send(event);
    }

    pub(crate) fn listen(&self) -> MonitorEvents {
        MonitorEvents(self.events.subscribe())
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut MonitorStatus)) {
        change(&mut self.status.lock().expect("no panic while holding the lock"));
    }

    pub(crate) fn status(&self) -> MonitorStatus {
        let status = *self.status.lock().expect("no panic while holding the lock");
        MonitorStatus {
            is_running: self.is_running(),
            ..status
        }
    }
}
