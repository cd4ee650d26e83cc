//! One run of a rebuild: wait, restore, `ready`; and meanwhile the signs of life that keep others from doing the same.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt,
    future::{Either, select},
};

use super::{Build, RebuildReport, finish, is_built, restore::restore};
use crate::{
    error::Result,
    format::catalog::Catalog,
    operation::{
        Collection, Engine,
        agreement::MAX_AGE,
        attach,
        outage::{RebuildPhase, RebuildProgress},
    },
};

/// How often a run shows in the catalog that it lives.
const BEAT: Duration = Duration::from_secs(5);
/// How long a run must have shown nothing until another one takes over.
pub(crate) const SILENCE: Duration = Duration::from_secs(20);
/// How often a run looks at this process's copy of the catalog, which costs nothing.
const GLANCE: Duration = Duration::from_secs(1);

/// Fills what was begun and makes it ready. What somebody took out of use again meanwhile is not among what was built.
pub(crate) async fn carry_out(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    build: &Build,
) -> Result<RebuildReport> {
    let progress = Progress::new(engine, collection);
    let report = attempt(engine, collection, build, &progress).await;
    match &report {
        Ok(report) if report.built.is_empty() => progress.tell(RebuildPhase::Failed),
        Ok(_) => progress.tell(RebuildPhase::Ready),
        Err(_) => {
            progress.tell(RebuildPhase::Failed);
            release(engine, collection, build).await;
        }
    }
    report
}

async fn attempt(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    build: &Build,
    progress: &Progress<'_>,
) -> Result<RebuildReport> {
    progress.tell(RebuildPhase::Waiting);
    let built = if fill_while_wanted(engine, collection, build, progress).await? {
        finish(engine, collection, build).await?
    } else {
        // Not everything was filled: it is for another run to call it ready.
        release(engine, collection, build).await;
        Vec::new()
    };
    Ok(RebuildReport {
        built,
        documents: progress.read.load(Ordering::Relaxed),
    })
}

/// Whether everything was filled before another run took over. When it returns, neither half waits for the store any more: what
/// they hold of its places would be given back by nobody.
async fn fill_while_wanted(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    build: &Build,
    progress: &Progress<'_>,
) -> Result<bool> {
    let filled = fill(engine, collection, build, progress).boxed();
    let moved_on = show_life(engine, collection, build).boxed();
    match select(filled, moved_on).await {
        Either::Left((filled, _)) => filled.map(|()| true),
        Either::Right(_) => Ok(false),
    }
}

/// Every writer has a copy that says `building` before the documents are listed, and what it sent earlier has landed or never
/// will (rule S1).
async fn fill(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    build: &Build,
    progress: &Progress<'_>,
) -> Result<()> {
    let end = build.begun_at + MAX_AGE + engine.database.in_flight_bound;
    let wait = end.saturating_sub(engine.clock.elapsed());
    engine.clock.sleep(wait).await;
    progress.tell(RebuildPhase::Reading);
    restore(engine, collection, build, progress).await
}

/// Shows in the catalog that the run lives; ends when it has nothing to build any more.
async fn show_life(engine: &Engine, collection: &Collection, build: &Build) {
    if build.run.is_none() {
        return std::future::pending().await;
    }
    loop {
        for _ in 0..BEAT.as_secs() / GLANCE.as_secs() {
            engine.clock.sleep(GLANCE).await;
            if has_moved_on(collection, build) {
                return;
            }
        }
        if !beat(engine, collection, build).await {
            return;
        }
    }
}

/// Whether this process's copy of the catalog shows that the run has nothing to build any more.
fn has_moved_on(collection: &Collection, build: &Build) -> bool {
    let begun = build.agreement.catalog.envelope.rev;
    let copy = collection.catalog.latest();
    copy.is_some_and(|copy| copy.catalog.envelope.rev > begun && !is_ours(&copy.catalog, build))
}

/// Whether there is still something to build. A store that does not answer says nothing about that.
async fn beat(engine: &Engine, collection: &Collection, build: &Build) -> bool {
    let mut is_wanted = true;
    let changed = attach::change(engine, collection, None, |catalog| {
        is_wanted = is_ours(catalog, build);
        if let Some(builder) = catalog.builder.as_mut().filter(|_| is_wanted) {
            builder.beat += 1;
        }
        is_wanted
    });
    if let Err(error) = changed.await {
        tracing::debug!(collection = collection.name(), %error, "a rebuild could not show that it lives");
        return true;
    }
    is_wanted
}

/// Whether the run is the one that builds, and something of what it began is still `building`.
fn is_ours(catalog: &Catalog, build: &Build) -> bool {
    let mut begun = build.indexes.iter();
    let is_wanted = begun.any(|((definition, backend), generation)| {
        let entry = catalog.definitions.get(definition);
        let placement = entry.and_then(|entry| entry.backends.get(backend));
        placement.is_some_and(|placement| is_built(placement, *generation))
    });
    is_builder(catalog, build) && (is_wanted || !build.unique.is_empty())
}

/// Whether no other run took over. Where nothing can be lost, nobody is elected, and everybody may build.
pub(super) fn is_builder(catalog: &Catalog, build: &Build) -> bool {
    let builder = catalog.builder.as_ref().map(|builder| builder.run);
    build.run.is_none() || builder == build.run
}

/// The run is over: others may begin. Whether it was there.
pub(super) fn leave(catalog: &mut Catalog, build: &Build) -> bool {
    let builder = catalog
        .builder
        .take_if(|builder| Some(builder.run) == build.run);
    builder.is_some()
}

/// Lets others begin at once. Without it they wait until they have seen no sign of life for a while.
pub(crate) async fn release(engine: &Engine, collection: &Collection, build: &Build) {
    if build.run.is_none() {
        return;
    }
    let left = attach::change(engine, collection, None, |catalog| leave(catalog, build)).await;
    if let Err(error) = left {
        tracing::debug!(collection = collection.name(), %error, "a rebuild could not say that it is over");
    }
}

/// How far a run is.
pub(super) struct Progress<'a> {
    engine: &'a Engine,
    collection: &'a Collection,
    pub(super) listed: AtomicU64,
    pub(super) read: AtomicU64,
}

impl<'a> Progress<'a> {
    fn new(engine: &'a Engine, collection: &'a Collection) -> Self {
        Self {
            engine,
            collection,
            listed: AtomicU64::new(0),
            read: AtomicU64::new(0),
        }
    }

    pub(super) fn tell(&self, phase: RebuildPhase) {
        let progress = RebuildProgress {
            collection: self.collection.name().to_owned(),
            phase,
            listed: self.listed.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
        };
        tracing::info!(
            collection = self.collection.name(),
            ?phase,
            listed = progress.listed,
            read = progress.read,
            "an index is rebuilt"
        );
        self.engine.outages.tell(&progress);
    }
}
