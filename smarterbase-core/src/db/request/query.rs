//! `query()`: one indexed field, or an explicit scan.

use std::marker::PhantomData;

use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream, stream::BoxStream};

use super::find::FindMany;
use crate::{
    db::Session,
    document::{Document, Stored},
    error::{Code, Error, Result},
    query::{Order, Predicate, scan::Documents},
};

/// A query that has no condition yet. Say what it asks for, or say that it scans.
#[derive(Debug)]
#[must_use = "a query does nothing until it has a condition and is awaited"]
pub struct Query<'a, T> {
    session: Session<'a>,
    types: PhantomData<fn() -> T>,
}

impl<'a, T: Document> Query<'a, T> {
    pub(crate) fn new(session: Session<'a>) -> Self {
        Self {
            session,
            types: PhantomData,
        }
    }

    /// Documents that meet a condition on an indexed field: `.filter(|user| user.plan.eq(Plan::Pro))`.
    pub fn filter(self, condition: impl FnOnce(T::Fields) -> Predicate<T>) -> FindMany<'a, T> {
        let Predicate {
            ordinal,
            prefix,
            bounds,
            ..
        } = condition(T::HANDLES);
        FindMany::new(self.session, ordinal, &prefix, bounds)
    }

    /// All documents in the order of an indexed field: `.order_by(|user| user.age.desc())`. A list field has no order
    /// (rule S27).
    pub fn order_by(self, order: impl FnOnce(T::Fields) -> Order<T>) -> FindMany<'a, T> {
        let Order {
            ordinal,
            descending,
            ..
        } = order(T::HANDLES);
        if T::SPEC.indexes[usize::from(ordinal)].each {
            let error = Error::new(Code::INVALID, "documents have no order by a list");
            return FindMany::failed(self.session, error.in_collection(T::SPEC.collection));
        }
        let all = FindMany::new(self.session, ordinal, &[], None);
        if descending { all.descending() } else { all }
    }

    /// Reads every document, under the budget
    /// [`Limits::scan_documents`](crate::operation::limits::Limits::scan_documents).
    pub fn scan(self) -> Scan<'a, T> {
        let budget = self.session.engine().limits.scan_documents;
        Scan {
            session: self.session,
            budget,
            filters: Vec::new(),
        }
    }
}

type Filter<'a, T> = Box<dyn Fn(&T) -> bool + Send + Sync + 'a>;

/// A scan: every document is read; the filters are closures. In the order of ids.
#[must_use = "a scan does nothing until it is awaited"]
pub struct Scan<'a, T> {
    session: Session<'a>,
    budget: usize,
    filters: Vec<Filter<'a, T>>,
}

impl<T> std::fmt::Debug for Scan<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan")
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

impl<'a, T: Document> Scan<'a, T> {
    /// Keeps the documents that `filter` says yes to.
    pub fn retain(mut self, filter: impl Fn(&T) -> bool + Send + Sync + 'a) -> Self {
        self.filters.push(Box::new(filter));
        self
    }

    /// Reads at most this many documents; more is an error.
    pub fn budget(mut self, documents: usize) -> Self {
        self.budget = documents;
        self
    }

    /// The documents one after the other. Holds at most as many as are read side by side.
    #[must_use = "a stream does nothing until it is polled"]
    pub fn stream(self) -> BoxStream<'a, Result<Stored<T>>> {
        let engine = self.session.view();
        let walk = Documents::new(engine, &engine.collection::<T>(), None).with_budget(self.budget);
        let filters = self.filters;
        documents(walk, engine.limits.concurrent_reads, "scan")
            .try_filter(move |document| {
                let is_kept = filters.iter().all(|filter| filter(document));
                std::future::ready(is_kept)
            })
            .boxed()
    }

    /// How many documents the filters keep.
    ///
    /// # Errors
    /// As awaiting the scan.
    pub async fn count(self) -> Result<u64> {
        self.stream()
            .try_fold(0, |count, _| async move { Ok(count + 1) })
            .await
    }
}

/// The documents of a scan or a listing, batch by batch.
pub(super) fn documents<'a, T: Document>(
    documents: Documents,
    most: usize,
    operation: &'static str,
) -> BoxStream<'a, Result<Stored<T>>> {
    let batches = stream::try_unfold(documents, move |mut documents| async move {
        let read = documents.next::<T>(most).await;
        let Some(batch) = read.map_err(|error| error.during(operation))? else {
            return Ok::<_, Error>(None);
        };
        let items: Vec<_> = batch
            .into_iter()
            .map(|(_, document)| Ok(document))
            .collect();
        Ok(Some((stream::iter(items), documents)))
    });
    batches.try_flatten().boxed()
}

impl<'a, T: Document> IntoFuture for Scan<'a, T> {
    type Output = Result<Vec<Stored<T>>>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let most = self.session.engine().limits.collect;
            let found: Vec<_> = self
                .stream()
                .take(most.saturating_add(1))
                .try_collect()
                .await?;
            if found.len() > most {
                let text =
                    format!("more than {most} documents match; use the stream, or raise `collect`");
                return Err(Error::new(Code::TOO_MANY, text)
                    .in_collection(T::SPEC.collection)
                    .during("scan"));
            }
            Ok(found)
        })
    }
}
