//! Entries of one range, in the order of the results.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    access::InOrder,
    index_walk::{self, Candidate, LARGEST_SCAN, Source, Wanted},
    scan,
    selection::{Place, Selection},
    sieve::RULED_OUT_PER_READ,
    walk::Found,
};
use crate::{
    document::Document,
    error::Result,
    format::index_key::EncodedValue,
    operation::{Collection, View, profile::trace},
};

/// A walk over entries. Holds one page of them.
pub(crate) struct Ordered {
    view: View,
    collection: Arc<Collection>,
    plan: InOrder,
    after: Option<Place>,
    candidates: Option<(Source, VecDeque<Candidate>)>,
    has_more: bool,
    is_lost: bool,
    /// How many candidates did not match.
    dropped: usize,
    /// How many the index ruled out.
    ruled_out: usize,
}

impl Ordered {
    /// The entries strictly after a place of the selection.
    pub(crate) fn new(
        view: &View,
        collection: &Arc<Collection>,
        plan: InOrder,
        after: Option<Place>,
    ) -> Self {
        Self {
            view: view.clone(),
            collection: collection.clone(),
            plan,
            after,
            candidates: None,
            has_more: true,
            is_lost: false,
            dropped: 0,
            ruled_out: 0,
        }
    }

    /// Whether the index cannot be used any more: what follows [`after`](Self::after) must be scanned for.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// The place of the last entry that was asked for.
    pub(crate) fn after(&self) -> Option<&Place> {
        self.after.as_ref()
    }

    /// Up to `most` further documents; fewer at the end, or when the index is lost. `page` says how many entries to ask for
    /// when that many documents are wanted.
    ///
    /// # Errors
    /// [`Refused`](crate::ErrorKind::Refused) (`SB-BUDGET`): too many documents were read that did not match.
    pub(crate) async fn take<T: Document>(
        &mut self,
        selection: &Selection<'_, T>,
        most: usize,
        page: impl Fn(usize) -> usize,
    ) -> Result<Vec<Found<T>>> {
        let mut found = Vec::new();
        while found.len() < most && !self.is_lost {
            let wanted = most - found.len();
            let wave = self.wave(wanted);
            if wave.is_empty() && !self.has_more {
                break;
            }
            if wave.is_empty() {
                self.ask(selection.descending, page(wanted)).await?;
                self.drop(selection, 0)?;
                continue;
            }
            let looked_at = wave.len();
            let checked = self.verify(selection, wave).await?;
            trace::looked_at(looked_at, looked_at - checked.len());
            self.drop(selection, looked_at - checked.len())?;
            found.extend(checked);
        }
        Ok(found)
    }

    /// No more than are wanted: nothing is read in vain unless a candidate does not match.
    fn wave(&mut self, wanted: usize) -> Vec<Candidate> {
        let most = wanted.max(self.dropped.min(self.view.limits.concurrent_reads));
        match &mut self.candidates {
            Some((_, candidates)) => candidates.drain(..most.min(candidates.len())).collect(),
            None => Vec::new(),
        }
    }

    async fn ask(&mut self, descending: bool, limit: usize) -> Result<()> {
        let (view, collection, range) = (&self.view, &self.collection, &self.plan.range);
        let after = self
            .after
            .as_ref()
            .map(|place| with(&self.plan.leading, place));
        let wanted = Wanted {
            range,
            demands: &self.plan.demands,
            descending,
        };
        // Where few entries pass, small pages would ask often.
        let limit = limit.max(self.ruled_out.min(LARGEST_SCAN));
        let answer = index_walk::ask(view, collection, &wanted, after.as_ref(), limit);
        let Some(answer) = answer.await? else {
            self.is_lost = true;
            return Ok(());
        };
        let candidates = index_walk::group(answer.page.hits);
        if let Some(last) = &answer.last {
            self.after = Some(without(&self.plan.leading, last));
        }
        self.ruled_out += answer.ruled_out;
        self.has_more = answer.page.has_more;
        self.candidates = Some((answer.source, candidates));
        Ok(())
    }

    /// Loads candidates side by side and gives those that match, in order.
    async fn verify<T: Document>(
        &self,
        selection: &Selection<'_, T>,
        candidates: Vec<Candidate>,
    ) -> Result<Vec<Found<T>>> {
        let checks: Vec<_> = candidates
            .into_iter()
            .map(|candidate| self.check(selection, candidate))
            .collect();
        let checked: Vec<_> = stream::iter(checks)
            .buffered(self.view.limits.concurrent_reads)
            .try_collect()
            .await?;
        Ok(checked.into_iter().flatten().collect())
    }

    /// `None` when the document does not match at the candidate's value any more, or stands elsewhere in the order: one with
    /// several matching values stands at the first of them.
    async fn check<T: Document>(
        &self,
        selection: &Selection<'_, T>,
        candidate: Candidate,
    ) -> Result<Option<Found<T>>> {
        let (view, collection) = (&self.view, &self.collection);
        let Some((source, _)) = &self.candidates else {
            return Ok(None);
        };
        let Candidate { place, entries } = candidate;
        let entries: Vec<_> = entries.iter().map(|hit| (source, hit)).collect();
        let loaded = index_walk::load::<T>(view, collection, &place.id, &entries).await?;
        let Some(document) = loaded else {
            return Ok(None);
        };
        let expected = without(&self.plan.leading, &place);
        let stands = selection.place(&document, &place.id)?;
        let place = stands.filter(|place| *place == expected);
        Ok(place.map(|place| Found { document, place }))
    }

    /// A condition that the index does not know may let few documents pass: reading the others is a scan.
    fn drop<T: Document>(&mut self, selection: &Selection<'_, T>, dropped: usize) -> Result<()> {
        self.dropped += dropped;
        let budget = selection.budget.unwrap_or(self.view.limits.scan_documents);
        let ruled_out = self.ruled_out / RULED_OUT_PER_READ;
        if self.dropped + ruled_out > budget && !selection.condition.is_all() {
            return Err(scan::over_budget(&self.collection, budget));
        }
        Ok(())
    }
}

/// The place of an entry, from a place of the selection.
fn with(leading: &Bytes, place: &Place) -> Place {
    Place {
        value: EncodedValue([&leading[..], &place.value.0].concat().into()),
        id: place.id.clone(),
    }
}

/// The place in the selection, from the place of an entry.
fn without(leading: &Bytes, place: &Place) -> Place {
    Place {
        value: EncodedValue(
            place
                .value
                .0
                .slice(leading.len().min(place.value.0.len())..),
        ),
        id: place.id.clone(),
    }
}
