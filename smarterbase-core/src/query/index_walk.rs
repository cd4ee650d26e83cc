//! Entries of an index: asked for in pages, their documents loaded side by side, stale entries swept.

use std::{collections::VecDeque, sync::Arc};

use super::{range::IndexRange, selection::Place};
use crate::{
    document::{Document, Stored},
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{
        Collection, Engine, View,
        agreement::{self, Agreement, Site},
        attach,
        profile::trace,
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

/// How often an index is asked again because the agreement grew too old meanwhile (rule S4).
const TRIES: usize = 4;

/// Where entries were found: which definition, on which backend.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) ordinal: u16,
    pub(crate) site: Site,
}

/// One page of entries.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) source: Source,
    pub(crate) page: ScanPage,
}

/// One value of one document, with every entry that says so: several announcements may.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) place: Place,
    pub(crate) entries: Vec<Hit>,
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

/// Asks for the entries of a range, strictly after `after`. `None`: no index answers, so documents must be scanned.
pub(crate) async fn ask(
    view: &View,
    collection: &Arc<Collection>,
    range: &IndexRange,
    descending: bool,
    after: Option<&Place>,
    limit: usize,
) -> Result<Option<Answer>> {
    for _ in 0..TRIES {
        let agreement = agreement::current(view, collection).await?;
        let ordinal = usize::from(range.ordinal);
        // One that cannot be used is stood in for by the next one that has the same entries.
        for site in agreement.all_ready(view, collection, ordinal) {
            let scan = Scan {
                placed: site.placed.clone(),
                range: range.entries.clone(),
                after: after.map(|place| (place.value.clone(), place.id.clone())),
                descending,
                limit: limit.clamp(1, LARGEST_SCAN),
            };
            match site.backend.scan(&site.collection, &scan).await {
                // The answer came too late to be believed.
                Ok(_) if !agreement.is_current(view) => {
                    collection.catalog.forget();
                    break;
                }
                Ok(page) => {
                    if !site.backend.uses_tags() {
                        trace::asked_an_index(u64::from(page.requests));
                    }
                    remember(view, collection, range.ordinal, &site, &scan, &page)?;
                    let source = Source {
                        ordinal: range.ordinal,
                        site,
                    };
                    return Ok(Some(Answer { source, page }));
                }
                Err(error) => failed(view, collection, &site, &agreement, error).await?,
            }
        }
        if agreement.is_current(view) {
            return Ok(None);
        }
    }
    Ok(None)
}

/// A transaction checks when it commits that the range still holds the same.
fn remember(
    view: &View,
    collection: &Arc<Collection>,
    ordinal: u16,
    site: &Site,
    scan: &Scan,
    page: &ScanPage,
) -> Result<()> {
    let Some(attempt) = view.attempt() else {
        return Ok(());
    };
    let range = Range::of_index(collection, usize::from(ordinal), site, scan, page);
    attempt.remember_range(range)
}

/// A lost index is marked down; entries that cannot be understood are an error; else another index is asked, or the query
/// scans.
async fn failed(
    view: &View,
    collection: &Arc<Collection>,
    site: &Site,
    agreement: &Agreement,
    error: IndexError,
) -> Result<()> {
    if let IndexError::Corrupt(text) = error {
        return Err(Error::new(Code::CORRUPT, text).in_collection(collection.name()));
    }
    tracing::warn!(collection = collection.name(), %error, "an index cannot be used; another one is asked, or the query scans");
    trace::fell_back();
    view.notice_outage();
    if matches!(error, IndexError::Lost(_)) && view.check_writable().is_ok() {
        attach::mark_down(view, collection, site.backend.name(), agreement).await?;
    }
    Ok(())
}

/// Loads the document that entries name, if it is live, and sweeps those that say what it does not have.
pub(crate) async fn load<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
    entries: &[(&Source, &Hit)],
) -> Result<Option<Stored<T>>> {
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
    // What a transaction sees is not what is stored.
    if view.attempt().is_none() && !entries.is_empty() {
        let values = match &document {
            Some(document) => read::index_entries(collection, &**document)?.values,
            None => read::no_entries(collection).values,
        };
        for (source, hit) in entries {
            let has_value = values[usize::from(source.ordinal)].contains(&hit.value);
            sweep(
                view,
                collection,
                &source.site,
                hit,
                fetched.as_ref(),
                has_value,
            );
        }
    }
    Ok(document)
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
