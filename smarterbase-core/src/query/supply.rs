//! Documents in the order of ids, from wherever the plan finds them.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    access::Holder,
    candidates::{Candidate, Candidates, Next},
    index_walk,
    plan::{self, Plan},
    scan::{self, Documents},
    unique,
};
use crate::{
    document::{Document, Stored},
    error::Result,
    format::path::EncodedId,
    operation::{Collection, View, outage::Fallback, verb::encode_key},
};

/// Where documents come from.
pub(crate) enum Supply {
    /// Every document of the collection.
    All(Box<Documents>),
    /// Those that entries name.
    Candidates {
        candidates: Candidates,
        last: Option<EncodedId>,
        /// How many may be read; `None`: all.
        budget: Option<usize>,
        read: usize,
    },
    /// The holder of a unique value, once.
    Holder {
        holder: Option<Holder>,
        after: Option<EncodedId>,
    },
}

/// A supply with what it needs.
pub(crate) struct Supplied {
    view: View,
    collection: Arc<Collection>,
    supply: Supply,
    scan_budget: usize,
    fallback: Option<Fallback>,
    /// How many documents did not match.
    dropped: usize,
}

impl Supplied {
    /// The documents of a plan that stand after `after`. `most_sorted` bounds how many candidates are read where all of
    /// them are, before the first result.
    pub(crate) fn new(
        view: &View,
        collection: &Arc<Collection>,
        plan: Plan,
        after: Option<&EncodedId>,
        scan_budget: usize,
        most_sorted: Option<usize>,
    ) -> Self {
        let supply = match plan {
            Plan::Candidates(finders) => Supply::Candidates {
                candidates: Candidates::new(view, collection, finders, after),
                last: after.cloned(),
                budget: most_sorted,
                read: 0,
            },
            Plan::Holder(holder) => Supply::Holder {
                holder: Some(holder),
                after: after.cloned(),
            },
            Plan::Scan | Plan::InOrder(_) => {
                let documents = Documents::new(view, collection, after);
                Supply::All(Box::new(documents.with_budget(scan_budget)))
            }
        };
        Self {
            view: view.clone(),
            collection: collection.clone(),
            supply,
            scan_budget,
            fallback: None,
            dropped: 0,
        }
    }

    pub(crate) fn with_fallback(mut self, fallback: Option<Fallback>) -> Self {
        self.fallback = fallback;
        self
    }

    /// A condition that no index knows may let few candidates pass: reading the others is a scan.
    ///
    /// # Errors
    /// [`Refused`](crate::ErrorKind::Refused) (`SB-BUDGET`): too many did not match.
    pub(crate) fn note_dropped(&mut self, documents: usize) -> Result<()> {
        self.dropped += documents;
        if self.dropped > self.scan_budget {
            return Err(scan::over_budget(&self.collection, self.scan_budget));
        }
        Ok(())
    }

    /// Up to `most` further documents, live ones only; `None` at the end. Entries are asked for in pages of `page`.
    ///
    /// # Errors
    /// [`Refused`](crate::ErrorKind::Refused) (`SB-BUDGET`): too many would have to be read.
    pub(crate) async fn next<T: Document>(
        &mut self,
        most: usize,
        page: usize,
    ) -> Result<Option<Vec<(EncodedId, Stored<T>)>>> {
        loop {
            let next = match &mut self.supply {
                Supply::All(documents) => {
                    return documents.next::<T>(self.view.limits.concurrent_reads).await;
                }
                Supply::Holder { holder, after } => {
                    let (holder, after) = (holder.take(), after.take());
                    return self.holder::<T>(holder, after.as_ref()).await;
                }
                Supply::Candidates { candidates, .. } => candidates.next(most, page).await?,
            };
            match next {
                Next::Some(found) if found.is_empty() => return Ok(None),
                Next::Some(found) => return self.load(found).await.map(Some),
                Next::Lost => {
                    plan::check_may_scan(&self.view, &self.collection, self.fallback)?;
                    self.scan_the_rest();
                }
            }
        }
    }

    /// Everything up to the last candidate was seen: ids come in order.
    fn scan_the_rest(&mut self) {
        if let Supply::Candidates { last, .. } = &self.supply {
            let documents = Documents::new(&self.view, &self.collection, last.as_ref());
            self.supply = Supply::All(Box::new(documents.with_budget(self.scan_budget)));
        }
    }

    async fn load<T: Document>(
        &mut self,
        found: Vec<Candidate>,
    ) -> Result<Vec<(EncodedId, Stored<T>)>> {
        if let Supply::Candidates {
            last, budget, read, ..
        } = &mut self.supply
        {
            *last = found.last().map(|candidate| candidate.id.clone());
            *read += found.len();
            if budget.is_some_and(|budget| *read > budget) {
                return Err(scan::over_budget(
                    &self.collection,
                    budget.unwrap_or_default(),
                ));
            }
        }
        let (view, collection) = (&self.view, &self.collection);
        let loads: Vec<_> = found
            .into_iter()
            .map(|candidate| load(view, collection, candidate))
            .collect();
        let loaded: Vec<_> = stream::iter(loads)
            .buffered(view.limits.concurrent_reads)
            .try_collect()
            .await?;
        Ok(loaded.into_iter().flatten().collect())
    }

    async fn holder<T: Document>(
        &self,
        holder: Option<Holder>,
        after: Option<&EncodedId>,
    ) -> Result<Option<Vec<(EncodedId, Stored<T>)>>> {
        let Some(holder) = holder else {
            return Ok(None);
        };
        let (view, collection) = (&self.view, &self.collection);
        let (ordinal, components) = (holder.ordinal, &holder.components);
        let found = unique::find::<T>(view, collection, ordinal, components, self.fallback);
        // Boxed: without its definition, a unique value is scanned for, which is a supply again.
        let found = Box::pin(found).await?;
        let Some(document) = found else {
            return Ok(None);
        };
        let id = encode_key(collection, document.key())?;
        let is_seen =
            after.is_some_and(|after| super::overlay::name(&id) <= super::overlay::name(after));
        Ok(Some(if is_seen {
            Vec::new()
        } else {
            vec![(id, document)]
        }))
    }
}

async fn load<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    candidate: Candidate,
) -> Result<Option<(EncodedId, Stored<T>)>> {
    let Candidate { id, entries } = candidate;
    let entries: Vec<_> = entries.iter().map(|(source, hit)| (source, hit)).collect();
    let document = index_walk::load::<T>(view, collection, &id, &entries).await?;
    Ok(document.map(|document| (id, document)))
}
