//! Walking a selection: over an index that is ready, else by scanning.

use std::{collections::VecDeque, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    index_walk::{self, Candidate, Failure, LARGEST_SCAN},
    overlay, scan,
    selection::{Place, Selection},
};
use crate::{
    document::{Document, Stored},
    error::{Code, Error, Result},
    operation::{
        Collection, View,
        agreement::{self, Site},
        attach, read,
    },
    port::IndexError,
};

/// A verified result and its place in the order.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) document: Stored<T>,
    pub(crate) place: Place,
}

/// Verified results in order, and whether more follow.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    pub(crate) found: Vec<Found<T>>,
    pub(crate) has_more: bool,
}

/// How often an index is asked again because the agreement grew too old meanwhile (rule S4).
const TRIES: usize = 4;

/// Up to `limit` documents strictly after `after`. Short only at the end.
pub(crate) async fn page<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection,
    after: Option<&Place>,
    limit: usize,
) -> Result<Batch<T>> {
    let mut walk = Walk::new(view.clone(), collection.clone(), selection.clone());
    walk.after = after.cloned();
    // One more than asked tells whether more follow.
    let most = limit.saturating_add(1);
    let mut found = walk
        .take(most, |wanted| wanted.saturating_add(wanted / 4))
        .await?;
    if found.len() < most && walk.needs_scan() {
        let rest = most - found.len();
        let after = walk.after.as_ref();
        found.extend(scan::page(view, collection, selection, after, rest).await?);
    }
    overlay::add_own(view, collection, selection, after, most, &mut found)?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok(Batch { found, has_more })
}

/// A walk from a place on. Holds the names of one page of candidates; or, without an index, of the matches.
#[derive(Debug)]
pub(crate) struct Walk {
    view: View,
    collection: Arc<Collection>,
    selection: Selection,
    after: Option<Place>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// The index is asked when the candidates run out.
    Index {
        page: Option<(Site, VecDeque<Candidate>)>,
        has_more: bool,
    },
    /// No index is ready: the rest comes from a scan.
    Scan(Option<VecDeque<Place>>),
}

impl Walk {
    pub(crate) fn new(view: View, collection: Arc<Collection>, selection: Selection) -> Self {
        Self {
            view,
            collection,
            selection,
            after: None,
            source: Source::Index {
                page: None,
                has_more: true,
            },
        }
    }

