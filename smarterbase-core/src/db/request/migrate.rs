//! The request that upgrades a collection.

use std::marker::PhantomData;

use futures::future::BoxFuture;

use crate::{
    db::Db,
    document::{Document, OnBad},
    error::{Code, Error, Result},
    format::path::EncodedId,
    maintenance::migrate::{self, MigrationPlan, MigrationProgress, Settings},
};

type Report<'a> = Box<dyn FnMut(&MigrationProgress) + Send + 'a>;

/// Writes every document of an older version again at the version of today, while others read and write.
///
/// Each document is one compare-and-swap, flagged as a background rewrite: it never overwrites somebody else's change, and
/// whoever holds the document can still save it. The first document that a step cannot upgrade ends the run with its error,
/// unless bad documents go into [quarantine](Self::on_bad); [`after`](Self::after) goes on behind a checkpoint.
#[must_use = "a request does nothing until it is awaited"]
pub struct Migrate<'a, T> {
    db: &'a Db,
    settings: Settings,
    checkpoint: Option<String>,
    report: Report<'a>,
    types: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for Migrate<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Migrate")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<'a, T: Document> Migrate<'a, T> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self {
            db,
            settings: Settings {
                on_bad: T::SPEC.history.policy.on_bad,
                ..Settings::default()
            },
            checkpoint: None,
            report: Box::new(|_| {}),
            types: PhantomData,
        }
    }

    /// Goes on behind the checkpoint of an earlier run. A run that is to raise the floor, too, begins anew: an older program
    /// may have written behind the checkpoint. Go on with what such a run left by its checkpoint alone.
    pub fn after(mut self, checkpoint: impl Into<String>) -> Self {
        self.checkpoint = Some(checkpoint.into());
        self
    }

    /// Writes at most so many documents in a second.
    pub fn per_second(mut self, documents: u32) -> Self {
        self.settings.per_second = Some(documents);
        self
    }

    /// Refuses the writes of older programs from now on, also of those that are behind only in an embedded type, and waits until
    /// every one of them knows it (5 s and the in-flight bound): then no document of an older version is left at the end.
    /// Deploy the new program everywhere first.
    pub fn raise_floor(mut self) -> Self {
        self.settings.raise_floor = true;
        self
    }

    /// What happens to a document whose step fails; by default what the type says, and else the run ends with the error.
    ///
    /// In quarantine the document is copied to `_quarantine/<collection>/<id>/`, with the error, and a tombstone that names the
    /// copy takes its place. Queries go on without it; whoever asks for it by its id gets `SB-QUARANTINED`.
    /// [`Db::restore_quarantined`](crate::db::Db::restore_quarantined) puts it back once its steps are mended.
    pub fn on_bad(mut self, on_bad: OnBad) -> Self {
        self.settings.on_bad = on_bad;
        self
    }

    /// Tells after every batch how far it is.
    pub fn on_progress(mut self, report: impl FnMut(&MigrationProgress) + Send + 'a) -> Self {
        self.report = Box::new(report);
        self
    }

    /// Only counts what there is to do: one GET for each document.
    ///
    /// # Errors
    /// - [`Corrupt`](crate::ErrorKind::Corrupt) or [`Unsupported`](crate::ErrorKind::Unsupported): an object cannot be read.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub async fn plan(self) -> Result<MigrationPlan> {
        let engine = &self.db.engine;
        migrate::plan(engine, &engine.collection::<T>()).await
    }

    /// The lowest version of the document that the collection still takes from writers: [`raise_floor`](Self::raise_floor) raises it. One GET.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub async fn floor(self) -> Result<u32> {
        let engine = &self.db.engine;
        migrate::floor(engine, &engine.collection::<T>()).await
    }

    async fn run(mut self) -> Result<MigrationProgress> {
        let engine = &self.db.engine;
        if let Some(checkpoint) = &self.checkpoint {
            let id = EncodedId::parse(checkpoint)
                .ok_or_else(|| Error::new(Code::INVALID_ID, "the checkpoint is no encoded id"))?;
            self.settings.after = Some(id);
        }
        let collection = engine.collection::<T>();
        migrate::migrate(engine, &collection, &self.settings, &mut *self.report).await
    }
}

impl<'a, T: Document> IntoFuture for Migrate<'a, T> {
    type Output = Result<MigrationProgress>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.run().await.map_err(|error| error.during("migrate")) })
    }
}
