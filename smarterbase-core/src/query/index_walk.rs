//! Entries of an index: asked for in pages, their documents loaded side by side, stale entries swept.

use std::{collections::VecDeque, sync::Arc};

use super::{access::Demand, range::IndexRange, selection::Place, sieve::Sieve};
use crate::{
    document::{Document, Stored},
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{
        Collection, Engine, View,
        agreement::{self, Agreement, Site},
        attach, metric,
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
    /// The last entry that was asked for, whether or not its document was ruled out.
    pub(crate) last: Option<Place>,
    /// How many documents were ruled out.
    pub(crate) ruled_out: usize,
}

/// What an index is asked for.
pub(crate) struct Wanted<'w> {
    pub(crate) range: &'w IndexRange,
    /// What documents must have besides: the index may rule out those that lack it.
    pub(crate) demands: &'w [Demand],
    pub(crate) descending: bool,
}

impl Wanted<'_> {
    fn scan(&self, site: &Site, after: Option<&Place>, limit: usize) -> Scan {
        Scan {
            placed: site.placed.clone(),
            range: self.range.entries.clone(),
            after: after.map(|place| (place.value.clone(), place.id.clone())),
            descending: self.descending,
            limit: limit.clamp(1, LARGEST_SCAN),
        }
    }
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
        let place = place(&hit);
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

/// Asks for entries, strictly after `after`. `None`: no index answers, so documents must be scanned.
pub(crate) async fn ask(
    view: &View,
    collection: &Arc<Collection>,
    wanted: &Wanted<'_>,
    after: Option<&Place>,
    limit: usize,
) -> Result<Option<Answer>> {
    for _ in 0..TRIES {
        match ask_once(view, collection, wanted, after, limit).await? {
            Asked::Answered(answer) => return Ok(Some(answer)),
            Asked::Nobody => return Ok(None),
            Asked::TooLate => collection.catalog.forget(),
        }
    }
    Ok(None)
}

/// How one request for entries ended.
#[allow(
    clippy::large_enum_variant,
    reason = "one is made per page, and moved once"
)]
enum Asked {
    Answered(Answer),
    /// No index answers.
    Nobody,
    /// The answer came too late to be believed.
    TooLate,
}

async fn ask_once(
    view: &View,
    collection: &Arc<Collection>,
    wanted: &Wanted<'_>,
    after: Option<&Place>,
    limit: usize,
) -> Result<Asked> {
    let ordinal = wanted.range.ordinal;
    let agreement = agreement::current(view, collection).await?;
    // One that cannot be used is stood in for by the next one that has the same entries.
    for site in agreement.all_ready(view, collection, usize::from(ordinal)) {
        let scan = wanted.scan(&site, after, limit);
        match site.backend.scan(&site.collection, &scan).await {
            Ok(page) => {
                return answered(view, collection, wanted, (&agreement, site, scan), page).await;
            }
            Err(error) => failed(view, collection, &site, &agreement, error).await?,
        }
    }
    Ok(if agreement.is_current(view) {
        Asked::Nobody
    } else {
        Asked::TooLate
    })
}

/// What a page of entries is worth: nothing where the copy of the catalog that named its index is too old by now.
async fn answered(
    view: &View,
    collection: &Arc<Collection>,
    wanted: &Wanted<'_>,
    (agreement, site, scan): (&Agreement, Site, Scan),
    mut page: ScanPage,
) -> Result<Asked> {
    let ordinal = wanted.range.ordinal;
    if !site.backend.uses_tags() {
        trace::asked_an_index(u64::from(page.requests));
    }
    let last = page.hits.last().map(place);
    let sieve = Sieve::new(view, collection, agreement, wanted.demands);
    let ruled_out = sieve.rule_out(&mut page.hits).await;
    if !agreement.is_current(view) {
        return Ok(Asked::TooLate);
    }
    remember(view, collection, ordinal, &site, &scan, &page)?;
    Ok(Asked::Answered(Answer {
        source: Source { ordinal, site },
        page,
        last,
        ruled_out,
    }))
}

fn place(hit: &Hit) -> Place {
    Place {
        value: hit.value.clone(),
        id: hit.id.clone(),
    }
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
    metric::fell_back(collection.name());
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
