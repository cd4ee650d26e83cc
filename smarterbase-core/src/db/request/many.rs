//! The requests of verbs on several documents: side by side, results in the order that was asked in.

use std::marker::PhantomData;

use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream};

use super::request;
use crate::{
    db::Session,
    document::{Document, IntoDocument, Stored},
    error::Result,
    operation::{
        read,
        verb::{create, encode_key},
    },
};

/// Reads several documents: `Vec<Option<Stored<T>>>` in the order of the keys. At most
/// [`Limits::concurrent_reads`](crate::operation::limits::Limits::concurrent_reads) at the same time.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct GetMany<'a, T: Document> {
    session: Session<'a>,
    keys: Vec<T::Key>,
}

impl<'a, T: Document> GetMany<'a, T> {
    pub(crate) fn new(session: Session<'a>, keys: impl IntoIterator<Item = T::Key>) -> Self {
        Self {
            session,
            keys: keys.into_iter().collect(),
        }
    }
}

request!(impl['a, T: Document] GetMany<'a, T> => Vec<Option<Stored<T>>>, |this| async move {
    let engine = this.session.engine();
    let collection = engine.collection::<T>();
    let reads = this.keys.iter().map(|key| async {
        read::load::<T>(this.session.view(), &collection, &encode_key(&collection, key)?).await
    });
    let read: Result<Vec<_>> = stream::iter(reads.collect::<Vec<_>>()).buffered(engine.limits.concurrent_reads).try_collect().await;
    read.map_err(|error| error.during("get_many"))
});

/// Creates several documents: one result each, in order; a failure of one does not stop the others. At most
/// [`Limits::concurrent_reads`](crate::operation::limits::Limits::concurrent_reads) at the same time.
#[must_use = "a request does nothing until it is awaited"]
pub struct CreateMany<'a, T> {
    running: BoxFuture<'a, Result<Vec<Result<Stored<T>>>>>,
    types: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for CreateMany<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateMany").finish_non_exhaustive()
    }
}

impl<'a, T: Document> CreateMany<'a, T> {
    pub(crate) fn new<N, I>(session: Session<'a>, new: I) -> Self
    where
        N: IntoDocument<T> + Send + 'a,
        I: IntoIterator<Item = N>,
        I::IntoIter: Send + 'a,
    {
        let new = new.into_iter();
        let running = Box::pin(async move {
            let engine = session.engine();
            let collection = engine.collection::<T>();
            engine.check_writable()?;
            let (view, collection) = (session.view(), &collection);
            let creates = stream::iter(new).map(|new| async move {
                create::create(view, collection, new)
                    .await
                    .map_err(|error| error.during("create"))
            });
            Ok(creates
                .buffered(engine.limits.concurrent_reads)
                .collect()
                .await)
        });
        Self {
            running,
            types: PhantomData,
        }
    }
}

impl<'a, T: Document> IntoFuture for CreateMany<'a, T> {
    type Output = Result<Vec<Result<Stored<T>>>>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.running
    }
}
