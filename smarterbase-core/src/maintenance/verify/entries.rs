//! Entries ▸ their documents: what is too many.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};

use super::{
    Run,
    documents::is_unreadable,
    scope::{Identity, Scope, Trouble, identity},
    suspects::{self, Suspect, Thing, Verdict},
};
use crate::{
    error::Result,
    format::{
        entry::Tag,
        index_key::{EncodedValue, ValueRange},
        path::EncodedId,
    },
    operation::{agreement::Site, read::Fetched},
    port::index::{Hit, IndexEntry, Presence, Scan, ScanPage},
    protocol::stale::{Staleness, judge},
};

/// What an entry is to its document at the first look.
enum Standing {
    Needed,
    Undecided,
    Suspect,
}

type Position = (EncodedValue, EncodedId);

/// Looks at every entry of every index, or at a sample of each.
pub(super) async fn walk(run: &mut Run<'_>) -> Result<()> {
    for target in 0..run.scope.targets.len() {
        let most = run.settings.sample.unwrap_or(usize::MAX);
        let start = start(run, target);
        let is_all = start.is_none();
        let left = stretch(run, target, start, most).await?;
        if left > 0 && !is_all {
            stretch(run, target, None, left).await?;
        }
    }
    Ok(())
}

fn key(run: &Run<'_>, target: usize) -> Option<(usize, &'static str)> {
    let target = &run.scope.targets[target];
    target
        .entries()
        .map(|site| (target.ordinal, site.backend.name()))
}

/// Where a sample begins: behind the last one.
fn start(run: &Run<'_>, target: usize) -> Option<Position> {
    run.settings.sample?;
    let key = key(run, target)?;
    let sampled = run.scope.collection.sampled.lock();
    let sampled = sampled.expect("no panic while holding the lock");
    sampled.entries.get(&key).cloned()
}

fn remember(run: &Run<'_>, target: usize, last: Option<Position>) {
    let Some(key) = key(run, target).filter(|_| run.settings.sample.is_some()) else {
        return;
    };
    let sampled = run.scope.collection.sampled.lock();
    let mut sampled = sampled.expect("no panic while holding the lock");
    match last {
        Some(last) => sampled.entries.insert(key, last),
        None => sampled.entries.remove(&key),
    };
}

/// Looks at up to `left` entries after `after`. Gives how many of them there were not.
async fn stretch(
    run: &mut Run<'_>,
    target: usize,
    mut after: Option<Position>,
    mut left: usize,
) -> Result<usize> {
    while left > 0 {
        let Some(site) = run.scope.targets[target].entries().cloned() else {
            return Ok(0);
        };
        let most = run.batch().min(left).min(1_000);
        let page = match page(&site, after.take(), most).await {
            Ok(page) => page,
            Err(trouble) => {
                run.give_up(trouble).await?;
                return Ok(0);
            }
        };
        left = left.saturating_sub(page.hits.len());
        after = page
            .hits
            .last()
            .map(|hit| (hit.value.clone(), hit.id.clone()));
        let is_last = !page.has_more || after.is_none();
        look(run, target, &site, page.hits).await?;
        remember(run, target, after.clone().filter(|_| !is_last));
        if is_last {
            return Ok(left);
        }
        run.rest(most).await;
    }
    Ok(0)
}

async fn page(site: &Site, after: Option<Position>, limit: usize) -> Result<ScanPage, Trouble> {
    let scan = Scan {
        placed: site.placed.clone(),
        range: ValueRange::all(),
        after,
        descending: false,
        limit,
    };
    let page = site.backend.scan(&site.collection, &scan).await;
    page.map_err(|error| Trouble::Backend(site.backend.name(), error))
}

async fn look(run: &mut Run<'_>, target: usize, site: &Site, hits: Vec<Hit>) -> Result<()> {
    run.report.indexes[target].seen += hits.len() as u64;
    let mut found = Vec::new();
    for (id, hits) in by_document(hits) {
        found.push((id, hits));
    }
    let scope = &run.scope;
    let reads = found.iter().map(|(id, _)| read(scope, id));
    let reads: Vec<_> = stream::iter(reads.collect::<Vec<_>>())
        .buffered(scope.engine.limits.concurrent_reads)
        .collect()
        .await;
    let mut suspects = Vec::new();
    let mut undecided = 0;
    for ((_, hits), read) in found.into_iter().zip(reads) {
        let Some((fetched, values)) = read? else {
            continue; // Unreadable, and counted as that where documents are looked at.
        };
        for hit in hits {
            match standing(scope, target, site, &hit, fetched.as_ref(), &values) {
                Standing::Needed => {}
                Standing::Undecided => undecided += 1,
                Standing::Suspect => suspects.push(Suspect {
                    target,
                    what: Thing::Entry {
                        hit,
                        document: identity(fetched.as_ref()),
                    },
                }),
            }
        }
    }
    run.report.indexes[target].undecided += undecided;
    suspects::add(run, suspects).await
}

