//! The requests of finders.

use std::marker::PhantomData;

use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream, stream::BoxStream};

use super::request;
use crate::{
    db::Session,
    document::{Document, Scalar, Stored},
    error::{Code, Error, Result},
    operation::verb::{encode_key, remove},
    query::{
        Cursor, Page, cursor,
        selection::{Bounds, Place, Selection, owned},
        unique,
        walk::{self, Batch, Walk},
    },
};

/// Finds the document that holds a unique value: `Option<Stored<T>>`, 2 GETs, no index.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindOne<'a, T> {
    session: Session<'a>,
    ordinal: u16,
    components: Vec<Scalar<'static>>,
    types: PhantomData<fn() -> T>,
}

impl<'a, T: Document> FindOne<'a, T> {
    /// For the derive: the unique definition at `ordinal` with these components.
    #[doc(hidden)]
    pub fn new(session: Session<'a>, ordinal: u16, components: &[Scalar<'_>]) -> Self {
        let components = components.iter().cloned().map(owned).collect();
        Self {
            session,
            ordinal,
            components,
            types: PhantomData,
        }
    }
}

request!(impl['a, T: Document] FindOne<'a, T> => Option<Stored<T>>, |this| async move {
    let engine = this.session.engine();
    let found = unique::find(this.session.view(), &engine.collection::<T>(), this.ordinal, &this.components).await;
    found.map_err(|error| error.during("find"))
});

/// Finds the documents with an index value, or in a range of values, in the order of value and id.
///
/// `.await` gives them all, at most [`Limits::collect`](crate::operation::limits::Limits::collect): more is an error,
/// never a silent cut. [`page`](Self::page) and [`stream`](Self::stream) have no such bound.
#[must_use = "a request does nothing until it is awaited"]
pub struct FindMany<'a, T> {
    session: Session<'a>,
    selection: Result<Selection>,
    types: PhantomData<fn() -> T>,
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
        Self {
            session,
            selection: Selection::new(T::SPEC, ordinal, prefix, bounds),
            types: PhantomData,
        }
    }

    pub(crate) fn failed(session: Session<'a>, error: Error) -> Self {
        Self {
            session,
            selection: Err(error),
            types: PhantomData,
        }
    }

    /// From the greatest value and id down.
    pub fn descending(mut self) -> Self {
        if let Ok(selection) = &mut self.selection {
            selection.descending = true;
        }
        self
    }

    /// One page of at most `size` documents; short only at the end.
    pub fn page(self, size: usize) -> FindPage<'a, T> {
        FindPage {
            find: self,
            size,
            after: None,
        }
    }

    /// The documents one after the other. Holds at most as many as are read side by side.
    pub fn stream(self) -> BoxStream<'a, Result<Stored<T>>> {
        self.found().map_ok(|(document, _)| document).boxed()
    }

    /// The keys only. They are verified, so the documents are read.
    pub fn keys(self) -> FindKeys<'a, T> {
        FindKeys { find: self }
    }

    /// How many documents match, exactly: the documents are read.
    pub fn count(self) -> Count<'a, T> {
        Count { find: self }
    }

    /// Deletes the documents that match, one by one; each is checked again before it goes.
    pub fn delete(self) -> DeleteMany<'a, T> {
        DeleteMany { find: self }
    }

    fn found(self) -> impl futures::Stream<Item = Result<(Stored<T>, Place)>> + Send + 'a {
        let batches = stream::try_unfold(self.walk(), |walk| async move {
            let mut walk = walk?;
            let found = walk
                .next::<T>()
                .await
                .map_err(|error| error.during("find"))?;
            if found.is_empty() {
                return Ok::<_, Error>(None);
            }
            let items = found
                .into_iter()
                .map(|found| Ok((found.document, found.place)));
            Ok(Some((stream::iter(items.collect::<Vec<_>>()), Ok(walk))))
        });
        batches.try_flatten()
    }

    fn walk(self) -> Result<Walk> {
        let view = self.session.view().clone();
        let collection = view.collection::<T>();
        let selection = self.selection.map_err(|error| error.during("find"))?;
        Ok(Walk::new(view, collection, selection))
    }

    async fn batch(&self, after: Option<&Place>, size: usize) -> Result<Batch<T>> {
        let selection = match &self.selection {
            Ok(selection) => selection,
            Err(error) => return Err(error.repeated()),
        };
        let view = self.session.view();
        let batch = walk::page(view, &view.collection::<T>(), selection, after, size).await;
        batch.map_err(|error| error.during("find"))
    }
}

