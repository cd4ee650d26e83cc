//! Walking an index: fetch candidates, load them side by side, check each, and go on until the page is full.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    selection::{Place, Selection},
    walk::{Batch, Found},
};
use crate::{
    document::Document,
    error::{Code, Error, Result},
    operation::{
        Collection, Engine,
        agreement::{Agreement, Site},
        read::{self, Fetched},
    },
    port::{
        IndexError,
        index::{Hit, Scan, ScanPage},
    },
    protocol::stale::{Staleness, judge},
};

/// How an index walk ended.
pub(crate) enum Walked<T> {
    Done(Batch<T>),
    /// The agreement grew too old before the index answered (rule S4).
    TooOld,
    /// The index lost entries.
    Lost(IndexError),
    /// The index did not answer.
    Unavailable(IndexError),
}

/// The greatest page that an index backend gives.
const LARGEST_SCAN: usize = 1_000;

pub(crate) async fn walk<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    selection: &Selection,
    site: &Site,
    agreement: &Agreement,
    after: Option<&Place>,
    limit: usize,
) -> Result<Walked<T>> {
    let mut found: Vec<Found<T>> = Vec::new();
    let mut after = after.cloned();
    loop {
        // One more than asked tells whether more follow.
        let wanted = limit + 1 - found.len();
        let page = match scan(engine, selection, site, agreement, after.as_ref(), wanted).await {
            Ok(Some(page)) => page,
            Ok(None) => return Ok(Walked::TooOld),
            Err(error @ IndexError::Lost(_)) => return Ok(Walked::Lost(error)),
            Err(IndexError::Corrupt(text)) => return Err(Error::new(Code::CORRUPT, text)),
            Err(error) => return Ok(Walked::Unavailable(error)),
        };
        after = page
            .hits
            .last()
            .map(|hit| Place {
                value: hit.value.clone(),
                id: hit.id.clone(),
            })
            .or(after);
        let has_more = page.has_more;
        verify(
            engine,
            collection,
            selection,
            site,
            page.hits,
            limit + 1,
            &mut found,
        )
        .await?;
        if found.len() > limit || !has_more {
            let has_more = found.len() > limit;
            found.truncate(limit);
            return Ok(Walked::Done(Batch { found, has_more }));
        }
    }
}

/// The next candidates; `None` when the agreement is too old to believe them.
async fn scan(
    engine: &Engine,
    selection: &Selection,
    site: &Site,
    agreement: &Agreement,
    after: Option<&Place>,
    wanted: usize,
) -> Result<Option<ScanPage>, IndexError> {
    let scan = Scan {
        placed: site.placed.clone(),
        range: selection.entries.clone(),
        after: after.map(|place| (place.value.clone(), place.id.clone())),
        descending: selection.descending,
        limit: (wanted + wanted / 4).clamp(1, LARGEST_SCAN),
    };
    let page = site.backend.scan(&site.collection, &scan).await?;
    Ok(agreement.is_current(engine).then_some(page))
}

/// Loads candidates side by side, in order, until `enough` documents are found.
async fn verify<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    selection: &Selection,
    site: &Site,
    mut hits: Vec<Hit>,
    enough: usize,
    found: &mut Vec<Found<T>>,
) -> Result<()> {
    // The same document may be announced several times under one value.
    hits.dedup_by(|next, previous| {
        next.value == previous.value && next.id == previous.id && next.tag == previous.tag
    });
    let checks = hits
        .into_iter()
        .map(|hit| check::<T>(engine, collection, selection, site, hit));
    let mut checked = stream::iter(checks).buffered(engine.limits.concurrent_reads.min(enough));
    while let Some(result) = checked.try_next().await? {
        let Some(result) = result else { continue };
        let is_repeated = found.last().is_some_and(|last| last.place == result.place);
        if !is_repeated {
            found.push(result);
        }
        if found.len() >= enough {
            break;
        }
    }
    Ok(())
}

/// Loads one candidate; `None` when it does not match at the candidate's value any more.
async fn check<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    selection: &Selection,
    site: &Site,
    hit: Hit,
) -> Result<Option<Found<T>>> {
    let fetched = read::fetch(engine, collection, &hit.id).await?;
    let (result, fetched) = match fetched {
        Some(fetched) if fetched.is_live() => {
            let document = read::decode::<T>(collection, &hit.id, fetched.clone())?;
            match selection.place(&*document, &hit.id)? {
                Some(place) if place.value == hit.value => {
                    (Some(Found { document, place }), Some(fetched))
                }
                _ => (None, Some(fetched)),
            }
        }
        other => (None, other),
    };
    // Another value of a list may match first; its entry is no garbage.
    if result.is_none() {
        sweep(engine, collection, site, &hit, fetched.as_ref());
    }
    Ok(result)
}

/// Removes a stale entry in the background, where rule S13 says that no write can need it any more.
fn sweep(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    site: &Site,
    hit: &Hit,
    fetched: Option<&Fetched>,
) {
    let envelope = fetched.map(Fetched::envelope);
    let verdict = judge(
        hit,
        &site.placed.definition,
        envelope,
        engine.now(),
        engine.retention,
    );
    let untagged = hit.tag.is_none();
    if (verdict == Staleness::Keep && !untagged) || engine.check_writable().is_err() {
        return;
    }
    let Ok(place) = engine.sweeps.clone().try_acquire_owned() else {
        return;
    };
    let (site, hit, name) = (site.clone(), hit.clone(), collection.name());
    engine.tasks.spawn(async move {
        if let Err(error) = site
            .backend
            .remove_stale(&site.collection, &site.placed, &hit)
            .await
        {
            tracing::debug!(collection = name, %error, "a stale entry stays");
        }
        drop(place);
    });
}