fn by_document(hits: Vec<Hit>) -> BTreeMap<EncodedId, Vec<Hit>> {
    let mut documents: BTreeMap<EncodedId, Vec<Hit>> = BTreeMap::new();
    for hit in hits {
        documents.entry(hit.id.clone()).or_default().push(hit);
    }
    documents
}

/// A document with its values; `None` when it cannot be read.
async fn read(
    scope: &Scope,
    id: &EncodedId,
) -> Result<Option<(Option<Fetched>, Vec<Vec<EncodedValue>>)>> {
    let read = async {
        let fetched = scope.fetch(id).await?;
        let values = scope.values(id, fetched.as_ref())?;
        Ok((fetched, values.values))
    };
    match read.await {
        Ok(read) => Ok(Some(read)),
        Err(error) if is_unreadable(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn standing(
    scope: &Scope,
    target: usize,
    site: &Site,
    hit: &Hit,
    fetched: Option<&Fetched>,
    values: &[Vec<EncodedValue>],
) -> Standing {
    let target = &scope.targets[target];
    let has_value = values[target.ordinal].contains(&hit.value);
    let Some(tag) = &hit.tag else {
        // Without tags the backend knows what is under way: it is asked at the second look.
        return match has_value {
            true => Standing::Needed,
            false => Standing::Suspect,
        };
    };
    let definition = &site.placed.definition;
    if has_value && fetched.is_some_and(|fetched| is_listed(fetched, definition, tag)) {
        return Standing::Needed;
    }
    let envelope = fetched.map(Fetched::envelope);
    let engine = &scope.engine;
    match judge(hit, definition, envelope, engine.now(), engine.retention) {
        Staleness::Remove => Standing::Suspect,
        Staleness::Keep => Standing::Undecided,
    }
}

/// Whether the document lists the tag; or it lists none, and a rebuild made the entry for it.
fn is_listed(fetched: &Fetched, definition: &str, tag: &Tag) -> bool {
    let envelope = fetched.envelope();
    let is_restored = (tag.base, tag.write) == (envelope.rev, envelope.write);
    let tags = envelope.index.get(definition);
    is_restored || tags.is_some_and(|tags| tags.contains(&tag.to_string()))
}

/// The second look.
pub(super) async fn again(
    scope: &Scope,
    target: usize,
    hit: &Hit,
    seen: Option<&Identity>,
) -> Result<Verdict, Trouble> {
    let Some(site) = scope.targets[target].entries() else {
        return Ok(Verdict::Fine);
    };
    let Some((fetched, values)) = read(scope, &hit.id).await? else {
        return Ok(Verdict::Undecided);
    };
    match standing(scope, target, site, hit, fetched.as_ref(), &values) {
        Standing::Needed => return Ok(Verdict::Fine),
        Standing::Undecided => return Ok(Verdict::Undecided),
        Standing::Suspect => {}
    }
    let presence = presence(site, hit).await?;
    // A tag is of one write alone: what has one is the very same entry.
    let is_same = hit.tag.is_some() || identity(fetched.as_ref()).as_ref() == seen;
    Ok(match presence {
        Presence::Missing => Verdict::Fine,
        Presence::Announced => Verdict::Undecided,
        Presence::Kept | Presence::Loose
            if is_same && is_steady(scope, hit, fetched.as_ref()).await? =>
        {
            Verdict::Extra
        }
        Presence::Kept | Presence::Loose => Verdict::Changed(Suspect {
            target,
            what: Thing::Entry {
                hit: hit.clone(),
                document: identity(fetched.as_ref()),
            },
        }),
    })
}

/// Whether the document is still what it was before the backend was asked.
async fn is_steady(scope: &Scope, hit: &Hit, before: Option<&Fetched>) -> Result<bool> {
    let after = scope.fetch(&hit.id).await?;
    Ok(hit.tag.is_some() || identity(after.as_ref()) == identity(before))
}

pub(super) fn entry_of(site: &Site, hit: &Hit) -> IndexEntry {
    IndexEntry {
        placed: site.placed.clone(),
        value: hit.value.clone(),
        tag: hit.tag.clone(),
    }
}

pub(super) async fn presence(site: &Site, hit: &Hit) -> Result<Presence, Trouble> {
    let placed = std::slice::from_ref(&site.placed);
    let entry = entry_of(site, hit);
    let answer = site
        .backend
        .presence(&site.collection, &hit.id, placed, &[entry])
        .await;
    let presences = answer.map_err(|error| Trouble::Backend(site.backend.name(), error))?;
    Ok(presences.first().copied().unwrap_or(Presence::Missing))
}
