//! The health monitor: compares a sample of every index with its documents from time to time, and puts right what it finds.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::verify::{self, CollectionReport, Settings, VerifyReport};
pub use crate::operation::monitor::{MonitorEvent, MonitorEvents, MonitorSettings, MonitorStatus};
use crate::{
    error::Result,
    operation::{Collection, Engine, limits::LONGEST_INTERVAL, metric, monitor::Task},
    port::Clock,
};

/// Starts, stops and listens to the health monitor of an open database: see `Db::monitor`.
///
/// It is off until [`start`](Self::start), or `DbBuilder::monitor`, and ends with the
/// database. Any number of processes may run it.
#[derive(Clone, Debug)]
pub struct HealthMonitor {
    engine: Arc<Engine>,
}

impl HealthMonitor {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// Begins to look after the indexes, the first time within an interval. Gives `false` and changes nothing where it runs
    /// already, or the database is closed. Must be called inside a tokio runtime.
    #[allow(
        clippy::must_use_candidate,
        reason = "who starts it twice needs no answer"
    )]
    pub fn start(&self, settings: MonitorSettings) -> bool {
        !self.engine.tasks.is_closed()
            && self.engine.monitor.begin(|| spawn(&self.engine, settings))
    }

    /// Ends it, and waits until it has ended: a repair that is under way is left as it is, which does no harm. Gives whether it
    /// ran. It may be started again, any number of times.
    pub async fn stop(&self) -> bool {
        let Some(task) = self.engine.monitor.take() else {
            return false;
        };
        task.stop.cancel();
        // A run that panicked has ended as well.
        let _ended = task.handle.await;
        true
    }

    /// Looks at a sample of every collection now, whether it was started or not; after the run that is under way.
    ///
    /// # Errors
    /// Those of `Db::verify_indexes`, of the first collection that could not be looked at.
    pub async fn run_now(&self, settings: MonitorSettings) -> Result<VerifyReport> {
        let round = run(&self.engine, &settings).await;
        round.error.map_or(Ok(round.report), Err)
    }

    /// What it did since the database was opened.
    #[must_use]
    pub fn status(&self) -> MonitorStatus {
        self.engine.monitor.status()
    }

    /// Listens from now on. A listener that is slow misses events, and is told how many.
    #[must_use]
    pub fn events(&self) -> MonitorEvents {
        self.engine.monitor.listen()
    }
}

fn spawn(engine: &Arc<Engine>, settings: MonitorSettings) -> Task {
    let stop = engine.closing().child_token();
    let watch = watch(
        Arc::downgrade(engine),
        engine.clock.clone(),
        settings,
        stop.clone(),
    );
    Task {
        handle: engine.tasks.spawn(watch),
        stop,
    }
}

/// Runs until it is told to stop, or the database is closed or gone. It holds the database only while it looks at it.
async fn watch(
    engine: Weak<Engine>,
    clock: Arc<dyn Clock>,
    settings: MonitorSettings,
    stop: CancellationToken,
) {
    let interval = settings
        .interval
        .clamp(Duration::from_millis(1), LONGEST_INTERVAL);
    let mut due = clock.elapsed() + first_pause(&engine, interval);
    loop {
        let pause = due.saturating_sub(clock.elapsed());
        if stop.run_until_cancelled(clock.sleep(pause)).await.is_none() {
            return;
        }
        let Some(engine) = engine.upgrade() else {
            return;
        };
        if stop
            .run_until_cancelled(run(&engine, &settings))
            .await
            .is_none()
        {
            return;
        }
        let overrun = clock.elapsed().saturating_sub(due + interval);
        skip(&engine, overrun.as_nanos() / interval.as_nanos());
        due = due.max(clock.elapsed().saturating_sub(interval))
            + interval
            + jitter(&engine, interval);
    }
}

/// Processes that start together do not run in step.
fn first_pause(engine: &Weak<Engine>, interval: Duration) -> Duration {
    let engine = engine.upgrade();
    engine.map_or(interval, |engine| {
        interval / 2 + jitter(&engine, interval * 5)
    })
}

