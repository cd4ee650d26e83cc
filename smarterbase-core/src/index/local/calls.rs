//! How work reaches the file: beside the runtime, within a deadline, and the changes of many callers in one transaction.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::{
    FutureExt,
    future::{Either, select},
};

use super::{
    Inner,
    apply::Tables,
    file::Opened,
    queue::Job,
    read,
    tables::{Failure, lost},
};
use crate::{
    format::index_key::ValueRange,
    port::{
        IndexError,
        index::{IndexedCollection, Placed},
    },
};

/// How long a call may take, the wait for its turn included.
const DEADLINE: Duration = Duration::from_secs(10);

impl Inner {
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Opened) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, IndexError> {
        if !self.is_trusted.load(Ordering::Acquire) {
            return Err(lost("what the file holds is not to be believed"));
        }
        let inner = Arc::clone(self);
        self.within_the_deadline(blocking(move || inner.file.run(work)))
            .await
    }

    pub(super) async fn count(
        self: &Arc<Self>,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
        most: u64,
    ) -> Result<u64, IndexError> {
        let (collection, placed, range) = (collection.clone(), placed.clone(), range.clone());
        self.read(move |file| read::count(file, &collection, &placed, &range, most))
            .await
    }

    pub(super) async fn tell(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Tables<'_>) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), IndexError> {
        let work = move |tables: &mut Tables<'_>| work(tables).map(|()| String::new());
        self.apply(work).await.map(drop)
    }

    /// Runs `work` in the next transaction, together with what others hand over meanwhile.
    pub(super) async fn apply(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Tables<'_>) -> Result<String, Failure> + Send + 'static,
    ) -> Result<String, IndexError> {
        self.within_the_deadline(async {
            let place = self.waiting.clone().acquire_owned().await;
            let place = place.map_err(|_| unavailable("the index was closed"))?;
            let session = self.active_session().await?;
            let (job, answer) = Job::new(work, session, place);
            if self.queue.push(job) {
                let inner = Arc::clone(self);
                tokio::task::spawn_blocking(move || inner.drain());
            }
            self.sync_in_background();
            answer.await.unwrap_or_else(|_| Err(cut_off()))
        })
        .await
    }

    async fn within_the_deadline<T>(
        &self,
        work: impl Future<Output = Result<T, IndexError>> + Send,
    ) -> Result<T, IndexError> {
        match select(work.boxed(), self.clock.sleep(DEADLINE)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(unavailable("the disk did not answer in time")),
        }
    }
}

/// Runs work that waits for the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, IndexError> {
    let outcome = tokio::task::spawn_blocking(work).await;
    outcome.unwrap_or_else(|_| Err(cut_off()))
}

fn cut_off() -> IndexError {
    unavailable("the work on the file was cut off")
}

pub(super) fn unavailable(text: &str) -> IndexError {
    IndexError::Unavailable(text.to_owned())
}
