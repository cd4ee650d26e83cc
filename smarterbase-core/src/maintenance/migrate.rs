//! Upgrading a whole collection: every document of an older version is written again at the version of today, one
//! compare-and-swap each, while others read and write.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt, stream};

use super::quarantine::{self, BadDocument, BadDocuments};
use crate::{
    document::OnBad,
    error::{Code, Error, Result},
    format::{
        catalog::Catalog,
        path::EncodedId,
        upgrade::{self, Age},
    },
    operation::{
        Collection, Engine, View,
        agreement::{self, MAX_AGE},
        attach, floor,
        read::{self, Fetched},
        rewrite,
        verb::contention,
        write::{Verdict, write_now},
    },
    query::id_walk::IdWalk,
};

/// What an upgrade would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationPlan {
    /// How many documents there are of each schema version; those without an envelope have version 0.
    pub versions: BTreeMap<u32, u64>,
    /// How many of them would be written again.
    pub outdated: u64,
    /// How many were written by a newer program, at a higher version of the document or of a type that is embedded in it: they
    /// are left alone.
    pub newer: u64,
}

/// How far an upgrade is, and what it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationProgress {
    /// How many documents were looked at.
    pub documents: u64,
    /// How many were written again.
    pub upgraded: u64,
    /// How many were written by a newer program: they were left alone.
    pub newer: u64,
    /// The encoded id of the last document that was looked at: an upgrade that was stopped goes on after it.
    pub checkpoint: Option<String>,
    /// The documents that were moved aside: all are counted, the first hundred named.
    pub quarantined: BadDocuments,
}

/// How an upgrade runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) after: Option<EncodedId>,
    pub(crate) per_second: Option<u32>,
    pub(crate) raise_floor: bool,
    pub(crate) on_bad: OnBad,
}

/// Looks at every document, and writes nothing.
pub(crate) async fn plan(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
) -> Result<MigrationPlan> {
    let view = View::plain(engine.clone());
    let mut walk = IdWalk::new(&view, collection, None, usize::MAX);
    let mut plan = MigrationPlan::default();
    loop {
        let listed = walk.next(engine.limits.concurrent_reads * 4).await?;
        if listed.is_empty() {
            return Ok(plan);
        }
        let reads = listed
            .iter()
            .map(|(id, _)| read::fetch(&view, collection, id));
        let mut reads =
            stream::iter(reads.collect::<Vec<_>>()).buffered(engine.limits.concurrent_reads);
        while let Some(fetched) = reads.next().await {
            if let Some(fetched) = fetched?.filter(Fetched::is_live) {
                let version = upgrade::version_of(collection.spec, &fetched.settled.opened)?;
                *plan.versions.entry(version).or_default() += 1;
                let age = rewrite::age(collection, &fetched);
                plan.outdated += u64::from(age == Age::Older);
                plan.newer += u64::from(age == Age::Newer);
            }
        }
    }
}

/// The lowest version that the collection still takes from writers.
pub(crate) async fn floor(engine: &Arc<Engine>, collection: &Arc<Collection>) -> Result<u32> {
    let agreement = agreement::renew(engine, collection).await?;
    Ok(agreement.catalog.writable_from)
}

/// Upgrades every document after the checkpoint.
pub(crate) async fn migrate(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    settings: &Settings,
    report: &mut (dyn FnMut(&MigrationProgress) + Send),
) -> Result<MigrationProgress> {
    engine.check_writable()?;
    if settings.raise_floor {
        raise_floor(engine, collection).await?;
    }
    // Who raised the floor, and whether the checkpoint is from before that, is not known: an older program may have written
    // behind it.
    let after = settings.after.as_ref().filter(|_| !settings.raise_floor);
    let view = View::plain(engine.clone());
    let mut walk = IdWalk::new(&view, collection, after, usize::MAX);
    let mut progress = MigrationProgress::default();
    let batch = batch_size(engine, settings);
    loop {
        let ids = walk.next(batch).await?;
        if ids.is_empty() {
            return Ok(progress);
        }
        let upgraded = progress.upgraded;
        upgrade_batch(engine, collection, &ids, settings.on_bad, &mut progress).await?;
        report(&progress);
        pause(engine, settings, progress.upgraded - upgraded).await;
    }
}

type Listed = (EncodedId, crate::port::Listed);

fn batch_size(engine: &Engine, settings: &Settings) -> usize {
    let most = engine.limits.concurrent_reads * 4;
    settings
        .per_second
        .map_or(most, |rate| most.min(rate.max(1) as usize))
}