/// Up to a tenth.
fn jitter(engine: &Engine, interval: Duration) -> Duration {
    let most = u64::try_from(interval.as_millis() / 10).unwrap_or(u64::MAX);
    Duration::from_millis(engine.rng.below(most.max(1)))
}

/// Intervals that went by during a run.
fn skip(engine: &Engine, intervals: u128) {
    let skipped = u64::try_from(intervals).unwrap_or(u64::MAX);
    if skipped > 0 {
        engine.monitor.note(|status| status.skipped += skipped);
        engine.monitor.tell(MonitorEvent::Skipped(skipped));
    }
}

/// What one run found, and the first failure.
struct Round {
    report: VerifyReport,
    error: Option<crate::Error>,
}

/// Looks at every collection once. One that fails does not keep it from the others.
async fn run(engine: &Arc<Engine>, settings: &MonitorSettings) -> Round {
    let _one_at_a_time = engine.monitor.turn.lock().await;
    let scrubs = is_time_to_scrub(engine, settings);
    let mut round = Round {
        report: VerifyReport::default(),
        error: None,
    };
    for collection in engine.known_collections() {
        match look(engine, &collection, settings, scrubs).await {
            Ok(report) => round.report.collections.push(report),
            Err(error) => {
                fail(engine, &collection, &error);
                round.error.get_or_insert(error);
            }
        }
    }
    let now = engine.now();
    engine.monitor.note(|status| {
        status.runs += 1;
        status.last_run = Some(now);
    });
    metric::monitored(if round.error.is_none() {
        "done"
    } else {
        "failed"
    });
    round
}

/// The first run of a process does not: a look at everything is dear, and processes may start often.
fn is_time_to_scrub(engine: &Engine, settings: &MonitorSettings) -> bool {
    let now = engine.clock.elapsed();
    let mut last = engine
        .monitor
        .scrubbed
        .lock()
        .expect("no panic while holding the lock");
    let is_due = last.is_some_and(|last| now.saturating_sub(last) >= settings.scrub);
    if is_due || last.is_none() {
        *last = Some(now);
    }
    is_due
}

/// A sample, or everything when it is time; and everything when too much of the sample was wrong.
async fn look(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    settings: &MonitorSettings,
    scrubs: bool,
) -> Result<CollectionReport> {
    if !scrubs {
        let sampled = verify(engine, collection, settings, Some(settings.sample)).await?;
        note(engine, &sampled, MonitorEvent::Sampled(sampled.clone()));
        if sampled.is_sound() || sampled.drift() < settings.threshold {
            return Ok(sampled);
        }
        tracing::warn!(
            collection = collection.name(),
            drift = sampled.drift(),
            "a sample of the indexes is wrong; the whole collection is compared"
        );
    }
    let whole = verify(engine, collection, settings, None).await?;
    engine.monitor.note(|status| status.scrubs += 1);
    note(engine, &whole, MonitorEvent::Scrubbed(whole.clone()));
    Ok(whole)
}

async fn verify(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    settings: &MonitorSettings,
    sample: Option<usize>,
) -> Result<CollectionReport> {
    let how = Settings {
        sample,
        repair: settings.repair && engine.check_writable().is_ok(),
        per_second: Some(settings.per_second),
    };
    verify::verify(engine, collection, how, &mut |_| {}).await
}

fn note(engine: &Engine, report: &CollectionReport, event: MonitorEvent) {
    let total = VerifyReport {
        collections: vec![report.clone()],
    };
    if !report.is_sound() {
        tracing::warn!(
            collection = report.collection,
            missing = total.missing(),
            extra = total.extra(),
            repaired = total.repaired(),
            "indexes and documents differ"
        );
    }
    engine.monitor.note(|status| {
        status.missing += total.missing();
        status.extra += total.extra();
        status.repaired += total.repaired();
    });
    engine.monitor.tell(event);
}

fn fail(engine: &Engine, collection: &Collection, error: &crate::Error) {
    tracing::warn!(collection = collection.name(), %error, "the indexes could not be compared with their documents");
    engine.monitor.note(|status| status.failures += 1);
    engine.monitor.tell(MonitorEvent::Failed {
        collection: collection.name().to_owned(),
        error: error.to_string(),
    });
}