    /// The next documents, as many as are read side by side; empty at the end. Without an index the matches are found
    /// first, under the budget, and read again in their order.
    pub(crate) async fn next<T: Document>(&mut self) -> Result<Vec<Found<T>>> {
        let most = self.view.limits.concurrent_reads;
        if self.view.attempt().is_some() {
            return self.next_in_transaction(most).await;
        }
        let found = self.take(most, |_| LARGEST_SCAN).await?;
        if !found.is_empty() || !self.needs_scan() {
            return Ok(found);
        }
        self.scan_places::<T>().await?;
        loop {
            let wave = self.next_places(most);
            if wave.is_empty() {
                return Ok(Vec::new());
            }
            let found = self.load_places(wave).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }

    /// Page by page, so that what the transaction wrote itself stands where it belongs.
    async fn next_in_transaction<T: Document>(&mut self, most: usize) -> Result<Vec<Found<T>>> {
        let (view, collection) = (&self.view, &self.collection);
        let after = self.after.as_ref();
        let batch = page(view, collection, &self.selection, after, most).await?;
        if let Some(last) = batch.found.last() {
            self.after = Some(last.place.clone());
        }
        Ok(batch.found)
    }

    /// How many documents there are from here on.
    pub(crate) async fn count<T: Document>(mut self) -> Result<u64> {
        let most = self.view.limits.concurrent_reads;
        let mut count = 0;
        while self.view.attempt().is_some() {
            match self.next_in_transaction::<T>(LARGEST_SCAN).await?.len() {
                0 => return Ok(count),
                found => count += found as u64,
            }
        }
        loop {
            let found = self.take::<T>(most, |_| LARGEST_SCAN).await?.len();
            count += found as u64;
            if found == 0 {
                break;
            }
        }
        if self.needs_scan() {
            count += self.scan_places::<T>().await?;
        }
        Ok(count)
    }

    fn needs_scan(&self) -> bool {
        matches!(self.source, Source::Scan(_))
    }

    /// Up to `most` further documents from the index; fewer at its end, or when it cannot be used any more. `page` says
    /// how many candidates to ask for when that many documents are wanted.
    async fn take<T: Document>(
        &mut self,
        most: usize,
        page: impl Fn(usize) -> usize,
    ) -> Result<Vec<Found<T>>> {
        let mut found = Vec::new();
        while found.len() < most {
            let wanted = most - found.len();
            let Source::Index {
                page: current,
                has_more,
            } = &mut self.source
            else {
                break;
            };
            match current {
                Some((site, candidates)) if !candidates.is_empty() => {
                    // No more than are wanted: nothing is read in vain unless a candidate is stale.
                    let wave = candidates.drain(..wanted.min(candidates.len()));
                    let (view, collection) = (&self.view, &self.collection);
                    let checked = index_walk::verify(view, collection, &self.selection, site, wave);
                    found.extend(checked.await?);
                }
                _ if *has_more => self.ask(page(wanted)).await?,
                _ => break,
            }
        }
        Ok(found)
    }

    /// Asks the index for the next candidates, or finds that the rest must be scanned.
    async fn ask(&mut self, limit: usize) -> Result<()> {
        let (view, collection) = (&self.view, &self.collection);
        for _ in 0..TRIES {
            let agreement = agreement::current(view, collection).await?;
            let ordinal = usize::from(self.selection.ordinal);
            let Some(site) = agreement.ready(view, collection, ordinal) else {
                break;
            };
            let after = self.after.as_ref();
            match index_walk::scan(
                view,
                collection,
                &self.selection,
                &site,
                &agreement,
                after,
                limit,
            )
            .await
            {
                Ok(Some(answer)) => {
                    let candidates = index_walk::group(answer.hits);
                    if let Some(last) = candidates.back() {
                        self.after = Some(last.place().clone());
                    }
                    self.source = Source::Index {
                        page: Some((site, candidates)),
                        has_more: answer.has_more,
                    };
                    return Ok(());
                }
                Ok(None) => collection.catalog.forget(),
                Err(Failure::Transaction(error)) => return Err(error),
                Err(Failure::Index(IndexError::Corrupt(text))) => {
                    return Err(Error::new(Code::CORRUPT, text).in_collection(collection.name()));
                }
                Err(Failure::Index(error)) => {
                    tracing::warn!(collection = collection.name(), %error, "an index cannot be used; the query scans");
                    if matches!(error, IndexError::Lost(_)) && view.check_writable().is_ok() {
                        attach::mark_down(view, collection, site.backend.name(), &agreement)
                            .await?;
                    }
                    break;
                }
            }
        }
        self.source = Source::Scan(None);
        Ok(())
    }

    /// Finds the places of all further matches, once. Gives how many there are.
    async fn scan_places<T: Document>(&mut self) -> Result<u64> {
        if let Source::Scan(places @ None) = &mut self.source {
            let after = self.after.as_ref();
            let found =
                scan::places::<T>(&self.view, &self.collection, &self.selection, after).await?;
            *places = Some(found.into());
        }
        match &self.source {
            Source::Scan(Some(places)) => Ok(places.len() as u64),
            _ => Ok(0),
        }
    }

    fn next_places(&mut self, most: usize) -> Vec<Place> {
        match &mut self.source {
            Source::Scan(Some(places)) => places.drain(..most.min(places.len())).collect(),
            _ => Vec::new(),
        }
    }

    /// Reads the documents at these places; one that moved since is left out.
    async fn load_places<T: Document>(&self, places: Vec<Place>) -> Result<Vec<Found<T>>> {
        let (view, collection, selection) = (&self.view, &self.collection, &self.selection);
        let loads = places.into_iter().map(|place| async move {
            let Some(document) = read::load_listed::<T>(view, collection, &place.id).await? else {
                return Ok::<_, Error>(None);
            };
            let is_there = selection.place(&*document, &place.id)?.as_ref() == Some(&place);
            Ok(is_there.then_some(Found { document, place }))
        });
        let loaded: Vec<_> = stream::iter(loads.collect::<Vec<_>>())
            .buffered(view.limits.concurrent_reads)
            .try_collect()
            .await?;
        Ok(loaded.into_iter().flatten().collect())
    }
}
