//! Imports that go on after a crash: many documents, created once.

mod item;

use std::sync::Arc;

use futures::{FutureExt, Stream, StreamExt, future::BoxFuture, stream::BoxStream};

use self::item::{Ids, at_position, create_or_recognise};
use super::Db;
use crate::{
    ErrorKind,
    document::{Document, IntoDocument, Moment},
    error::{Code, Error, Result},
    format::import::ImportCheckpoint,
    operation::{
        Collection, View,
        batch::{self, BatchHandle, Job, OnProgress, Progress, Turn, Turns},
        checkpoint::{self, Checkpoint},
        verb::encode_key,
    },
};

/// How many failures a report lists; all are counted.
const LISTED_FAILURES: usize = 1_000;

/// What an import did, all of its runs together.
#[derive(Debug)]
pub struct ImportReport {
    /// How many items of the source have ended.
    pub items: u64,
    /// How many documents were created.
    pub created: u64,
    /// How many were there already, with the same content: an earlier run created them and died before it could say so, or
    /// somebody else did.
    pub existed: u64,
    /// How many could not be created. A later run does not try them again.
    pub failed: u64,
    /// The position in the source and the error of those that failed in this run: the first 1,000.
    pub failures: Vec<(u64, Error)>,
    /// How many items of the source earlier runs had done.
    pub skipped: u64,
}

/// Creates many documents, and goes on where it stopped.
///
/// How far it came stands in `_import/<collection>/<name>.json`, which is moved on after every batch (1,000 items). Run again
/// with the same source in the same order, it skips what is done. What the last batch of a run that died had created is
/// recognised: automatic keys and times are made of the import's seed and the item's position, so an item is the same
/// document in every run, and a document that is there with the same content counts as done. A finished import does nothing
/// when it is run again; under another name it begins anew. Of each item that a run skips, only the id is looked at.
///
/// An item that cannot be created (it breaks its rules, its id or a unique value is taken) is a failure in the report, and
/// the import goes on. When the store fails, the import ends with its error and the checkpoint stays before that batch.
/// Dropping the future does the same.
///
/// It holds one batch of documents at a time, and creates at most
/// [`Limits::concurrent_reads`](crate::operation::limits::Limits::concurrent_reads) at the same time.
///
/// What somebody deletes between a crash and the next run is created again, where it belongs to the batch that was under way.
///
/// # Errors
/// When it is awaited:
/// - [`Invalid`](ErrorKind::Invalid): the name is none (`[a-z0-9-]`, at most 100 characters), or the source is not the one
///   that the import began with.
/// - [`Conflict`](ErrorKind::Conflict) (`SB-CONTENTION`): another process runs an import of this name.
/// - [`Refused`](ErrorKind::Refused), [`Unavailable`](ErrorKind::Unavailable), [`OutcomeUnknown`](ErrorKind::OutcomeUnknown):
///   nothing can be written. Run it again.
/// - the error of the source.
#[must_use = "an import does nothing until it is awaited"]
pub struct Import<'a, T: Document> {
    db: &'a Db,
    name: String,
    source: BoxStream<'a, Result<Made<'a, T>>>,
    batch: usize,
    on_progress: OnProgress<'a>,
}

/// Makes the document of an item, at the moment of the import.
type Made<'a, T> = Box<dyn FnOnce(&mut Moment<'_>) -> T + Send + 'a>;

impl<T: Document> std::fmt::Debug for Import<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Import")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<'a, T: Document> Import<'a, T> {
    pub(crate) fn new<N: IntoDocument<T> + Send + 'a>(
        db: &'a Db,
        name: &str,
        source: impl Stream<Item = Result<N>> + Send + 'a,
    ) -> Self {
        let made = |new: N| -> Made<'a, T> { Box::new(move |moment| stamped(new, moment)) };
        Self {
            db,
            name: name.to_owned(),
            source: source.map(move |new| new.map(made)).boxed(),
            batch: 1_000,
            on_progress: Box::new(|_| {}),
        }
    }

    /// How many items are created between two checkpoints (1,000).
    pub fn batch_size(mut self, items: usize) -> Self {
        self.batch = items.max(1);
        self
    }

    /// Calls `report` after every batch, with the numbers of all runs together; `bytes` is that of this run.
    pub fn on_progress(mut self, report: impl FnMut(Progress) + Send + 'a) -> Self {
        self.on_progress = Box::new(report);
        self
    }
}

fn stamped<T: Document>(new: impl IntoDocument<T>, moment: &mut Moment<'_>) -> T {
    let mut value = new.into_document(moment);
    value.stamp(moment);
    value
}

impl<'a, T: Document> IntoFuture for Import<'a, T> {
    type Output = Result<ImportReport>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let run = async move {
            check_name(&self.name)?;
            let view = View::plain(self.db.engine.clone());
            view.check_writable()?;
            let checkpoint = checkpoint::load(&view, T::SPEC.collection, &self.name).await?;
            Run::new(view, checkpoint, self).finish().await
        };
        run.map(|report| {
            report.map_err(|error| error.in_collection(T::SPEC.collection).during("import"))
        })
        .boxed()
    }
}

fn check_name(name: &str) -> Result<()> {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if (1..=100).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    let text = "the name of an import consists of at most 100 of `a-z`, `0-9` and `-`";
    Err(Error::new(Code::INVALID, text))
}

