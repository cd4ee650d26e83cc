//! The pass of a rebuild over the documents: list, leave out what the backend knows, read the rest, tell what it has.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use super::{Build, run::Progress, unavailable};
use crate::{
    error::{Code, Error, ErrorKind, Result},
    format::{entry::Tag, index_key::IndexEntries, path::EncodedId},
    operation::{
        Collection, Engine, View,
        agreement::Site,
        attach,
        outage::RebuildPhase,
        read::{self, Fetched},
        verb::contention,
        write::{Verdict, write_now},
    },
    port::{
        IndexError, Listed,
        index::{Commit, IndexEntry, Outcome, Placed},
    },
    query::id_walk::IdWalk,
};

/// How many documents are listed, and asked about, at a time.
const PAGE: usize = 1_000;

/// The pauses before a backend that gave no answer is told again.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(900),
];

/// Restores the entries and claims of every document that the backend does not know as it is. Reading goes on while the next
/// page is listed; memory is bounded by a page and what is read side by side.
pub(super) async fn restore(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    build: &Build,
    progress: &Progress<'_>,
) -> Result<()> {
    let pace = &Pace::default();
    let restores = changed_ids(engine, collection, build, progress).map_ok(|id| async move {
        pace.admit(engine).await;
        progress.read.fetch_add(1, Ordering::Relaxed);
        restore_one(engine, collection, build, id).await
    });
    let duplicates = restores
        .try_buffer_unordered(engine.outages.settings.concurrent_reads)
        .try_fold(Duplicates::default(), async |mut duplicates, one| {
            duplicates.note(one);
            Ok(duplicates)
        })
        .await?;
    match duplicates.count {
        0 => Ok(()),
        _ => Err(duplicates.named(collection)),
    }
}

/// The documents that must be read, page by page.
fn changed_ids<'a>(
    engine: &'a Arc<Engine>,
    collection: &'a Arc<Collection>,
    build: &'a Build,
    progress: &'a Progress<'a>,
) -> BoxStream<'a, Result<EncodedId>> {
    let walk = IdWalk::new(&View::plain(engine.clone()), collection, None, PAGE);
    let pages = stream::try_unfold(walk, move |mut walk| async move {
        let listed = walk.next(PAGE).await?;
        if listed.is_empty() {
            return Ok(None);
        }
        let changed = changed(engine, collection, build, progress, listed).await?;
        let changed: Vec<Result<EncodedId>> = changed.into_iter().map(Ok).collect();
        Ok::<_, Error>(Some((stream::iter(changed), walk)))
    });
    pages.try_flatten().boxed()
}

/// No more than so many documents in a second, also after a pause.
#[derive(Default)]
struct Pace {
    /// When the next document may be read.
    next: Mutex<Duration>,
}

impl Pace {
    async fn admit(&self, engine: &Engine) {
        let now = engine.clock.elapsed();
        let turn = self.turn(now, engine.outages.settings.documents_per_second);
        let wait = turn.saturating_sub(now);
        if !wait.is_zero() {
            engine.clock.sleep(wait).await;
        }
    }

    /// When the caller may read.
    fn turn(&self, now: Duration, rate: u32) -> Duration {
        let mut next = self.next.lock().expect("no panic while holding the lock");
        let turn = now.max(*next);
        *next = turn + Duration::from_secs(1) / rate;
        turn
    }
}

/// Those of a page that the backend does not know as they are listed.
async fn changed(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    build: &Build,
    progress: &Progress<'_>,
    listed: Vec<(EncodedId, Listed)>,
) -> Result<Vec<EncodedId>> {
    progress
        .listed
        .fetch_add(listed.len() as u64, Ordering::Relaxed);
    progress.tell(RebuildPhase::Reading);
    let (ids, listed): (Vec<_>, Vec<_>) = listed.into_iter().unzip();
    let Some((site, placed)) = asked(engine, collection, build) else {
        return Ok(ids);
    };
    let known = match site.backend.known(&site.collection, &placed, &ids).await {
        Ok(known) => known,
        Err(error) => return Err(failed(engine, collection, build, &site, error).await),
    };
    let mut pairs: Vec<_> = ids.into_iter().zip(listed).zip(known).collect();
    pairs.retain(|((_, listed), known)| known.is_none() || *known != listed.version.e_tag);
    Ok(pairs.into_iter().map(|((id, _), _)| id).collect())
}

