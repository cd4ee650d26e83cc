//! The requests of verbs on several documents: side by side, results in the order that was asked in.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};

use super::{Delete, Exists, Save, request};
use crate::{
    db::Session,
    document::{Document, IntoDocument, Stored},
    error::{Error, Result},
    format::path::EncodedId,
    operation::{
        Collection, View,
        batch::{self, BatchHandle, Job, OnProgress, Progress, Turn, Turns},
        read,
        verb::{
            create, encode_key,
            replace::{self, Members},
        },
    },
};

/// Several items of one verb: `Vec<Result<R>>` in request order. A failure of one item is that item's result and does not
/// stop the others.
///
/// At most [`Limits::concurrent_reads`](crate::operation::limits::Limits::concurrent_reads) items run at the same time. Items
/// of the same document run one after the other, in request order. It is no transaction: each document stands for itself,
/// unless the batch runs inside of one.
///
/// Awaiting it fails as a whole only when the database takes no writes at all (`SB-READ-ONLY`, `SB-PROBE-FAILED`); nothing
/// has begun then. Dropping it stops it: what was under way may happen still, and a
/// [handle](Self::with_handle) tells which items that were.
#[must_use = "a request does nothing until it is awaited"]
pub struct Batch<'a, R> {
    session: Session<'a>,
    writes: bool,
    jobs: Box<dyn Iterator<Item = Job<'a, R>> + Send + 'a>,
    handle: BatchHandle,
    on_progress: OnProgress<'a>,
}

impl<R> std::fmt::Debug for Batch<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

impl<'a, R> Batch<'a, R> {
    fn new(
        session: &Session<'a>,
        writes: bool,
        jobs: impl Iterator<Item = Job<'a, R>> + Send + 'a,
    ) -> Self {
        Self {
            session: session.clone(),
            writes,
            jobs: Box::new(jobs),
            handle: BatchHandle::new(),
            on_progress: Box::new(|_| {}),
        }
    }

    /// Calls `report` after every item, in the task that awaits the batch: keep it short.
    pub fn on_progress(mut self, report: impl FnMut(Progress) + Send + 'a) -> Self {
        self.on_progress = Box::new(report);
        self
    }

    /// Keeps the batch's account in `handle`, which can cancel it, and outlives it.
    pub fn with_handle(mut self, handle: &BatchHandle) -> Self {
        self.handle = handle.clone();
        self
    }
}

impl<'a, R: Send + 'a> IntoFuture for Batch<'a, R> {
    type Output = Result<Vec<Result<R>>>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            let engine = self.session.engine();
            if self.writes {
                engine.check_writable()?;
            }
            let at_once = engine.limits.concurrent_reads;
            Ok(batch::run(self.jobs, at_once, &self.handle, &mut self.on_progress).await)
        })
    }
}

/// The bytes of a document, counted where it was read or written.
pub(crate) fn sized<T>(stored: Stored<T>) -> (Stored<T>, u64) {
    let size = stored.meta().size as u64;
    (stored, size)
}

/// An item of the document with this id; a key that is none fails by itself.
fn job<'a, R: Send + 'a>(
    turns: &mut Turns,
    id: Result<EncodedId>,
    run: impl FnOnce(EncodedId) -> BoxFuture<'a, Result<(R, u64)>>,
) -> Job<'a, R> {
    match id {
        Ok(id) => Job {
            turn: turns.join(&id),
            run: run(id),
        },
        Err(error) => failed(error),
    }
}

fn failed<'a, R: Send + 'a>(error: Error) -> Job<'a, R> {
    Job {
        turn: Turn::default(),
        run: futures::future::err(error).boxed(),
    }
}

/// Writes a document that was made.
type Write<'a, T> = fn(View, Arc<Collection>, T) -> BoxFuture<'a, Result<Stored<T>>>;

