//! The store of a URL, as it is and with faults, and databases on it.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use smarterbase::{
    Limits, Timestamp, TransactionLimits,
    port::{CasStore, Clock, SystemClock},
    prelude::*,
    store::{FileOptions, FileStore},
};
use smarterbase_testkit::{Fault, FaultStore};

/// What a worker's requests meet, some more often than others. A client that dies is made by `kill -9`.
const FAULTS: [Fault; 9] = [
    Fault::FailBefore,
    Fault::LoseReply,
    Fault::LoseReply,
    Fault::ApplyLater,
    Fault::ApplyLater,
    Fault::Reject,
    Fault::Reject,
    Fault::Throttle,
    Fault::Unavailable,
];

/// The store alone, without the engine and without faults.
pub(crate) async fn raw(url: &str) -> anyhow::Result<Arc<dyn CasStore>> {
    #[cfg(feature = "s3")]
    if url.starts_with("s3://") {
        return Ok(Arc::new(object_storage(url)?));
    }
    let path = url.strip_prefix("file:").unwrap_or(url);
    anyhow::ensure!(
        !path.contains(':') && !path.contains('?'),
        "the bank takes a folder, or with the feature `s3` an s3:// URL, without Redis"
    );
    let folder = FileStore::open(PathBuf::from(path), FileOptions::default()).await?;
    Ok(Arc::new(folder))
}

#[cfg(feature = "s3")]
fn object_storage(url: &str) -> smarterbase::Result<smarterbase::s3::ObjectStorage> {
    smarterbase::s3::ObjectStoreOptions::from_url(url)?.connect()
}

/// Opens the database as a program does.
pub(crate) async fn open(url: &str) -> anyhow::Result<Db> {
    raw(url).await?; // The same URLs for everybody.
    Ok(smarterbase::open::builder(url)
        .await?
        .limits(limits())
        .open()
        .await?)
}

/// Workers wait a second for a transaction that does not end before they abort it, instead of five: here such a
/// transaction is nearly always one whose process was killed, and everybody who meets its accounts stands still until then.
/// No safety rests on the lease; a living transaction that is slower than it runs again. Bodies are staged early, so that
/// accounts with a longer history are committed in the way of large documents.
fn limits() -> Limits {
    Limits {
        transactions: TransactionLimits {
            lease: Duration::from_secs(1),
            deadline: Duration::from_secs(20),
            staged_from: 1_024,
            ..TransactionLimits::default()
        },
        ..Limits::default()
    }
}

/// The store of one worker, which fails now and then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faulty {
    store: Arc<OnceLock<Arc<FaultStore>>>,
}

impl Faulty {
    fn over(&self, inner: Arc<dyn CasStore>, seed: u64, per_mille: u64) -> Arc<dyn CasStore> {
        let store = self
            .store
            .get_or_init(|| Arc::new(FaultStore::random(inner, seed, per_mille, FAULTS)));
        store.clone()
    }

    /// Opens the database over the store that fails.
    pub(crate) async fn open(&self, url: &str, seed: u64, per_mille: u64) -> anyhow::Result<Db> {
        #[cfg(feature = "s3")]
        if url.starts_with("s3://") {
            return self.open_on_object_storage(url, seed, per_mille).await;
        }
        let store = self.over(raw(url).await?, seed, per_mille);
        Ok(Db::builder().store(store).limits(limits()).open().await?)
    }

    /// As `smarterbase::open` does: whether the store removes at a version is only known from its probe.
    #[cfg(feature = "s3")]
    async fn open_on_object_storage(
        &self,
        url: &str,
        seed: u64,
        per_mille: u64,
    ) -> anyhow::Result<Db> {
        let (storage, faulty) = (object_storage(url)?, self.clone());
        let probed = Arc::new(storage.clone().with_conditional_delete(true));
        let builder = Db::builder().store_chosen_by_probe(probed, move |report| {
            let works = smarterbase::store::probe::deletes_conditionally(report);
            let storage = Arc::new(storage.clone().with_conditional_delete(works));
            faulty.over(storage, seed, per_mille)
        });
        Ok(builder.limits(limits()).open().await?)
    }

    /// How many requests met a fault.
    pub(crate) fn hits(&self) -> u64 {
        self.store.get().map_or(0, |store| store.hits())
    }

    /// Lets the writes arrive that are still on their way although their sender has given them up.
    pub(crate) async fn release_delayed(&self) {
        if let Some(store) = self.store.get() {
            store.release_delayed().await;
        }
    }
}

/// Opens the database for the checker: nothing is too much for it, and it lives two hours later, so that it finishes at
/// once what the dead left behind.
pub(crate) async fn open_for_audit(url: &str) -> anyhow::Result<Db> {
    const EVERYTHING: usize = 10_000_000;
    let limits = Limits {
        collect: EVERYTHING,
        transactions: TransactionLimits {
            reads: EVERYTHING,
            bytes: usize::MAX,
            ..limits().transactions
        },
        ..limits()
    };
    let builder = smarterbase::open::builder(url).await?.limits(limits);
    Ok(builder.clock(Arc::new(TwoHoursLater)).open().await?)
}

#[derive(Debug)]
struct TwoHoursLater;

impl Clock for TwoHoursLater {
    fn now(&self) -> Timestamp {
        let hours = Duration::from_secs(2 * 60 * 60);
        SystemClock.now().saturating_add(hours)
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed()
    }

    fn sleep(&self, duration: Duration) -> futures::future::BoxFuture<'static, ()> {
        SystemClock.sleep(duration)
    }
}
