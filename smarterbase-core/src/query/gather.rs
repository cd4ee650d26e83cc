//! From documents in the order of ids to results in the order that was asked for.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    index_walk::LARGEST_SCAN,
    plan::Plan,
    selection::{Place, Selection},
    supply::Supplied,
    walk::Found,
};
use crate::{
    document::{Document, Stored},
    error::Result,
    format::{index_key::EncodedValue, path::EncodedId},
    operation::{Collection, View, profile::trace},
};

/// The supply of a selection after a place. Where results come in the order of ids it begins behind the place, else all
/// candidates are read, and the budget bounds them.
pub(crate) fn supply<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection<'_, T>,
    plan: Plan,
    after: Option<&Place>,
) -> Supplied {
    let in_id_order = selection.is_in_id_order();
    let start = after.filter(|_| in_id_order).map(|place| &place.id);
    let budget = selection.budget.unwrap_or(view.limits.scan_documents);
    let most_sorted = (!in_id_order).then_some(budget);
    let fallback = selection.fallback;
    Supplied::new(view, collection, plan, start, budget, most_sorted).with_fallback(fallback)
}

/// Up to `most` documents strictly after `after`.
pub(crate) async fn page<T: Document>(
    view: &View,
    selection: &Selection<'_, T>,
    mut supply: Supplied,
    after: Option<&Place>,
    most: usize,
) -> Result<Vec<Found<T>>> {
    let in_id_order = selection.is_in_id_order();
    let mut kept = Kept {
        selection,
        after,
        most,
        found: BTreeMap::new(),
    };
    let mut waves = Waves::new(view, most, in_id_order);
    while let Some(batch) = supply.next::<T>(waves.next(), waves.page).await? {
        let (before, looked_at) = (kept.found.len(), batch.len());
        for (id, document) in batch {
            kept.offer(&id, document)?;
        }
        if in_id_order && kept.found.len() >= most {
            break;
        }
        if in_id_order {
            let dropped = looked_at - (kept.found.len() - before);
            supply.note_dropped(dropped)?;
            waves.note(most - kept.found.len(), dropped > 0);
        }
    }
    Ok(kept.into_found())
}

/// The places of all matches strictly after `after`, in order; no more than the budget, and no documents.
pub(crate) async fn places<T: Document>(
    view: &View,
    selection: &Selection<'_, T>,
    mut supply: Supplied,
    after: Option<&Place>,
) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    while let Some(batch) = supply
        .next::<T>(view.limits.concurrent_reads, LARGEST_SCAN)
        .await?
    {
        for (id, document) in batch {
            let place = selection.place(&document, &id)?;
            trace::looked_at(1, usize::from(place.is_none()));
            let is_after =
                |place: &Place| after.is_none_or(|after| selection.precedes(after, place));
            places.extend(place.filter(is_after));
        }
    }
    places.sort_by_cached_key(Place::sort_key);
    if selection.descending {
        places.reverse();
    }
    Ok(places)
}

/// How many candidates are read next: as many as are missing, so that nothing is read in vain; twice as many after a wave of
/// which some did not match.
struct Waves {
    missing: usize,
    largest: usize,
    least: usize,
    /// How many entries are asked for at a time.
    page: usize,
}

impl Waves {
    fn new(view: &View, most: usize, in_id_order: bool) -> Self {
        let largest = view.limits.concurrent_reads;
        Self {
            missing: if in_id_order { most } else { largest },
            largest,
            least: 1,
            page: match in_id_order {
                true => most.saturating_add(most / 4),
                false => LARGEST_SCAN,
            },
        }
    }

    fn next(&self) -> usize {
        self.missing.max(self.least).clamp(1, self.largest)
    }

    fn note(&mut self, missing: usize, some_did_not_match: bool) {
        if some_did_not_match {
            self.least = self.next() * 2;
        }
        self.missing = missing;
    }
}

/// The first `most` matches after the cursor: memory is bounded by the page.
struct Kept<'a, 'c, T> {
    selection: &'a Selection<'c, T>,
    after: Option<&'a Place>,
    most: usize,
    found: BTreeMap<(EncodedValue, String), Found<T>>,
}

impl<T: Document> Kept<'_, '_, T> {
    fn offer(&mut self, id: &EncodedId, document: Stored<T>) -> Result<()> {
        let place = self.selection.place(&document, id)?;
        trace::looked_at(1, usize::from(place.is_none()));
        let Some(place) = place else {
            return Ok(());
        };
        if self
            .after
            .is_some_and(|after| !self.selection.precedes(after, &place))
        {
            return Ok(());
        }
        self.found
            .insert(place.sort_key(), Found { document, place });
        if self.found.len() > self.most {
            if self.selection.descending {
                self.found.pop_first()
            } else {
                self.found.pop_last()
            };
        }
        Ok(())
    }

    fn into_found(self) -> Vec<Found<T>> {
        let mut found: Vec<Found<T>> = self.found.into_values().collect();
        if self.selection.descending {
            found.reverse();
        }
        found
    }
}
