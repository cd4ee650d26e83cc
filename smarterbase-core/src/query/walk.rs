//! Walking a selection: in the order of an index that is ready, else by id, else by sorting what was found.

use std::{collections::VecDeque, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    access::InOrder,
    gather,
    index_walk::LARGEST_SCAN,
    ordered::Ordered,
    overlay,
    plan::{self, Plan},
    selection::{Place, Selection},
    supply::Supplied,
};
use crate::{
    document::{Document, Stored},
    error::{Error, Result},
    format::path::EncodedId,
    operation::{Collection, View, profile::trace, read},
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

/// Up to `limit` documents strictly after `after`. Short only at the end.
pub(crate) async fn page<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection<'_, T>,
    after: Option<&Place>,
    limit: usize,
) -> Result<Batch<T>> {
    // One more than asked tells whether more follow.
    let most = limit.saturating_add(1);
    let mut found = match plan::choose(view, collection, selection, most).await? {
        Plan::InOrder(plan) => {
            page_in_order(view, collection, selection, plan, after, most).await?
        }
        other => {
            let supply = gather::supply(view, collection, selection, other, after);
            gather::page(view, selection, supply, after, most).await?
        }
    };
    overlay::add_own(view, collection, selection, after, most, &mut found)?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok(Batch { found, has_more })
}

/// What the index cannot give any more is scanned for.
async fn page_in_order<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection<'_, T>,
    plan: InOrder,
    after: Option<&Place>,
    most: usize,
) -> Result<Vec<Found<T>>> {
    let mut entries = Ordered::new(view, collection, plan, after.cloned());
    let page = |wanted: usize| wanted.saturating_add(wanted / 4);
    let mut found = entries.take(selection, most, page).await?;
    if found.len() < most && entries.is_lost() {
        plan::check_may_scan(view, collection, selection.fallback)?;
        let (rest, after) = (most - found.len(), entries.after().cloned());
        let supply = gather::supply(view, collection, selection, Plan::Scan, after.as_ref());
        found.extend(gather::page(view, selection, supply, after.as_ref(), rest).await?);
    }
    Ok(found)
}

/// A walk from a place on. Holds the names of one page of candidates; or, where results must be sorted, of the matches.
pub(crate) struct Walk<'a, T> {
    view: View,
    collection: Arc<Collection>,
    selection: Selection<'a, T>,
    after: Option<Place>,
    source: Source,
}

enum Source {
    /// Nothing was asked for yet.
    Begin,
    /// Entries come in the order of the results.
    InOrder(Box<Ordered>),
    /// Documents come in the order of the results.
    ById(Box<Supplied>),
    /// The places of all results were found.
    Places(VecDeque<Place>),
}

impl<'a, T: Document> Walk<'a, T> {
    pub(crate) fn new(
        view: View,
        collection: Arc<Collection>,
        selection: Selection<'a, T>,
    ) -> Self {
        Self {
            view,
            collection,
            selection,
            after: None,
            source: Source::Begin,
        }
    }