/// The backend that can tell which documents need no reading, with all that it keeps of them; `None` where something else is
/// built as well.
fn asked(engine: &Engine, collection: &Collection, build: &Build) -> Option<(Site, Vec<Placed>)> {
    let (_, backend) = build.indexes.keys().next()?;
    if !build.unique.is_empty() || build.indexes.keys().any(|(_, other)| other != backend) {
        return None;
    }
    let sites = (0..collection.definitions.len())
        .flat_map(|ordinal| build.agreement.maintained(engine, collection, ordinal))
        .filter(|site| site.backend.name() == backend);
    let sites: Vec<Site> = sites.collect();
    let placed = sites.iter().map(|site| site.placed.clone()).collect();
    Some((sites.into_iter().next()?, placed))
}

/// A duplicate: the definition's field, the document, and the one that holds the value.
struct Duplicate {
    field: String,
    id: EncodedId,
    holder: String,
}

/// How many duplicates are named.
const SHOWN: usize = 10;

/// The first duplicates, and how many there are.
#[derive(Default)]
struct Duplicates {
    shown: Vec<Duplicate>,
    count: u64,
}

impl Duplicates {
    fn note(&mut self, duplicate: Option<Duplicate>) {
        self.count += u64::from(duplicate.is_some());
        let room = SHOWN - self.shown.len();
        self.shown.extend(duplicate.into_iter().take(room));
    }

    fn named(&self, collection: &Collection) -> Error {
        let shown = self.shown.iter().map(|duplicate| {
            format!(
                "{} has the \"{}\" of {}",
                duplicate.id, duplicate.field, duplicate.holder
            )
        });
        let list = shown.collect::<Vec<_>>().join("; ");
        let text = format!(
            "{} document(s) hold a unique value that another one holds: {list} ({} more)",
            self.count,
            self.count - self.shown.len() as u64
        );
        Error::new(Code::UNIQUE, text).in_collection(collection.name())
    }
}

async fn restore_one(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    build: &Build,
    id: EncodedId,
) -> Result<Option<Duplicate>> {
    for _ in 0..engine.limits.update_attempts {
        let view = View::plain(engine.clone());
        let Some(fetched) = read::fetch_to_replace(&view, collection, &id).await? else {
            return Ok(None);
        };
        let entries = match fetched.is_live() {
            true => (collection.entries)(collection, &id, &fetched)?,
            false => read::no_entries(collection),
        };
        restore_entries(engine, collection, build, &id, &fetched, &entries).await?;
        let is_claimed =
            |definition: &String| is_claimed(collection, definition, &fetched, &entries);
        if !fetched.is_live() || build.unique.iter().all(is_claimed) {
            return Ok(None);
        }
        match claim_by_rewrite(engine, collection, &id, &fetched).await? {
            Rewritten::Claimed => return Ok(None),
            Rewritten::Refused(duplicate) => return Ok(Some(duplicate)),
            // Another writer took the claims itself, or a document with the same value fenced this one: look again.
            Rewritten::Lost => {}
        }
    }
    Err(contention(collection, &id, engine.limits.update_attempts))
}

