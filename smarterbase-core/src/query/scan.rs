//! Scanning: every document is read and checked, under a budget. Same results in the same order as an index.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    id_walk::IdWalk,
    overlay,
    selection::{Place, Selection},
    walk::Found,
};
use crate::{
    document::{Document, Stored},
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{Collection, View, read},
};

/// Up to `most` documents strictly after `after`, by scanning.
pub(crate) async fn page<T: Document>(
    view: &View,
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
    let mut documents = documents_after(view, collection, selection, after);
    while let Some(batch) = documents.next::<T>(view.limits.concurrent_reads).await? {
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
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection,
    after: Option<&Place>,
) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    let mut documents = documents_after(view, collection, selection, after);
    while let Some(batch) = documents.next::<T>(view.limits.concurrent_reads).await? {
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
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection,
    after: Option<&Place>,
) -> Documents {
    let start = after.filter(|_| is_in_id_order(selection));
    Documents::new(view, collection, start.map(|place| &place.id))
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
    view: View,
    collection: Arc<Collection>,
    ids: IdWalk,
    /// Documents that the transaction wrote and that are still to come.
    own: VecDeque<EncodedId>,
    after: Option<EncodedId>,
    has_begun: bool,
    read: usize,
    budget: usize,
}

impl Documents {
    pub(crate) fn new(
        view: &View,
        collection: &Arc<Collection>,
        after: Option<&EncodedId>,
    ) -> Self {
        let ids = IdWalk::new(view, collection, after, usize::MAX);
        Self {
            view: view.clone(),
            collection: collection.clone(),
            ids,
            own: VecDeque::new(),
            after: after.cloned(),
            has_begun: false,
            read: 0,
            budget: view.limits.scan_documents,
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
        let listed = self.ids.next(most).await?;
        let ids = self.with_own(listed.into_iter().map(|(id, _)| id).collect(), most)?;
        if ids.is_empty() {
            return Ok(None);
        }
        self.read += ids.len();
        if self.read > self.budget {
            return Err(self.over_budget());
        }
        let (view, collection) = (&self.view, &self.collection);
        let reads = ids.into_iter().map(|id| async move {
            let document = read::load_listed::<T>(view, collection, &id).await?;
            Ok::<_, Error>(document.map(|document| (id, document)))
        });
        let read: Vec<_> = stream::iter(reads)
            .buffered(view.limits.concurrent_reads)
            .try_collect()
            .await?;
        Ok(Some(read.into_iter().flatten().collect()))
    }

    /// Inside of a transaction, what it wrote itself stands among what is listed, in the order of ids.
    fn with_own(&mut self, mut ids: Vec<EncodedId>, most: usize) -> Result<Vec<EncodedId>> {
        if !self.has_begun {
            self.has_begun = true;
            self.own = overlay::ids_after(&self.view, &self.collection, self.after.as_ref())?;
        }
        if self.own.is_empty() {
            return Ok(ids);
        }
        let last = ids.last().map(overlay::name);
        let comes = |own: &EncodedId| match &last {
            Some(last) => overlay::name(own) <= *last,
            None => true,
        };
        let mut left = if last.is_some() { usize::MAX } else { most };
        while left > 0 && self.own.front().is_some_and(comes) {
            ids.extend(self.own.pop_front());
            left -= 1;
        }
        ids.sort_by_cached_key(overlay::name);
        ids.dedup();
        Ok(ids)
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