/// A batch of `upgraded` documents takes as long as the rate allows.
async fn pause(engine: &Engine, settings: &Settings, upgraded: u64) {
    if let Some(rate) = settings.per_second {
        let seconds = upgraded as f64 / f64::from(rate.max(1));
        engine.clock.sleep(Duration::from_secs_f64(seconds)).await;
    }
}

/// The checkpoint moves past a document only when it is of today or newer, or was moved aside, so that nothing is skipped after
/// a failure.
async fn upgrade_batch(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    ids: &[Listed],
    on_bad: OnBad,
    progress: &mut MigrationProgress,
) -> Result<()> {
    let upgrades = ids
        .iter()
        .map(|(id, _)| upgrade_one(engine, collection, id, on_bad));
    let mut upgrades =
        stream::iter(upgrades.collect::<Vec<_>>()).buffered(engine.limits.concurrent_reads);
    for (id, _) in ids {
        let fate = upgrades.next().await.transpose()?.unwrap_or(Fate::Current);
        progress.add(id, fate);
    }
    Ok(())
}

impl MigrationProgress {
    fn add(&mut self, id: &EncodedId, fate: Fate) {
        self.documents += 1;
        match fate {
            Fate::Current => {}
            Fate::Newer => self.newer += 1,
            Fate::Upgraded => self.upgraded += 1,
            Fate::Quarantined(bad) => self.quarantined.add(bad),
        }
        self.checkpoint = Some(id.as_str().to_owned());
    }
}

/// What became of one document.
enum Fate {
    /// It was of today, or is none.
    Current,
    /// A newer program wrote it.
    Newer,
    Upgraded,
    Quarantined(BadDocument),
}

/// Writes one document again if it is not of today, flagged as a rewrite (rule S21).
async fn upgrade_one(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    id: &EncodedId,
    on_bad: OnBad,
) -> Result<Fate> {
    for _ in 0..engine.limits.update_attempts {
        let view = View::plain(engine.clone());
        let fetched = read::fetch_to_replace(&view, collection, id).await?;
        let Some(fetched) = fetched.filter(Fetched::is_live) else {
            return Ok(Fate::Current);
        };
        match rewrite::age(collection, &fetched) {
            Age::Today => return Ok(Fate::Current),
            Age::Newer => return Ok(Fate::Newer),
            Age::Older => {}
        }
        let fate = match (collection.rewrite)(engine, collection, id, &fetched) {
            Ok(change) => match write_now(engine, collection, change).await? {
                Verdict::Written(_) => Some(Fate::Upgraded),
                Verdict::Lost(_) => None,
            },
            Err(error) if is_bad(&error, on_bad) => {
                let moved =
                    quarantine::move_aside(engine, collection, id, &fetched, &error).await?;
                moved.map(Fate::Quarantined)
            }
            Err(error) => return Err(error),
        };
        // Without a fate somebody else wrote it: perhaps at the version of today.
        if let Some(fate) = fate {
            return Ok(fate);
        }
    }
    Err(contention(collection, id, engine.limits.update_attempts))
}

/// Whether the document is to be moved aside: only when a step fails on what it holds.
fn is_bad(error: &Error, on_bad: OnBad) -> bool {
    on_bad == OnBad::Quarantine && error.code() == Code::MIGRATION.text()
}

/// What the first use of an eager type does: the whole collection, in the background. Whatever ends it early is logged; the
/// next process begins again, and readers upgrade what they read.
pub(crate) fn begin(engine: &Arc<Engine>, collection: Arc<Collection>) {
    let engine = engine.clone();
    let tasks = engine.tasks.clone();
    tasks.spawn(async move {
        let settings = Settings {
            on_bad: collection.spec.history.policy.on_bad,
            ..Settings::default()
        };
        let closing = engine.medic.closing();
        let mut ignored = |_: &MigrationProgress| {};
        let run = migrate(&engine, &collection, &settings, &mut ignored);
        if let Some(Err(error)) = closing.run_until_cancelled(run).await {
            tracing::warn!(collection = collection.name(), %error, "the eager upgrade of a collection ended early");
        }
    });
}

/// From here on no older program writes: the catalog says so, every writer's copy of it is renewed, and what was sent before
/// has landed or never will.
async fn raise_floor(engine: &Arc<Engine>, collection: &Arc<Collection>) -> Result<()> {
    // The catalog must know this program's definitions first.
    agreement::renew(engine, collection).await?;
    let raise = |catalog: &mut Catalog| floor::raise(collection, catalog);
    let changed = attach::change(engine, collection, None, raise).await?;
    agreement::adopt(engine, collection, &Arc::new(changed));
    let wait = MAX_AGE + engine.database.in_flight_bound;
    engine.clock.sleep(wait).await;
    Ok(())
}
