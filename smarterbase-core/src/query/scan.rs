//! Scanning: every document is read, under a budget.

use std::{collections::VecDeque, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};

use super::{id_walk::IdWalk, known::Known, overlay};
use crate::{
    document::{Document, Stored},
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{Collection, View, read, warm::Snapshots},
};

/// Of so few documents a snapshot is not worth its reads.
pub(crate) const FEW: usize = 100;

/// The live documents of a collection by id, read side by side, under the budget of [`Limits::scan_documents`].
///
/// [`Limits::scan_documents`]: crate::operation::limits::Limits::scan_documents
pub(crate) struct Documents {
    view: View,
    collection: Arc<Collection>,
    ids: IdWalk,
    known: Known,
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
            known: Known::new(view, collection),
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
        if objects < FEW {
            self.known.without_snapshot();
        }
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
        let mut known = self.known.of(&listed, &self.ids).await;
        let ids = self.with_own(listed.into_iter().map(|(id, _)| id).collect(), most)?;
        if ids.is_empty() {
            self.end();
            return Ok(None);
        }
        self.read += ids.len();
        if self.read > self.budget {
            return Err(over_budget(&self.collection, self.budget));
        }
        let (view, collection) = (&self.view, &self.collection);
        let reads = ids.into_iter().map(|id| {
            let known = known.remove(&id);
            async move {
                let document = read::load_scanned::<T>(view, collection, &id, known).await?;
                Ok::<_, Error>(document.map(|document| (id, document)))
            }
        });
        let read: Vec<_> = stream::iter(reads)
            .buffered(view.limits.concurrent_reads)
            .try_collect()
            .await?;
        Ok(Some(read.into_iter().flatten().collect()))
    }

    /// A walk that came to its end knows whether packing the collection pays.
    fn end(&self) {
        let warm = &self.view.warm;
        let packs = warm.snapshots == Snapshots::ReadAndPack && self.after.is_none();
        if packs && self.known.wants_packing() {
            (warm.begin_packing)(self.view.engine(), self.collection.clone());
        }
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
}

pub(crate) fn over_budget(collection: &Collection, budget: usize) -> Error {
    let text = format!(
        "the query would read more than {budget} documents before it is done: no index that is ready finds few enough, or gives \
         the order; add an index, build it with `rebuild_indexes`, or raise `scan_documents`"
    );
    Error::new(Code::BUDGET, text).in_collection(collection.name())
}