/// One run of an import.
struct Run<'a, T: Document> {
    view: View,
    collection: Arc<Collection>,
    checkpoint: Checkpoint,
    import: Import<'a, T>,
    /// The position of the next item in the source, and the hash over the ids before it.
    position: u64,
    ids: Ids,
    failures: Vec<(u64, Error)>,
    skipped: u64,
    bytes: u64,
}

impl<'a, T: Document> Run<'a, T> {
    fn new(view: View, checkpoint: Checkpoint, import: Import<'a, T>) -> Self {
        Self {
            collection: view.collection::<T>(),
            skipped: checkpoint.value.items,
            view,
            checkpoint,
            import,
            position: 0,
            ids: Ids::default(),
            failures: Vec::new(),
            bytes: 0,
        }
    }

    async fn finish(mut self) -> Result<ImportReport> {
        if self.checkpoint.value.finished {
            return Ok(self.report());
        }
        self.skip().await?;
        loop {
            let values = self.take().await?;
            let is_last = values.len() < self.import.batch;
            self.create(values, is_last).await?;
            let progress = self.progress();
            (self.import.on_progress)(progress);
            if is_last {
                return Ok(self.report());
            }
        }
    }

    /// Passes what earlier runs did, and checks that it is the same source.
    async fn skip(&mut self) -> Result<()> {
        let done = self.checkpoint.value.items;
        while self.position < done {
            if self.next().await?.is_none() {
                return Err(other_source());
            }
        }
        if done > 0 && self.ids.text() != self.checkpoint.value.ids {
            return Err(other_source());
        }
        Ok(())
    }

    /// The next batch of documents, with their positions.
    async fn take(&mut self) -> Result<Vec<(u64, T)>> {
        let mut values = Vec::new();
        while values.len() < self.import.batch {
            let position = self.position;
            match self.next().await? {
                Some(value) => values.push((position, value)),
                None => break,
            }
        }
        Ok(values)
    }

    async fn next(&mut self) -> Result<Option<T>> {
        let Some(made) = self.import.source.next().await.transpose()? else {
            return Ok(None);
        };
        let ImportCheckpoint { seed, started, .. } = self.checkpoint.value;
        let value = at_position(seed, started, self.position, made);
        // A key that is none is a failure of its item, later.
        let id = encode_key(&self.collection, value.key());
        self.ids.add(id.as_ref().map_or("", |id| id.as_str()));
        self.position += 1;
        Ok(Some(value))
    }

    /// Creates a batch, and moves the checkpoint behind it. The first batch is announced by a checkpoint of its own: without
    /// it a run that dies inside of the batch would leave documents that nobody recognises.
    async fn create(&mut self, values: Vec<(u64, T)>, is_last: bool) -> Result<()> {
        if self.checkpoint.value.items == 0 && !values.is_empty() {
            let first = self.checkpoint.value.clone();
            self.checkpoint.swap(&self.view, first).await?;
        }
        let mut next = self.checkpoint.value.clone();
        for (position, outcome) in self.run(values).await {
            match outcome {
                Ok(true) => next.created += 1,
                Ok(false) => next.existed += 1,
                Err(error) if is_of_the_item(&error) => {
                    next.failed += 1;
                    self.note(position, error);
                }
                Err(error) => return Err(error),
            }
        }
        next.items = self.position;
        next.ids = self.ids.text();
        next.finished = is_last;
        self.checkpoint.swap(&self.view, next).await
    }

    /// Creates documents side by side: whether each was created, or was there with the same content.
    async fn run(&mut self, values: Vec<(u64, T)>) -> Vec<(u64, Result<bool>)> {
        let positions: Vec<u64> = values.iter().map(|(position, _)| *position).collect();
        let (view, collection) = (&self.view, &self.collection);
        let mut turns = Turns::default();
        let jobs = values.into_iter().map(|(_, value)| Job {
            turn: encode_key(collection, value.key())
                .map_or_else(|_| Turn::default(), |id| turns.join(&id)),
            run: create_or_recognise(view, collection, value).boxed(),
        });
        let at_once = view.limits.concurrent_reads;
        let handle = BatchHandle::new();
        let results = batch::run(jobs, at_once, &handle, &mut (Box::new(|_| {}) as _)).await;
        self.bytes += handle.progress().bytes;
        positions.into_iter().zip(results).collect()
    }

    fn note(&mut self, position: u64, error: Error) {
        if self.failures.len() < LISTED_FAILURES {
            self.failures.push((position, error));
        }
    }

    fn progress(&self) -> Progress {
        let value = &self.checkpoint.value;
        Progress {
            total: None,
            done: value.created + value.existed,
            failed: value.failed,
            unknown: 0,
            bytes: self.bytes,
        }
    }

    fn report(self) -> ImportReport {
        let ImportCheckpoint {
            items,
            created,
            existed,
            failed,
            ..
        } = self.checkpoint.value;
        ImportReport {
            items,
            created,
            existed,
            failed,
            failures: self.failures,
            skipped: self.skipped,
        }
    }
}

/// Whether the item can never be created, whoever tries it again. Everything else ends the run.
fn is_of_the_item(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Invalid | ErrorKind::Unique => true,
        // Of the document that is there; what belongs to the whole collection ends the run.
        ErrorKind::Corrupt => error.id().is_some(),
        ErrorKind::Conflict => error.code() == Code::EXISTS.text(),
        _ => false,
    }
}

fn other_source() -> Error {
    let text = "the source is not the one that the import of this name began with";
    Error::new(Code::INVALID, text)
}
