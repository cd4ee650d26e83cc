//! What crashed transactions leave: committed ones are finished, old records and staged bodies go.
//!
//! Nothing waits for this: whoever meets an intent of a dead transaction decides it. The medic saves the later ones the
//! extra reads, and removes what nobody meets. Its ages are the only place where transactions depend on clocks: a request
//! to commit must not be carried out later than seven days after its transaction began.

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};

use super::forget;
use crate::{
    document::Timestamp,
    error::Result,
    format::{
        Key, Prefix,
        intent::Attempt,
        path,
        record::{Decision, Record},
    },
    operation::{Engine, engine::store_failure, transaction::clear},
    port::{Expect, Listed},
};

/// A committed transaction whose owner has not finished it after this time is finished by the medic.
const UNFINISHED: Duration = Duration::from_secs(60);
/// Its record stays for so long: its owner, if it lives, may still read it.
const COMMITTED: Duration = Duration::from_secs(60 * 60);
/// Records that say `aborted`, and staged bodies of nobody, stay for so long.
const LATEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How often the medic looks, at the least.
const INTERVAL: Duration = Duration::from_secs(60);
/// At every so many looks it also removes old results of idempotent transactions: there can be many, and they are all listed.
const LOOKS_PER_FORGETTING: u32 = 60;

/// What the medic found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MedicReport {
    /// Records of transactions that are there, or were.
    pub records: u64,
    /// Committed transactions whose documents were finished, or were found to be.
    pub finished: u64,
    /// Records that were removed.
    pub removed: u64,
    /// Large bodies of transactions that never were decided, which were removed.
    pub staged: u64,
    /// Results of idempotent transactions that were kept for long enough, and removed.
    pub results: u64,
}

/// Records that said `aborted` at the last look: they are not read again before they are old. At most [`MOST_KNOWN`].
pub(crate) type KnownAborted = HashSet<Key>;

/// How many names of records the medic remembers, about a megabyte; the others are read at every look.
const MOST_KNOWN: usize = 10_000;

/// Looks at every record once.
pub(crate) async fn run(engine: &Engine, known: &mut KnownAborted) -> Result<MedicReport> {
    engine.check_writable()?;
    let mut report = MedicReport::default();
    let mut aborted = KnownAborted::new();
    let mut after = None;
    loop {
        let page = list(engine, &path::records(), after.as_ref()).await?;
        report.records += page.0.len() as u64;
        after = page.0.last().map(|record| record.key.clone());
        let looks = page.0.iter().map(|record| look(engine, record, known));
        let fates: Vec<Fate> = stream::iter(looks.collect::<Vec<_>>())
            .buffered(engine.limits.concurrent_reads)
            .try_collect()
            .await?;
        for (record, fate) in page.0.iter().zip(&fates) {
            report.finished += u64::from(fate.is_finished);
            report.removed += u64::from(fate.is_removed);
            if fate.is_aborted && !fate.is_removed && aborted.len() < MOST_KNOWN {
                aborted.insert(record.key.clone());
            }
        }
        if !page.1 {
            break;
        }
    }
    *known = aborted;
    report.staged = remove_staged(engine).await?;
    Ok(report)
}

#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    is_finished: bool,
    is_aborted: bool,
    is_removed: bool,
}

/// Young records are their owners', and are not read.
async fn look(engine: &Engine, listed: &Listed, known: &KnownAborted) -> Result<Fate> {
    if !is_older(engine, listed, UNFINISHED) {
        return Ok(Fate::default());
    }
    if known.contains(&listed.key) && !is_older(engine, listed, LATEST) {
        return Ok(Fate {
            is_aborted: true,
            ..Fate::default()
        });
    }
    let Some(object) = engine.store.get(&listed.key).await.map_err(store_failure)? else {
        return Ok(Fate::default());
    };
    let record = match Record::open(&object.bytes) {
        Ok(record) if path::record(&record.transaction) == listed.key => record,
        _ => {
            tracing::warn!(path = %listed.key, "an object among the records of transactions is none");
            return Ok(Fate::default());
        }
    };
    match record.decision {
        Decision::Committed => finish(engine, listed, record).await,
        Decision::Aborted => remove_aborted(engine, listed).await,
    }
}

