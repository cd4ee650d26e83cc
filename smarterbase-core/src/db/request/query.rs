//! `query()`: conditions on fields, an order, or an explicit scan.

use std::marker::PhantomData;

use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};

use super::find::FindMany;
use crate::{
    db::Session,
    document::{Document, Field, IndexArg, IndexValue, Stored},
    error::{Error, Result},
    query::{
        Order, Predicate,
        condition::Condition,
        predicate::{AnsweredByIndex, Capability, Class},
        scan::Documents,
        selection::Selection,
    },
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

    /// Documents that meet a condition which an index answers:
    /// `.filter(|user| user.plan.eq(Plan::Pro) & user.name.contains_text("ada"))`. In the order of ids.
    ///
    /// Of several indexes the one with the fewest entries finds the documents; the rest of the condition is checked on
    /// them. Indexes over several fields are used where the leading ones are compared by `eq`.
    pub fn filter<C: Class + AnsweredByIndex>(
        self,
        condition: impl FnOnce(T::Fields) -> Predicate<T, C>,
    ) -> FindMany<'a, T> {
        let condition = condition(T::HANDLES).into_condition();
        FindMany::selecting(self.session, condition.map(Selection::by_id), "query")
    }

    /// All documents in the order of a field with a range index: `.order_by(|user| user.age.desc())`; ties by id.
    pub fn order_by<C: Class + AnsweredByIndex>(
        self,
        order: impl FnOnce(T::Fields) -> Order<T, C>,
    ) -> FindMany<'a, T> {
        let all = Selection::by_id(Condition::All);
        FindMany::selecting(self.session, Ok(all), "query").order_by(order)
    }

    /// Accepts that every document is read, at most
    /// [`Limits::scan_documents`](crate::operation::limits::Limits::scan_documents): conditions, closures and orders need no
    /// index then. Where one helps it is used. In the order of ids.
    pub fn scan(self) -> FindMany<'a, T> {
        let all = Selection::by_id(Condition::All);
        FindMany::selecting(self.session, Ok(all), "scan")
    }

    /// How many documents have each of these values, in the order of the values: every one is counted exactly, at most
    /// [`Limits::concurrent_reads`](crate::operation::limits::Limits::concurrent_reads) values at the same time.
    ///
    /// # Errors
    /// As [`FindMany::count`].
    pub async fn counts<V, C, A>(
        self,
        field: impl FnOnce(T::Fields) -> Field<T, V, C>,
        values: impl IntoIterator<Item = A> + Send,
    ) -> Result<Vec<u64>>
    where
        V: IndexValue + 'static,
        C: Capability,
        C::Equality: AnsweredByIndex,
        A: IndexArg<V>,
    {
        let field = field(T::HANDLES);
        let counts: Vec<_> = values
            .into_iter()
            .map(|value| {
                let condition = field.eq(value).into_condition();
                let selection = condition.map(Selection::by_id);
                FindMany::selecting(self.session.clone(), selection, "query")
                    .count()
                    .into_future()
            })
            .collect();
        let most = self.session.engine().limits.concurrent_reads;
        stream::iter(counts).buffered(most).try_collect().await
    }
}

/// The documents of a listing, batch by batch.
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
