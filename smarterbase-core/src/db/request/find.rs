//! Finders and queries: what is selected, and in which order.

mod answer;

use std::{marker::PhantomData, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};

pub use answer::{
    Count, DeleteMany, EstimateCount, FindAny, FindFirst, FindKeys, FindLimited, FindOnly,
    FindPage, FindSorted,
};

use super::measured_request;
use crate::{
    db::Session,
    document::{Document, Scalar, Stored},
    error::{Code, Error, Result},
    operation::{outage::Fallback, profile::trace::Measured},
    query::{
        Order, Predicate,
        condition::Condition,
        predicate::Class,
        range::{Bounds, IndexRange, owned},
        selection::{Place, Selection},
        unique,
        walk::{self, Batch, Found, Walk},
    },
};

/// Finds the document that holds a unique value: `Option<Stored<T>>`, 2 GETs, no index. While the definition is not built yet,
/// every document is read.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindOne<'a, T> {
    session: Session<'a>,
    ordinal: u16,
    components: Vec<Scalar<'static>>,
    fallback: Option<Fallback>,
    types: PhantomData<fn() -> T>,
}

impl<'a, T: Document> FindOne<'a, T> {
    fn session(&self) -> &Session<'a> {
        &self.session
    }

    /// For the derive: the unique definition at `ordinal` with these components.
    #[doc(hidden)]
    pub fn new(session: Session<'a>, ordinal: u16, components: &[Scalar<'_>]) -> Self {
        let components = components.iter().cloned().map(owned).collect();
        Self {
            session,
            ordinal,
            components,
            fallback: None,
            types: PhantomData,
        }
    }

    /// What is done while the unique definition is not built yet, whatever the database says: [`Fallback::Never`] is refused
    /// (`SB-INDEX-UNAVAILABLE`) instead of reading every document.
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = Some(fallback);
        self
    }
}

measured_request!(impl['a, T: Document] FindOne<'a, T> => Option<Stored<T>>, |this| {
    let components = &T::SPEC.indexes[usize::from(this.ordinal)].components;
    let fields: Vec<_> = components.iter().map(|component| component.field).collect();
    Measured::of_unique_value(this.session.engine(), "find", T::SPEC.collection, &fields.join(", "))
}, async move {
    let engine = this.session.engine();
    let collection = engine.collection::<T>();
    let found = unique::find(this.session.view(), &collection, this.ordinal, &this.components, this.fallback).await;
    found.map_err(|error| error.during("find"))
});

/// Finds documents: those of a finder in the order of value and id, those of a query in the order of ids, unless
/// [`order_by`](Self::order_by) says otherwise.
///
/// `.await` gives them all, at most [`Limits::collect`](crate::operation::limits::Limits::collect): more is an error,
/// never a silent cut. [`page`](Self::page), [`limit`](Self::limit) and [`stream`](Self::stream) have no such bound.
///
/// An index only finds candidates: every document is read and checked. Where the results do not come in the order that is
/// asked for, the matching documents are read first and sorted, at most
/// [`Limits::scan_documents`](crate::operation::limits::Limits::scan_documents).
///
/// # Errors
/// - [`Refused`](crate::ErrorKind::Refused): more documents match than one call may collect (`SB-TOO-MANY`), or more would be
///   read in vain than the [budget](Self::budget) allows (`SB-BUDGET`).
/// - [`Invalid`](crate::ErrorKind::Invalid): a value that is asked for cannot be compared (`NaN`).
/// - [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): a document cannot be read; never
///   a shorter answer.
/// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer. An index that does not answer is no error,
///   unless [`Fallback::Never`] was asked for.
#[must_use = "a request does nothing until it is awaited"]
pub struct FindMany<'a, T> {
    session: Session<'a>,
    selection: Result<Selection<'a, T>>,
    operation: &'static str,
}

impl<T> std::fmt::Debug for FindMany<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FindMany").finish_non_exhaustive()
    }
}

impl<'a, T: Document> FindMany<'a, T> {
    /// For the derive: documents whose leading components equal `prefix` and whose next one lies in the bounds.
    #[doc(hidden)]
    pub fn new(
        session: Session<'a>,
        ordinal: u16,
        prefix: &[Scalar<'_>],
        bounds: Option<Bounds<'_>>,
    ) -> Self {
        let range = IndexRange::new(T::SPEC, ordinal, prefix, bounds);
        Self::selecting(session, range.map(Selection::by_entry), "find")
    }

    pub(crate) fn selecting(
        session: Session<'a>,
        selection: Result<Selection<'a, T>>,
        operation: &'static str,
    ) -> Self {
        Self {
            session,
            selection,
            operation,
        }
    }

    pub(super) fn session(&self) -> &Session<'a> {
        &self.session
    }

