//! Scanning: every document is read and checked, under a budget. Same results in the same order as an index.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    id_walk::IdWalk,
    selection::{Place, Selection},
    walk::Found,
};
use crate::{
    document::{Document, Stored},
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{Collection, Engine, read},
};

/// Up to `most` documents strictly after `after`, by scanning.
pub(crate) async fn page<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    selection: &Selection,
    after: Option<&Place>,
    most: usize,
) -> Result<Vec<Found<T>>> {
    let mut kept = Kept {
        selection,
        after,
        most,
        found: BTreeMap::new(),
    };
    let mut documents = documents_after(engine, collection, selection, after);
    while let Some(batch) = documents.next::<T>(engine.limits.concurrent_reads).await? {
        for (id, document) in batch {
            kept.offer(&id, document)?;
        }
        if is_in_id_order(selection) && kept.found.len() >= most {
            break;
        }
    }
    Ok(kept.into_found())
}

/// The places of all matches strictly after `after`, in order; no more than the budget, and no documents.
pub(crate) async fn places<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    selection: &Selection,
    after: Option<&Place>,
) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    let mut documents = documents_after(engine, collection, selection, after);
    while let Some(batch) = documents.next::<T>(engine.limits.concurrent_reads).await? {
        for (id, document) in batch {
            let place = selection.place(&*document, &id)?;
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

/// Where all matches have one value, their order is the order of ids: a scan begins after the cursor and may end early.
fn is_in_id_order(selection: &Selection) -> bool {
    selection.is_one_value() && !selection.descending
}

fn documents_after(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    selection: &Selection,
    after: Option<&Place>,
) -> Documents {
    let start = after.filter(|_| is_in_id_order(selection));
    Documents::new(engine, collection, start.map(|place| &place.id))
}

/// The first `most` matches after the cursor: memory is bounded by the page.
struct Kept<'a, T> {
    selection: &'a Selection,
    after: Option<&'a Place>,
    most: usize,
    found: BTreeMap<(crate::format::index_key::EncodedValue, String), Found<T>>,
}

impl<T: Document> Kept<'_, T> {
    fn offer(&mut self, id: &EncodedId, document: Stored<T>) -> Result<()> {
        let Some(place) = self.selection.place(&*document, id)? else {
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

/// The live documents of a collection by id, read side by side, under the budget of [`Limits::scan_documents`].
///
/// [`Limits::scan_documents`]: crate::operation::limits::Limits::scan_documents
pub(crate) struct Documents {
    engine: Arc<Engine>,
    collection: Arc<Collection>,
    ids: IdWalk,
    read: usize,
    budget: usize,
}

impl Documents {
    pub(crate) fn new(
        engine: &Arc<Engine>,
        collection: &Arc<Collection>,
        after: Option<&EncodedId>,
    ) -> Self {
        let ids = IdWalk::new(engine, collection, after, usize::MAX);
        Self {
            engine: engine.clone(),
            collection: collection.clone(),
            ids,
            read: 0,
            budget: engine.limits.scan_documents,
        }
    }

    pub(crate) fn with_budget(mut self, documents: usize) -> Self {
        self.budget = documents;
        self
    }

    /// LIST pages of at most `objects`, where fewer are needed.
    pub(crate) fn with_page(mut self, objects: usize) -> Self {
        self.ids.set_page(objects);
        self
    }

    /// Up to `most` further documents; `None` at the end.
    ///
    /// # Errors
    /// [`Refused`](crate::ErrorKind::Refused) (`SB-BUDGET`): the budget is used up and more documents follow.
    pub(crate) async fn next<T: Document>(
        &mut self,
        most: usize,
    ) -> Result<Option<Vec<(EncodedId, Stored<T>)>>> {
        let ids = self.ids.next(most).await?;
        if ids.is_empty() {
            return Ok(None);
        }
        self.read += ids.len();
        if self.read > self.budget {
            return Err(self.over_budget());
        }
        let (engine, collection) = (&self.engine, &self.collection);
        let reads = ids.into_iter().map(|(id, _)| async move {
            let document = read::load::<T>(engine, collection, &id).await?;
            Ok::<_, Error>(document.map(|document| (id, document)))
        });
        let read: Vec<_> = stream::iter(reads)
            .buffered(engine.limits.concurrent_reads)
            .try_collect()
            .await?;
        Ok(Some(read.into_iter().flatten().collect()))
    }

    fn over_budget(&self) -> Error {
        let text = format!(
            "the query has no ready index and would read more than {} documents; add an index, build it with \
             `rebuild_indexes`, or raise `scan_documents`",
            self.budget
        );
        Error::new(Code::BUDGET, text).in_collection(self.collection.name())
    }
}
