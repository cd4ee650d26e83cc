//! The request that packs a collection.

use std::marker::PhantomData;

use futures::future::BoxFuture;

use crate::{
    db::Db,
    document::Document,
    error::Result,
    maintenance::snapshot::{self, PackProgress, Settings},
};

type Report<'a> = Box<dyn FnMut(&PackProgress) + Send + 'a>;

/// Packs copies of all documents into segments below `_snapshot/<collection>/`, while others read and write.
///
/// What did not change since the last snapshot is taken from there: of each other document one GET, one LIST per 1,000, one GET
/// per old segment and one PUT per new one. The new snapshot takes the place of the old one in one step, and then the old one's segments are
/// removed. A run that ended early left nothing that is used; run it again. Values stand in segments as in the documents
/// themselves, deleted ones until the next snapshot.
#[must_use = "a request does nothing until it is awaited"]
pub struct PackSnapshot<'a, T> {
    db: &'a Db,
    settings: Settings,
    report: Report<'a>,
    types: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for PackSnapshot<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PackSnapshot")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<'a, T: Document> PackSnapshot<'a, T> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self {
            db,
            settings: Settings::default(),
            report: Box::new(|_| {}),
            types: PhantomData,
        }
    }

    /// How much text a segment holds before it is compressed: 8 MiB, or 4 KiB to 16 MiB. Who packs and who scans holds one
    /// segment at a time.
    pub fn segment_bytes(mut self, bytes: usize) -> Self {
        self.settings.segment_bytes = bytes.clamp(4 * 1024, 16 * 1024 * 1024);
        self
    }

    /// Tells after every batch how far it is.
    pub fn on_progress(mut self, report: impl FnMut(&PackProgress) + Send + 'a) -> Self {
        self.report = Box::new(report);
        self
    }

    async fn run(mut self) -> Result<PackProgress> {
        let engine = &self.db.engine;
        let collection = engine.collection::<T>();
        snapshot::pack(engine, &collection, self.settings, &mut *self.report).await
    }
}

impl<'a, T: Document> IntoFuture for PackSnapshot<'a, T> {
    type Output = Result<PackProgress>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let packed = self.run().await;
            packed.map_err(|error| error.during("pack_snapshot"))
        })
    }
}