    fn change(mut self, change: impl FnOnce(Selection<'a, T>) -> Result<Selection<'a, T>>) -> Self {
        self.selection = self.selection.and_then(change);
        self
    }

    /// Only those that meet this condition too. It needs no index of its own.
    pub fn filter<C: Class>(self, condition: impl FnOnce(T::Fields) -> Predicate<T, C>) -> Self {
        let condition = condition(T::HANDLES).into_condition();
        self.change(|selection| Ok(selection.and(condition?)))
    }

    /// Only those that `keeps` says yes to. A cursor cannot tell one closure from another: give it the same one.
    pub fn retain(self, keeps: impl Fn(&T) -> bool + Send + Sync + 'a) -> Self {
        self.change(|selection| Ok(selection.and(Condition::Passes(Arc::new(keeps)))))
    }

    /// In the order of a field; ties by id. Without an index that gives the order, what matches is read and sorted.
    pub fn order_by<C>(self, order: impl FnOnce(T::Fields) -> Order<T, C>) -> Self {
        let order = order(T::HANDLES);
        self.change(|selection| Ok(selection.ordered_by(order.reader, order.descending)))
    }

    /// From the greatest value and id down.
    pub fn descending(self) -> Self {
        self.change(|mut selection| {
            selection.descending = true;
            Ok(selection)
        })
    }

    /// Reads at most this many documents in vain, instead of
    /// [`Limits::scan_documents`](crate::operation::limits::Limits::scan_documents): those of a scan, those that are read
    /// to be sorted, and those that an index names and that do not meet the rest of the condition. More is `Refused`
    /// (`SB-BUDGET`).
    pub fn budget(self, documents: usize) -> Self {
        self.change(|mut selection| {
            selection.budget = Some(documents);
            Ok(selection)
        })
    }

    /// What is done while no index that would find the documents can be used, whatever the database says:
    /// [`Fallback::Never`] is refused (`SB-INDEX-UNAVAILABLE`) instead of reading every document.
    pub fn fallback(self, fallback: Fallback) -> Self {
        self.change(|mut selection| {
            selection.fallback = Some(fallback);
            Ok(selection)
        })
    }

    /// One page of at most `size` documents; short only at the end.
    pub fn page(self, size: usize) -> FindPage<'a, T> {
        FindPage {
            find: self,
            size,
            after: None,
        }
    }