    pub(crate) fn selection(&self) -> &Selection<'a, T> {
        &self.selection
    }

    /// About how many entries there are.
    pub(crate) async fn count_estimate(&self) -> Result<u64> {
        plan::estimate(&self.view, &self.collection, &self.selection).await
    }

    /// The next documents, as many as are read side by side; empty at the end.
    pub(crate) async fn next(&mut self) -> Result<Vec<Found<T>>> {
        let most = self.view.limits.concurrent_reads;
        if self.view.attempt().is_some() {
            return self.next_in_transaction(most).await;
        }
        loop {
            let found = match &mut self.source {
                Source::Begin => {
                    self.begin().await?;
                    continue;
                }
                Source::InOrder(entries) => {
                    let found = entries
                        .take(&self.selection, most, |_| LARGEST_SCAN)
                        .await?;
                    if found.is_empty() && entries.is_lost() {
                        let fallback = self.selection.fallback;
                        plan::check_may_scan(&self.view, &self.collection, fallback)?;
                        self.after = entries.after().cloned();
                        self.begin_with(Plan::Scan).await?;
                        continue;
                    }
                    return Ok(found);
                }
                Source::ById(supply) => {
                    let Some(batch) = supply.next::<T>(most, LARGEST_SCAN).await? else {
                        return Ok(Vec::new());
                    };
                    let looked_at = batch.len();
                    let found = placed(&self.selection, batch)?;
                    supply.note_dropped(looked_at - found.len())?;
                    found
                }
                Source::Places(places) => {
                    let wave: Vec<_> = places.drain(..most.min(places.len())).collect();
                    if wave.is_empty() {
                        return Ok(Vec::new());
                    }
                    self.load_places(wave).await?
                }
            };
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }

    async fn begin(&mut self) -> Result<()> {
        let (view, collection) = (&self.view, &self.collection);
        let plan = plan::choose(view, collection, &self.selection, usize::MAX).await?;
        self.begin_with(plan).await
    }

    async fn begin_with(&mut self, plan: Plan) -> Result<()> {
        let (view, collection) = (&self.view, &self.collection);
        self.source = match plan {
            Plan::InOrder(plan) => Source::InOrder(Box::new(Ordered::new(
                view,
                collection,
                plan,
                self.after.clone(),
            ))),
            other => {
                let after = self.after.as_ref();
                let supply = gather::supply(view, collection, &self.selection, other, after);
                if self.selection.is_in_id_order() {
                    Source::ById(Box::new(supply))
                } else {
                    let places = gather::places(view, &self.selection, supply, after).await?;
                    Source::Places(places.into())
                }
            }
        };
        Ok(())
    }

    /// Page by page, so that what the transaction wrote itself stands where it belongs.
    async fn next_in_transaction(&mut self, most: usize) -> Result<Vec<Found<T>>> {
        let (view, collection) = (&self.view, &self.collection);
        let after = self.after.as_ref();
        let batch = page(view, collection, &self.selection, after, most).await?;
        if let Some(last) = batch.found.last() {
            self.after = Some(last.place.clone());
        }
        Ok(batch.found)
    }

    /// How many documents there are from here on.
    pub(crate) async fn count(mut self) -> Result<u64> {
        let mut count = 0;
        loop {
            // Places are enough: their documents were read when they were found.
            if let Source::Places(places) = &self.source {
                return Ok(count + places.len() as u64);
            }
            if matches!(self.source, Source::Begin) && self.view.attempt().is_none() {
                self.begin().await?;
                continue;
            }
            match self.next_to_count().await?.len() {
                0 if matches!(self.source, Source::Places(_)) => {}
                0 => return Ok(count),
                found => count += found as u64,
            }
        }
    }

    async fn next_to_count(&mut self) -> Result<Vec<Found<T>>> {
        if self.view.attempt().is_some() {
            return self.next_in_transaction(LARGEST_SCAN).await;
        }
        self.next().await
    }

    /// Reads the documents at these places; one that moved since is left out.
    async fn load_places(&self, places: Vec<Place>) -> Result<Vec<Found<T>>> {
        let (view, collection, selection) = (&self.view, &self.collection, &self.selection);
        let loads = places.into_iter().map(|place| async move {
            let Some(document) = read::load_listed::<T>(view, collection, &place.id).await? else {
                return Ok::<_, Error>(None);
            };
            let is_there = selection.place(&document, &place.id)?.as_ref() == Some(&place);
            Ok(is_there.then_some(Found { document, place }))
        });
        let loaded: Vec<_> = stream::iter(loads.collect::<Vec<_>>())
            .buffered(view.limits.concurrent_reads)
            .try_collect()
            .await?;
        Ok(loaded.into_iter().flatten().collect())
    }
}

/// Those that match, with their places.
fn placed<T: Document>(
    selection: &Selection<'_, T>,
    batch: Vec<(EncodedId, Stored<T>)>,
) -> Result<Vec<Found<T>>> {
    let mut found = Vec::new();
    for (id, document) in batch {
        let place = selection.place(&document, &id)?;
        trace::looked_at(1, usize::from(place.is_none()));
        found.extend(place.map(|place| Found { document, place }));
    }
    Ok(found)
}
