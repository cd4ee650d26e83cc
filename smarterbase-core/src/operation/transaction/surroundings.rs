//! What a commit asks of the engine beside its store: entries, ranges, and whether its writers still agree.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::future::join_all;

use super::{
    commit::{Commit, Document},
    range::Range,
};
use crate::{
    format::Key,
    operation::{Engine, secure, write::still_agreed},
    port::StoreError,
    protocol::conduct::Surroundings,
};

/// An undecided attempt is not decided for any more when its first intent is older than this.
const LONGEST_COMMIT: Duration = Duration::from_secs(60);

#[async_trait]
impl Surroundings for Commit {
    async fn announce(&self) -> Result<bool, StoreError> {
        let announcing = self.documents.iter().map(|document| {
            secure::announce_all(&self.engine, &document.collection, &document.secured.plan)
        });
        let announced: Result<Vec<bool>, StoreError> =
            join_all(announcing).await.into_iter().collect();
        Ok(announced?.into_iter().all(|announced| announced))
    }

    async fn rescan(&self, range: usize) -> Result<Option<Vec<Key>>, StoreError> {
        rescan(&self.engine, &self.ranges, range, &self.documents).await
    }

    /// Rule S1, at the deciding put.
    async fn confirm(&self) -> bool {
        let age = self.engine.clock.elapsed().saturating_sub(self.begun);
        if age > LONGEST_COMMIT.min(self.engine.database.in_flight_bound) {
            return false;
        }
        let agreements: BTreeMap<&str, &Document> = self
            .documents
            .iter()
            .map(|document| (document.collection.name(), document))
            .collect();
        let asking = agreements.into_values().map(async |document| {
            let mut agreement = document.secured.plan.agreement.clone();
            let agreed = still_agreed(&self.engine, &document.collection, &mut agreement).await;
            (agreed.unwrap_or(false), agreement)
        });
        // The last one to be asked may have taken so long that the first copy is too old again.
        let answers = join_all(asking).await;
        answers
            .iter()
            .all(|(agreed, agreement)| *agreed && agreement.is_current(&self.engine))
    }
}

/// The surroundings of a transaction that only reads.
pub(super) struct Ranges<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) ranges: &'a [Range],
}

#[async_trait]
impl Surroundings for Ranges<'_> {
    async fn announce(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn rescan(&self, range: usize) -> Result<Option<Vec<Key>>, StoreError> {
        rescan(self.engine, self.ranges, range, &[]).await
    }

    async fn confirm(&self) -> bool {
        true
    }
}

async fn rescan(
    engine: &Arc<Engine>,
    ranges: &[Range],
    number: usize,
    own: &[Document],
) -> Result<Option<Vec<Key>>, StoreError> {
    match ranges.get(number) {
        Some(range) => range.rescan(engine, own).await,
        None => Ok(None),
    }
}