    /// The first `most` documents.
    pub fn limit(self, most: usize) -> FindLimited<'a, T> {
        FindLimited { find: self, most }
    }

    /// The first document, if there is one.
    pub fn first(self) -> FindFirst<'a, T> {
        FindFirst { find: self }
    }

    /// The only document.
    pub fn one(self) -> FindOnly<'a, T> {
        FindOnly { find: self }
    }

    /// Whether there is any.
    pub fn exists(self) -> FindAny<'a, T> {
        FindAny { find: self }
    }

    /// The documents one after the other. Holds at most as many as are read side by side, a page of entries, and the places of
    /// all results where they had to be sorted.
    ///
    /// # Errors
    /// As awaiting it, as an item; nothing follows it.
    pub fn stream(self) -> BoxStream<'a, Result<Stored<T>>> {
        self.found().map_ok(|found| found.document).boxed()
    }

    /// Runs `work` on every document, on at most `most` at the same time, in no particular order. Gives how many there were.
    /// The first error ends it; what runs then is dropped.
    ///
    /// # Errors
    /// Those of the query, and those of `work`.
    pub async fn for_each_concurrent<F>(
        self,
        most: usize,
        work: impl Fn(Stored<T>) -> F + Send + Sync,
    ) -> Result<u64>
    where
        F: Future<Output = Result<()>> + Send,
    {
        let results = self
            .stream()
            .map_ok(&work)
            .try_buffer_unordered(most.max(1));
        results
            .try_fold(0, |count, ()| async move { Ok(count + 1) })
            .await
    }

    /// In the order of a comparison; equal ones by id. All that matches is read and sorted.
    pub fn sort_by(
        self,
        compare: impl Fn(&T, &T) -> std::cmp::Ordering + Send + Sync + 'a,
    ) -> FindSorted<'a, T> {
        FindSorted {
            find: self,
            compare: Box::new(compare),
            most: None,
        }
    }

    /// Only the members that `P` has, by their stored names: the documents are read, but not kept.
    ///
    /// # Errors
    /// As [`stream`](Self::stream); [`Invalid`](crate::ErrorKind::Invalid): a document does not fit to `P`.
    pub fn project<P: serde::de::DeserializeOwned + Send + 'static>(
        self,
    ) -> BoxStream<'a, Result<P>> {
        self.found()
            .and_then(|found| std::future::ready(project(&found)))
            .boxed()
    }

    /// The keys only. They are verified, so the documents are read.
    pub fn keys(self) -> FindKeys<'a, T> {
        FindKeys { find: self }
    }

    /// How many documents match, exactly: the documents are read.
    pub fn count(self) -> Count<'a, T> {
        Count { find: self }
    }

    /// About how many documents match, from the indexes alone.
    pub fn count_estimate(self) -> EstimateCount<'a, T> {
        EstimateCount { find: self }
    }

    /// Deletes the documents that match, one by one; each is checked again before it goes.
    pub fn delete(self) -> DeleteMany<'a, T> {
        DeleteMany { find: self }
    }

    fn found(self) -> impl futures::Stream<Item = Result<Found<T>>> + Send + 'a {
        let (operation, measured) = (self.operation, self.measured());
        let batches = stream::try_unfold(
            (self.walk(), measured),
            move |(walk, measured)| async move {
                let mut walk = walk?;
                let found = measured.run(walk.next()).await;
                let found = found.map_err(|error| error.during(operation))?;
                if found.is_empty() {
                    return Ok::<_, Error>(None);
                }
                let items: Vec<_> = found.into_iter().map(Ok).collect();
                Ok(Some((stream::iter(items), (Ok(walk), measured))))
            },
        );
        batches.try_flatten()
    }

    fn walk(self) -> Result<Walk<'a, T>> {
        let view = self.session.view().clone();
        let collection = view.collection::<T>();
        let selection = self
            .selection
            .map_err(|error| error.during(self.operation))?;
        Ok(Walk::new(view, collection, selection))
    }

    fn selection(&self) -> Result<&Selection<'a, T>> {
        let selection = self.selection.as_ref();
        selection.map_err(|error| error.repeated().during(self.operation))
    }

    async fn batch(&self, after: Option<&Place>, size: usize) -> Result<Batch<T>> {
        let selection = self.selection()?;
        let view = self.session.view();
        let batch = walk::page(view, &view.collection::<T>(), selection, after, size).await;
        batch.map_err(|error| error.during(self.operation))
    }

    async fn all(&self) -> Result<Vec<Stored<T>>> {
        let most = self.session.engine().limits.collect;
        let batch = self.batch(None, most).await?;
        if batch.has_more {
            return Err(self.too_many(most));
        }
        Ok(documents(batch))
    }

    fn measured(&self) -> Measured {
        self.measured_as(self.operation)
    }

    fn measured_as(&self, operation: &'static str) -> Measured {
        Measured::begin(self.session.engine(), operation, T::SPEC.collection)
    }

    async fn limited(&self, most: usize) -> Result<Vec<Stored<T>>> {
        if most == 0 {
            return Ok(Vec::new());
        }
        let batch = self.batch(None, most).await?;
        Ok(documents(batch))
    }

    fn too_many(&self, most: usize) -> Error {
        let text = format!(
            "more than {most} documents match; ask for pages or a stream, or raise `collect`"
        );
        Error::new(Code::TOO_MANY, text)
            .in_collection(T::SPEC.collection)
            .during(self.operation)
    }
}

fn documents<T>(batch: Batch<T>) -> Vec<Stored<T>> {
    let found = batch.found.into_iter();
    found.map(|found| found.document).collect()
}

fn project<T: Document, P: serde::de::DeserializeOwned>(found: &Found<T>) -> Result<P> {
    let failed = |error: serde_json::Error| {
        // The parser's text can quote values.
        let text = format!(
            "the document does not fit to the projection ({} error)",
            if error.is_data() { "data" } else { "syntax" }
        );
        Error::new(Code::INVALID, text)
            .at(T::SPEC.collection, found.place.id.as_str())
            .during("project")
    };
    let bytes = serde_json::to_vec(&*found.document).map_err(failed)?;
    serde_json::from_slice(&bytes).map_err(failed)
}

measured_request!(impl['a, T: Document] FindMany<'a, T> => Vec<Stored<T>>, |this| this.measured(), async move {
    this.all().await
});