impl<'a, T: Document> Batch<'a, Stored<T>> {
    pub(crate) fn create<N, I>(session: Session<'a>, new: I) -> Self
    where
        N: IntoDocument<T> + Send + 'a,
        I: IntoIterator<Item = N>,
        I::IntoIter: Send + 'a,
    {
        Self::of_new(session, new, "create", |view, collection, value| {
            async move { create::create_made(&view, &collection, value).await }.boxed()
        })
    }

    pub(crate) fn upsert<N, I>(session: Session<'a>, new: I) -> Self
    where
        N: IntoDocument<T> + Send + 'a,
        I: IntoIterator<Item = N>,
        I::IntoIter: Send + 'a,
    {
        Self::of_new(session, new, "upsert", |view, collection, value| {
            async move { replace::replace_by_made(&view, &collection, value, Members::Keep).await }
                .boxed()
        })
    }

    /// Makes each document and writes it.
    fn of_new<N, I>(
        session: Session<'a>,
        new: I,
        operation: &'static str,
        write: Write<'a, T>,
    ) -> Self
    where
        N: IntoDocument<T> + Send + 'a,
        I: IntoIterator<Item = N>,
        I::IntoIter: Send + 'a,
    {
        let view = session.view().clone();
        let collection = view.collection::<T>();
        let mut turns = Turns::default();
        let jobs = new.into_iter().map(move |new| {
            let value = create::made(&view, new);
            let id = encode_key(&collection, value.key());
            let id = id.map_err(|error| error.during(operation));
            let (view, collection) = (view.clone(), collection.clone());
            job(&mut turns, id, |_| {
                write(view, collection, value)
                    .map(move |put| put.map(sized).map_err(|error| error.during(operation)))
                    .boxed()
            })
        });
        Self::new(&session, true, jobs)
    }
}

impl<'a> Batch<'a, ()> {
    pub(crate) fn save<T: Document, I>(session: Session<'a>, documents: I) -> Self
    where
        I: IntoIterator<Item = &'a mut Stored<T>>,
        I::IntoIter: Send + 'a,
    {
        let inside = session.clone();
        let collection = session.engine().collection::<T>();
        let mut turns = Turns::default();
        let jobs = documents.into_iter().map(move |document| {
            let id = encode_key(&collection, document.key()).map_err(|error| error.during("save"));
            let session = inside.clone();
            job(&mut turns, id, |_| Box::pin(saved(session, document)))
        });
        Self::new(&session, true, jobs)
    }
}

async fn saved<'a, T: Document>(
    session: Session<'a>,
    document: &'a mut Stored<T>,
) -> Result<((), u64)> {
    let before = document.revision();
    Save::new(session, &mut *document).await?;
    let is_written = document.revision() != before;
    let size = if is_written { document.meta().size } else { 0 };
    Ok(((), size as u64))
}

impl<'a> Batch<'a, bool> {
    pub(crate) fn delete<T: Document, I>(session: Session<'a>, keys: I) -> Self
    where
        I: IntoIterator<Item = T::Key>,
        I::IntoIter: Send + 'a,
    {
        let inside = session.clone();
        let collection = session.engine().collection::<T>();
        let mut turns = Turns::default();
        let jobs = keys.into_iter().map(move |key| {
            let id = encode_key(&collection, &key).map_err(|error| error.during("delete"));
            let delete = Delete::<T>::new(inside.clone(), &key).into_future();
            job(&mut turns, id, |_| {
                delete.map(|deleted| deleted.map(|was| (was, 0))).boxed()
            })
        });
        Self::new(&session, true, jobs)
    }

    pub(crate) fn exists<T: Document, I>(session: Session<'a>, keys: I) -> Self
    where
        I: IntoIterator<Item = T::Key>,
        I::IntoIter: Send + 'a,
    {
        let inside = session.clone();
        let jobs = keys.into_iter().map(move |key| Job {
            turn: Turn::default(),
            run: Exists::<T>::new(inside.clone(), &key)
                .into_future()
                .map(|exists| exists.map(|is_there| (is_there, 0)))
                .boxed(),
        });
        Self::new(&session, false, jobs)
    }
}

/// Reads several documents: `Vec<Option<Stored<T>>>` in the order of the keys. At most
/// [`Limits::concurrent_reads`](crate::operation::limits::Limits::concurrent_reads) at the same time. The first error ends it
/// and is its result; [`each`](Self::each) gives every key its own.
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

    /// One result for each key: a document that cannot be read does not hide the others.
    pub fn each(self) -> Batch<'a, Option<Stored<T>>> {
        let view = self.session.view().clone();
        let jobs = self.keys.into_iter().map(move |key| Job {
            turn: Turn::default(),
            run: Box::pin(counted(view.clone(), key)),
        });
        Batch::new(&self.session, false, jobs)
    }
}

async fn counted<T: Document>(
    view: crate::operation::View,
    key: T::Key,
) -> Result<(Option<Stored<T>>, u64)> {
    let read = load::<T>(&view, &key).await;
    let found = read.map_err(|error| error.during("get_many"))?;
    let size = found.as_ref().map_or(0, |found| found.meta().size);
    Ok((found, size as u64))
}

async fn load<T: Document>(
    view: &crate::operation::View,
    key: &T::Key,
) -> Result<Option<Stored<T>>> {
    let collection = view.collection::<T>();
    read::load::<T>(view, &collection, &encode_key(&collection, key)?).await
}

request!(impl['a, T: Document] GetMany<'a, T> => Vec<Option<Stored<T>>>, |this| async move {
    let view = this.session.view().clone();
    let at_once = view.limits.concurrent_reads;
    let read = stream::iter(this.keys).map(|key| {
        let view = view.clone();
        async move { load::<T>(&view, &key).await }
    });
    let read: Result<Vec<_>> = read.buffered(at_once).try_collect().await;
    read.map_err(|error| error.during("get_many"))
});