impl<'a, T: Document> IntoFuture for FindMany<'a, T> {
    type Output = Result<Vec<Stored<T>>>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let most = self.session.engine().limits.collect;
            let batch = self.batch(None, most).await?;
            if batch.has_more {
                let text = format!(
                    "more than {most} documents match; ask for pages or a stream, or raise `collect`"
                );
                return Err(Error::new(Code::TOO_MANY, text)
                    .in_collection(T::SPEC.collection)
                    .during("find"));
            }
            Ok(batch
                .found
                .into_iter()
                .map(|found| found.document)
                .collect())
        })
    }
}

/// One page of a finder.
#[must_use = "a request does nothing until it is awaited"]
#[derive(Debug)]
pub struct FindPage<'a, T> {
    find: FindMany<'a, T>,
    size: usize,
    after: Option<Cursor>,
}

impl<T> FindPage<'_, T> {
    /// Goes on where the page with this cursor ended.
    pub fn after(mut self, cursor: impl Into<Cursor>) -> Self {
        self.after = Some(cursor.into());
        self
    }

    /// Goes on after the cursor, if there is one.
    pub fn after_opt(mut self, cursor: Option<Cursor>) -> Self {
        self.after = cursor;
        self
    }
}

request!(impl['a, T: Document] FindPage<'a, T> => Page<T>, |this| async move {
    let engine = this.find.session.engine();
    let collection = engine.collection::<T>();
    let after = match (&this.after, &this.find.selection) {
        (Some(cursor), Ok(selection)) => Some(cursor::open(engine, &collection, selection, cursor).await?),
        _ => None,
    };
    let batch = this.find.batch(after.as_ref(), this.size.max(1)).await?;
    let next = match (batch.found.last(), &this.find.selection) {
        (Some(last), Ok(selection)) if batch.has_more => {
            Some(cursor::seal(engine, &collection, selection, &last.place).await?)
        }
        _ => None,
    };
    Ok(Page { items: batch.found.into_iter().map(|found| found.document).collect(), next })
});

/// The keys of the documents that match: `Vec<T::Key>`, at most as many as one call may collect.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindKeys<'a, T> {
    find: FindMany<'a, T>,
}

request!(impl['a, T: Document] FindKeys<'a, T> => Vec<T::Key>, |this| async move {
    Ok(this.find.await?.iter().map(|document| document.key().clone()).collect())
});

/// Counts documents exactly.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Count<'a, T> {
    find: FindMany<'a, T>,
}

request!(impl['a, T: Document] Count<'a, T> => u64, |this| async move {
    this.find.walk()?.count::<T>().await.map_err(|error| error.during("count"))
});

/// Deletes documents one by one: gives how many went. A failure stops it; what went is gone.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct DeleteMany<'a, T> {
    find: FindMany<'a, T>,
}

request!(impl['a, T: Document] DeleteMany<'a, T> => u64, |this| async move {
    let view = this.find.session.view().clone();
    let collection = view.collection::<T>();
    let selection = this.find.selection.as_ref().ok().cloned();
    let mut found = Box::pin(this.find.found());
    let mut deleted = 0;
    while let Some((document, place)) = found.try_next().await? {
        let id = encode_key(&collection, document.key())?;
        // It must still match when it goes: somebody may have changed it meanwhile.
        let still = |fetched: &crate::operation::read::Fetched| {
            let current = crate::operation::read::decode::<T>(&collection, &place.id, fetched.clone())?;
            selection.as_ref().map_or(Ok(true), |selection| Ok(selection.place(&*current, &place.id)?.is_some()))
        };
        let gone = remove::delete_where::<T>(&view, &collection, &id, still).await;
        deleted += u64::from(gone.map_err(|error| error.during("delete"))?);
    }
    Ok(deleted)
});
