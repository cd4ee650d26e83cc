//! The documents, and the processes that use them.

use std::{sync::Arc, time::Duration};

use smarterbase::{
    outage::RebuildPhase,
    port::CasStore,
    prelude::*,
    redis::{RedisIndex, RedisOptions},
    store::MemoryStore,
};

use crate::timeline::Timeline;

/// A parcel of one writer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "parcels")]
pub(crate) struct Parcel {
    #[key]
    pub(crate) id: String,
    /// Never changes.
    #[index]
    pub(crate) owner: String,
    /// Changes with every move.
    #[index]
    pub(crate) place: String,
    #[index(range)]
    pub(crate) moves: u64,
}

/// A second is the shortest time that a write may be in flight, so that a rebuild need not wait a minute.
const IN_FLIGHT: Duration = Duration::from_secs(1);

/// Twice as long as usual: the servers, the proxy and both processes share the machine.
const DEADLINE: Duration = Duration::from_millis(500);

pub(crate) fn store() -> Arc<dyn CasStore> {
    Arc::new(MemoryStore::new())
}

/// A handle with a connection to Redis of its own.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) db: Db,
}

impl Process {
    pub(crate) async fn open(
        store: &Arc<dyn CasStore>,
        redis: &str,
        timeline: &Arc<Timeline>,
    ) -> anyhow::Result<Self> {
        let options = RedisOptions::from_url(redis)?.with_deadline(DEADLINE);
        let index = RedisIndex::open(options).await?;
        let timeline = timeline.clone();
        let builder = Db::builder().store(store.clone()).index(Arc::new(index));
        let builder = builder
            .in_flight_bound(IN_FLIGHT)
            .on_rebuild(move |progress| match progress.phase {
                RebuildPhase::Waiting => {
                    timeline.say("    a process is elected, and waits until every writer knows")
                }
                RebuildPhase::Ready => timeline.say(&format!(
                    "    the index is ready: {} documents listed, {} read",
                    progress.listed, progress.read
                )),
                RebuildPhase::Failed => timeline.say("    the rebuild met an outage itself"),
                _ => {}
            });
        Ok(Self {
            db: builder.open().await?,
        })
    }

    /// Whether an index in Redis found what was asked for.
    pub(crate) async fn is_served_by_redis(&self) -> anyhow::Result<bool> {
        let found = Parcel::find_by_place(&self.db, "nowhere").explain().await?;
        Ok(!found.profile.fell_back && found.profile.requests.lists == 0)
    }

    pub(crate) async fn close(self) {
        self.db.close().await;
    }
}
