//! Candidates of an index: fetched in pages, loaded side by side, each checked on the document.

use std::{collections::VecDeque, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    selection::{Place, Selection},
    walk::Found,
};
use crate::{
    document::Document,
    error::{Error, Result},
    operation::{
        Collection, Engine, View,
        agreement::{Agreement, Site},
        read::{self, Fetched},
        transaction::range::Range,
    },
    port::{
        IndexError,
        index::{Hit, Scan, ScanPage},
    },
    protocol::stale::{Staleness, judge},
};

/// The greatest page that an index backend gives.
pub(crate) const LARGEST_SCAN: usize = 1_000;

/// One value of one document, with every entry that says so: several announcements may.
#[derive(Debug)]
pub(crate) struct Candidate {
    place: Place,
    entries: Vec<Hit>,
}

impl Candidate {
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

/// Groups the entries of one page, which are in order.
pub(crate) fn group(hits: Vec<Hit>) -> VecDeque<Candidate> {
    let mut candidates: VecDeque<Candidate> = VecDeque::new();
    for hit in hits {
        let place = Place {
            value: hit.value.clone(),
            id: hit.id.clone(),
        };
        match candidates.back_mut() {
            Some(last) if last.place == place => last.entries.push(hit),
            _ => candidates.push_back(Candidate {
                place,
                entries: vec![hit],
            }),
        }
    }
    candidates
}

/// Why an index gave no candidates.
pub(crate) enum Failure {
    /// The index failed.
    Index(IndexError),
    /// The transaction that asks has ended, or is too large.
    Transaction(Error),
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        Self::Index(error)
    }
}
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Transaction(error)
    }
}

/// The next candidates; `None` when the agreement is too old to believe them (rule S4).
pub(crate) async fn scan(
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection,
    site: &Site,
    agreement: &Agreement,
    after: Option<&Place>,
    limit: usize,
) -> Result<Option<ScanPage>, Failure> {
    let scan = Scan {
        placed: site.placed.clone(),
        range: selection.entries.clone(),
        after: after.map(|place| (place.value.clone(), place.id.clone())),
        descending: selection.descending,
        limit: limit.clamp(1, LARGEST_SCAN),
    };
    let page = site.backend.scan(&site.collection, &scan).await?;
    if !agreement.is_current(view) {
        return Ok(None);
    }
    if let Some(attempt) = view.attempt() {
        let ordinal = usize::from(selection.ordinal);
        attempt.remember_range(Range::of_index(collection, ordinal, site, &scan, &page))?;
    }
    Ok(Some(page))
}

/// Loads candidates side by side and gives those that match, in order.
pub(crate) async fn verify<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection,
    site: &Site,
    candidates: impl Iterator<Item = Candidate>,
) -> Result<Vec<Found<T>>> {
    let checks: Vec<_> = candidates
        .map(|candidate| check::<T>(view, collection, selection, site, candidate))
        .collect();
    let checked: Vec<_> = stream::iter(checks)
        .buffered(view.limits.concurrent_reads)
        .try_collect()
        .await?;
    Ok(checked.into_iter().flatten().collect())
}

/// Loads one candidate; `None` when it does not match at the candidate's value any more, or stands elsewhere in the order.
async fn check<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection,
    site: &Site,
    candidate: Candidate,
) -> Result<Option<Found<T>>> {
    let id = &candidate.place.id;
    let fetched = read::fetch(view, collection, id).await?;
    let document = match &fetched {
        Some(fetched) if fetched.is_live() => Some(read::decode_for_reader::<T>(
            view,
            collection,
            id,
            fetched.clone(),
        )?),
        _ => None,
    };
    let has_value = match &document {
        Some(document) => read::index_entries(collection, &**document)?.values
            [usize::from(selection.ordinal)]
        .contains(&candidate.place.value),
        None => false,
    };
    // What a transaction sees is not what is stored.
    if view.attempt().is_none() {
        for entry in &candidate.entries {
            sweep(view, collection, site, entry, fetched.as_ref(), has_value);
        }
    }
    let Some(document) = document else {
        return Ok(None);
    };
    // A document with several matching values stands at the first of them.
    let place = selection
        .place(&*document, id)?
        .filter(|place| *place == candidate.place);
    Ok(place.map(|place| Found { document, place }))
}

/// Removes an entry in the background, where rule S13 says that no write can need it any more. Where entries have tags,
/// that can also be a second entry of a value that the document has.
fn sweep(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    site: &Site,
    hit: &Hit,
    fetched: Option<&Fetched>,
    has_value: bool,
) {
    let envelope = fetched.map(Fetched::envelope);
    let definition = &site.placed.definition;
    let verdict = judge(hit, definition, envelope, engine.now(), engine.retention);
    // A backend without tags knows the document's revision, and judges itself.
    let is_suspect = hit.tag.is_none() && !has_value;
    if (verdict == Staleness::Keep && !is_suspect) || engine.check_writable().is_err() {
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