async fn restore_entries(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    build: &Build,
    id: &EncodedId,
    fetched: &Fetched,
    entries: &IndexEntries,
) -> Result<()> {
    let mut commits: BTreeMap<String, (Site, Commit)> = BTreeMap::new();
    for (ordinal, values) in entries.values.iter().enumerate() {
        for site in build.agreement.maintained(engine, collection, ordinal) {
            let name = site.backend.name().to_owned();
            let is_of_the_build = build.indexes.keys().any(|(_, backend)| *backend == name);
            // What is left of a dead document is told by its tag, where entries have tags.
            if !is_of_the_build || (site.backend.uses_tags() && !fetched.is_live()) {
                continue;
            }
            let is_built = build
                .indexes
                .contains_key(&(collection.definitions[ordinal].name.clone(), name.clone()));
            let (_, commit) = commits
                .entry(name)
                .or_insert_with(|| (site.clone(), empty_restore(id, fetched)));
            commit.placed.push(site.placed.clone());
            let is_listed = fetched
                .envelope()
                .index
                .get(&collection.definitions[ordinal].name)
                .map(Vec::len)
                == Some(values.len());
            if site.backend.uses_tags() && (!is_built || is_listed) {
                continue; // An object entry that the document lists is there (rule S7).
            }
            commit.entries.extend(values.iter().map(|value| {
                IndexEntry {
                    placed: site.placed.clone(),
                    value: value.clone(),
                    // Named after the version that was read: a later version of the document lists tags of its own.
                    tag: site
                        .backend
                        .uses_tags()
                        .then(|| Tag::new(fetched.envelope().rev, fetched.envelope().write, value)),
                }
            }));
        }
    }
    for (site, commit) in commits.into_values() {
        if let Err(error) = tell(engine, &site, &commit).await {
            return Err(failed(engine, collection, build, &site, error).await);
        }
    }
    Ok(())
}

/// Tells what a document has; again after a moment where there was no answer, since the whole run would be in vain.
async fn tell(engine: &Engine, site: &Site, commit: &Commit) -> Result<(), IndexError> {
    for pause in PAUSES {
        match site.backend.commit(&site.collection, commit).await {
            Err(IndexError::Unavailable(_)) => engine.clock.sleep(pause).await,
            answered => return answered,
        }
    }
    site.backend.commit(&site.collection, commit).await
}

/// What was lost again is marked down, so that the next run begins with what is left then.
async fn failed(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    build: &Build,
    site: &Site,
    error: IndexError,
) -> Error {
    if matches!(error, IndexError::Lost(_)) {
        let backend = site.backend.name();
        let marked = attach::mark_down(engine, collection, backend, &build.agreement).await;
        if let Err(error) = marked {
            return error;
        }
    }
    unavailable(collection, error)
}

fn empty_restore(id: &EncodedId, fetched: &Fetched) -> Commit {
    Commit {
        id: id.clone(),
        rev: fetched.envelope().rev,
        write: None,
        outcome: Outcome::Restore,
        entries: Vec::new(),
        dropped: Vec::new(),
        placed: Vec::new(),
        e_tag: fetched.settled.version.e_tag.clone(),
    }
}

/// Whether the document needs no claim of the definition, or lists it.
fn is_claimed(
    collection: &Collection,
    definition: &str,
    fetched: &Fetched,
    entries: &IndexEntries,
) -> bool {
    let mut definitions = collection.definitions.iter();
    let ordinal = definitions.position(|known| known.name == *definition);
    let needs = ordinal.is_some_and(|ordinal| !entries.values[ordinal].is_empty());
    !needs || fetched.envelope().unique.contains_key(definition)
}

/// What became of a rewrite.
enum Rewritten {
    Claimed,
    Lost,
    Refused(Duplicate),
}

/// Writes the document again, unchanged and flagged as a rewrite (rule S21), so that it takes its claims.
async fn claim_by_rewrite(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    id: &EncodedId,
    fetched: &Fetched,
) -> Result<Rewritten> {
    let change = (collection.rewrite)(engine, collection, id, fetched)?;
    match write_now(engine, collection, change).await {
        Ok(Verdict::Written(_)) => Ok(Rewritten::Claimed),
        Ok(Verdict::Lost(_)) => Ok(Rewritten::Lost),
        Err(error) if error.kind() == ErrorKind::Unique => Ok(Rewritten::Refused(Duplicate {
            field: error.field().unwrap_or_default().to_owned(),
            id: id.clone(),
            holder: error.holder().unwrap_or_default().to_owned(),
        })),
        Err(error) => Err(error),
    }
}
