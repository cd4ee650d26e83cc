//! The request that compares indexes with documents.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::{
    db::Db,
    document::Document,
    error::Result,
    maintenance::verify::{self, Settings, VerifyProgress, VerifyReport},
    operation::Collection,
};

type Report<'a> = Box<dyn FnMut(&VerifyProgress) + Send + 'a>;

/// Compares indexes and unique values with the documents, in both directions, while others read and write: see
/// [`Db::verify_indexes`].
#[must_use = "a request does nothing until it is awaited"]
pub struct VerifyIndexes<'a> {
    db: &'a Db,
    /// `None` for every collection that this process knows.
    collections: Option<Vec<Arc<Collection>>>,
    settings: Settings,
    report: Report<'a>,
}

impl std::fmt::Debug for VerifyIndexes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyIndexes")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<'a> VerifyIndexes<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self {
            db,
            collections: None,
            settings: Settings::default(),
            report: Box::new(|_| {}),
        }
    }

    /// Only the documents of `T`; and of the types that were named like this before.
    pub fn of<T: Document>(self) -> Self {
        let collection = self.db.engine.collection::<T>();
        self.and_of(collection)
    }

    pub(crate) fn and_of(mut self, collection: Arc<Collection>) -> Self {
        self.collections.get_or_insert_default().push(collection);
        self
    }

    pub(crate) fn db(&self) -> &Db {
        self.db
    }

    pub(crate) fn of_collections(mut self, collections: Vec<Arc<Collection>>) -> Self {
        self.collections = Some(collections);
        self
    }

    /// Only so many documents of each collection, and so many entries of each index: each sample of a process goes on where the
    /// last one ended, so one after the other they see everything.
    pub fn sample(mut self, documents: usize) -> Self {
        self.settings.sample = Some(documents.max(1));
        self
    }

    /// Everything, which is the default.
    pub fn full(mut self) -> Self {
        self.settings.sample = None;
        self
    }

    /// Puts right what is found: adds what is missing, and removes what no write can need any more. Unique values that two
    /// documents hold are only reported.
    pub fn repair(mut self) -> Self {
        self.settings.repair = true;
        self
    }

    /// Reads at most so many documents in a second.
    pub fn per_second(mut self, documents: u32) -> Self {
        self.settings.per_second = Some(documents.max(1));
        self
    }

    /// Tells after every batch how far it is.
    pub fn on_progress(mut self, report: impl FnMut(&VerifyProgress) + Send + 'a) -> Self {
        self.report = Box::new(report);
        self
    }

    async fn run(mut self) -> Result<VerifyReport> {
        let engine = &self.db.engine;
        let collections = self.collections.take();
        let mut report = VerifyReport::default();
        for collection in collections.unwrap_or_else(|| engine.known_collections()) {
            let found =
                verify::verify(engine, &collection, self.settings, &mut *self.report).await?;
            report.collections.push(found);
        }
        Ok(report)
    }
}

impl<'a> IntoFuture for VerifyIndexes<'a> {
    type Output = Result<VerifyReport>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.run()
                .await
                .map_err(|error| error.during("verify_indexes"))
        })
    }
}