async fn finish(engine: &Engine, listed: &Listed, record: Record) -> Result<Fate> {
    let removes_record = is_older(engine, listed, COMMITTED);
    let is_clean = clear::finish_record(engine, record, removes_record).await;
    Ok(Fate {
        is_finished: is_clean,
        is_aborted: false,
        is_removed: is_clean && removes_record,
    })
}

async fn remove_aborted(engine: &Engine, listed: &Listed) -> Result<Fate> {
    let is_removed = is_older(engine, listed, LATEST);
    if is_removed {
        remove(engine, &listed.key).await?;
    }
    Ok(Fate {
        is_finished: false,
        is_aborted: true,
        is_removed,
    })
}

/// Bodies that were staged by an attempt that died before it was decided.
async fn remove_staged(engine: &Engine) -> Result<u64> {
    let mut after = None;
    let mut removed = 0;
    loop {
        let (staged, has_more) = list(engine, &path::all_staged(), after.as_ref()).await?;
        after = staged.last().map(|staged| staged.key.clone());
        for old in staged
            .iter()
            .filter(|staged| is_older(engine, staged, LATEST))
        {
            if is_nobodys(engine, &old.key).await? {
                remove(engine, &old.key).await?;
                removed += 1;
            }
        }
        if !has_more {
            return Ok(removed);
        }
    }
}

/// Whether the attempt that staged a body is not committed, and never will be: then it is aborted here. A committed one's
/// bodies go with its record.
async fn is_nobodys(engine: &Engine, staged: &Key) -> Result<bool> {
    let Some(attempt) = path::staged_by(staged.as_str()) else {
        tracing::warn!(path = %staged, "an object among the staged bodies is none");
        return Ok(false);
    };
    if decision(engine, &attempt).await?.is_none() {
        let aborted = Record::aborted(attempt.clone()).seal(engine.nonce());
        let record = path::record(&attempt);
        drop(engine.store.put(&record, &Expect::Absent, aborted).await);
    }
    Ok(decision(engine, &attempt).await? == Some(Decision::Aborted))
}

async fn decision(engine: &Engine, attempt: &Attempt) -> Result<Option<Decision>> {
    let found = engine.store.get(&path::record(attempt)).await;
    let found = found.map_err(store_failure)?;
    let record = found
        .map(|object| Record::open(&object.bytes))
        .transpose()?;
    Ok(record.map(|record| record.decision))
}

async fn list(
    engine: &Engine,
    prefix: &Prefix,
    after: Option<&Key>,
) -> Result<(Vec<Listed>, bool)> {
    let page = engine.store.list(prefix, after, 1_000).await;
    let page = page.map_err(store_failure)?;
    Ok((page.objects, page.has_more))
}

async fn remove(engine: &Engine, key: &Key) -> Result<()> {
    let removed = engine.store.delete_retired(key).await;
    removed.map_err(store_failure)
}

fn is_older(engine: &Engine, listed: &Listed, age: Duration) -> bool {
    let is_older = |written: Timestamp| written.saturating_add(age) < engine.now();
    listed.last_modified.is_some_and(is_older)
}

/// Looks at everything once.
pub(crate) async fn run_all(engine: &Engine) -> Result<MedicReport> {
    let mut report = run(engine, &mut KnownAborted::new()).await?;
    report.results = forget::run(engine).await?;
    Ok(report)
}

/// Looks again and again for as long as the database is open. One per engine.
pub(crate) fn watch(engine: &Arc<Engine>) {
    let Some(running) = engine.medic.begin() else {
        return;
    };
    let (clock, closing) = (engine.clock.clone(), engine.medic.closing());
    let jitter = Duration::from_millis(engine.rng.below(INTERVAL.as_millis() as u64 / 2));
    let engine_of_others: Weak<Engine> = Arc::downgrade(engine);
    engine.tasks.spawn(async move {
        let _running = running;
        let mut known = KnownAborted::new();
        for number in 1_u32.. {
            tokio::select! {
                () = closing.cancelled() => return,
                () = clock.sleep(INTERVAL + jitter) => {}
            }
            let Some(engine) = engine_of_others.upgrade() else {
                return;
            };
            if let Err(error) = run(&engine, &mut known).await {
                tracing::warn!(%error, "the medic could not look at the transactions");
            }
            if number % LOOKS_PER_FORGETTING == 0
                && let Err(error) = forget::run(&engine).await
            {
                tracing::warn!(%error, "the medic could not remove old results");
            }
        }
    });
}
