//! The database handle, its builder, and the requests that verbs and finders return.

pub mod batch_writer;
pub mod builder;
pub mod collection;
pub mod counter;
pub mod import;
pub mod lock;
pub mod request;
pub mod sequence;
pub mod session;
pub mod transaction;
pub mod verbs;

pub use batch_writer::{BatchWriter, Ticket, WriteReport};
pub use builder::DbBuilder;
pub use collection::{FindJson, FindJsonPage, JsonCollection, JsonDocument, JsonPage, JsonQuery};
pub use counter::{Counter, CounterFlag, CounterInfo};
pub use import::{Import, ImportReport};
pub use lock::{LockGuard, LockGuards, LockInfo};
pub use request::{
    Batch, Count, Create, Delete, DeleteMany, EstimateCount, Exists, FetchReference, FindAny,
    FindFirst, FindKeys, FindLimited, FindMany, FindOne, FindOnly, FindPage, FindSorted, FindWith,
    Get, GetMany, GetRequired, List, ListCounters, ListLocks, ListSequences, LoadMany, Loaded,
    Lock, Locks, Overwrite, PackSnapshot, PlanDelete, Query, ReadHistory, Reload, Remove, Save,
    Update, Upsert, VerifyIndexes,
};
pub use sequence::{Sequence, SequenceInfo};
pub use session::Session;
pub use transaction::{Transaction, Tx};
pub use verbs::{DocumentExt, StoredExt};

use std::{sync::Arc, time::Duration};

use tokio_util::sync::DropGuard;

use crate::{
    document::{Document, Id, Timestamp},
    error::Result,
    format::database::ProbeReport,
    maintenance::{
        cascade,
        definitions::{self, DefinitionStatus},
        expire::{self, ExpiryReport},
        health::{self, Health, Ping},
        medic::{self, MedicReport},
        monitor::HealthMonitor,
        quarantine::{self, RestoreReport},
        rebuild::{self, RebuildReport},
        snapshot,
        sweep::{self, SweepReport},
        verify::{self, VerifyReport},
    },
    operation::{Engine, engine::WriteGuard, profile::Profiler},
    port::Capabilities,
    store::layer::RequestCounts,
};

/// An open database. Cheap to clone; all clones share one engine.
///
/// Dropping it does not wait for detached writes; [`close`](Self::close) does. Either ends a rebuild of a lost index that runs by
/// itself.
#[derive(Clone, Debug)]
pub struct Db {
    pub(crate) engine: Arc<Engine>,
    pub(crate) handle: Handle,
}

/// Dropped with the last clone of the database, of its JSON collections and its batch writers: nothing that goes on for long in
/// the background keeps the engine then.
pub(crate) type Handle = Arc<DropGuard>;

impl Db {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        let handle = Arc::new(engine.outages.ending.clone().drop_guard());
        Self { engine, handle }
    }

    /// Settings and parts for opening a database.
    #[must_use]
    pub fn builder() -> DbBuilder {
        DbBuilder::default()
    }

    /// A fresh id: a UUID version 7, made of this database's clock and randomness.
    #[must_use]
    pub fn new_id<T: Document>(&self) -> Id<T> {
        let now = self.engine.now();
        Id::from_uuid(self.engine.moment(now, true, |moment| moment.new_uuid()))
    }

    /// The time by this database's clock, which stamps documents and judges TTL indexes.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.engine.now()
    }

    /// The requests that this handle's engine made so far, every attempt counted. Take two and subtract them.
    #[must_use]
    pub fn request_counts(&self) -> &RequestCounts {
        &self.engine.counts
    }

    /// Goes on with every large deletion whose program died half way: see [`with_schema`](Self::with_schema). Gives how
    /// many there were. Safe to run at any time, from any process; one LIST where there is nothing to do.
    ///
    /// # Errors
    /// - [`Misconfigured`](crate::ErrorKind::Misconfigured): a collection is not in the program's list of types.
    /// - those of [`delete`](crate::db::DocumentExt::delete).
    pub async fn resume_cascades(&self) -> Result<u64> {
        let resumed = cascade::resume(&self.engine).await;
        resumed.map_err(|error| error.during("resume_cascades"))
    }

    /// What the last queries of this handle's engine did and cost.
    #[must_use]
    pub fn profiler(&self) -> &Profiler {
        &self.engine.profiler
    }

    /// What the store can do, and where it is.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.engine.store.capabilities()
    }

    /// The database's identity, which names its keys in Redis.
    #[must_use]
    pub fn database_id(&self) -> &str {
        self.engine.database.id.as_str()
    }

    /// What the conformance probe found when the store was first opened.
    #[must_use]
    pub fn probe_report(&self) -> &ProbeReport {
        &self.engine.database.probe
    }

    /// How long a write may be in flight: a setting of the database, shared by all processes.
    #[must_use]
    pub fn in_flight_bound(&self) -> Duration {
        self.engine.database.in_flight_bound
    }

    /// Whether documents may be written; otherwise why not.
    #[must_use]
    pub fn read_only_reason(&self) -> Option<&str> {
        match &self.engine.guard {
            WriteGuard::Open => None,
            WriteGuard::ReadOnly => Some("opened read-only"),
            WriteGuard::ProbeFailed(check) => Some(check),
        }
    }

    /// Builds every index and unique definition of `T` that is not ready, online. Takes at least 5 s plus the in-flight
    /// bound (65 s by default), since writers must have learned of it before the documents are listed (rule S1).
    ///
    /// What an outage took out of use is built again without this, and from what is left of it (see
    /// [`DbBuilder::reconcile`]); this builds it anew, at once, whoever else is at it.
    ///
    /// Safe to run from several processes and to run again after a crash. A call takes over from one that is under way, which
    /// then ends with nothing built, and waits anew: call it from one process, and not again before it ended.
    ///
    /// # Errors
    /// - [`Unique`](crate::ErrorKind::Unique): documents hold the same unique value; the report in the text names them,
    ///   and the definition stays `building`.
    /// - [`Corrupt`](crate::ErrorKind::Corrupt) or [`Unsupported`](crate::ErrorKind::Unsupported): a document cannot be
    ///   read; its index stays `building`. Or a definition is in a state that a newer program wrote; nothing is built.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store or the index backend does not answer.
    pub async fn rebuild_indexes<T: Document>(&self) -> Result<RebuildReport> {
        rebuild::rebuild(&self.engine, &self.engine.collection::<T>()).await
    }

    /// Compares indexes and unique values with the documents, in both directions: what documents need and is missing, and what
    /// is there and no document needs. Of every type in the program's [list](Self::with_schema), and of those that were used;
    /// or of some: [`of`](request::VerifyIndexes::of). While others read and write, without a false alarm.
    ///
    /// Where something seems to be too many, it waits for the in-flight bound and looks again. One GET for each document; for
    /// each one trip to Redis, or one GET for each of its entries in objects; two GETs for each claim; then every index is read,
    /// with one GET for each document of its entries.
    ///
    /// ```
    /// # use smarterbase_core::{Result, db::Db, store::MemoryStore};
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # let db = Db::builder().store(Arc::new(MemoryStore::new())).open().await?;
    /// let report = db.verify_indexes().await?;
    /// if !report.is_sound() {
    ///     eprint!("{report}");
    ///     db.repair(&report)?.await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When it is awaited:
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer. An index backend that does not is told of in
    ///   the [report](crate::maintenance::verify::IndexReport::problem).
    /// - [`Refused`](crate::ErrorKind::Refused): it is to [repair](request::VerifyIndexes::repair), and nothing may be written.
    pub fn verify_indexes(&self) -> request::VerifyIndexes<'_> {
        request::VerifyIndexes::new(self)
    }

    /// Looks again at every collection in which a report found something, as a whole, and puts it right:
    /// [`verify_indexes`](Self::verify_indexes) with [`repair`](request::VerifyIndexes::repair).
    ///
    /// # Errors
    /// [`Misconfigured`](crate::ErrorKind::Misconfigured): a collection of the report is not known to this process. When it is
    /// awaited, as `verify_indexes`.
    pub fn repair(&self, report: &VerifyReport) -> Result<request::VerifyIndexes<'_>> {
        let drifted = verify::drifted(&self.engine, report)?;
        Ok(self.verify_indexes().of_collections(drifted).repair())
    }

    /// The health monitor: a task that samples the indexes and repairs them, off unless it was
    /// [asked for](DbBuilder::monitor).
    #[must_use]
    pub fn monitor(&self) -> HealthMonitor {
        HealthMonitor::new(self.engine.clone())
    }

    /// Asks the store (one GET) and each index backend (one trip) for a sign of life, at most 5 s. A part that does not
    /// answer is no error, but a line of the result.
    ///
    /// # Errors
    /// [`Refused`](crate::ErrorKind::Refused): the database is closed.
    pub async fn ping(&self) -> Result<Ping> {
        health::ping(&self.engine).await
    }

    /// How the database is: a [`ping`](Self::ping), the state of every index (one GET for each collection that this process
    /// knows), and what the monitor did. Print it: it has no secret and no value.
    ///
    /// # Errors
    /// - [`Refused`](crate::ErrorKind::Refused): the database is closed.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store answered the ping and no longer.
    pub async fn health(&self) -> Result<Health> {
        health::health(&self.engine).await
    }

    /// The index and unique definitions of `T`'s collection and their states, by name; also those that this program does
    /// not declare. One GET.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub async fn definitions<T: Document>(&self) -> Result<Vec<DefinitionStatus>> {
        definitions::list(&self.engine, &self.engine.collection::<T>()).await
    }

    /// Deletes every document of `T` that is past its time by a TTL index (`#[index(ttl = "30d")]`), as `delete` does it, with
    /// what its references say. Each is judged again when it goes: one whose moment was moved meanwhile stays. Programs that told
    /// their types do this by themselves (see [`DbBuilder::expire_every`]). The clock is that of this process. Does nothing for a
    /// type without a TTL index.
    ///
    /// Finds 256 at a time by the index, and deletes eight at a time. A document that cannot be deleted keeps no other one back, and
    /// an index that is not ready no other one: the first error is given after all, and what went is gone. It gives up when the store
    /// does not answer, and after 16 failures. What was left half way the next call goes on with. Safe to run from several processes
    /// at once.
    ///
    /// # Errors
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer, or an index is not ready
    ///   (`SB-INDEX-UNAVAILABLE`), a TTL index or one over a reference: documents are not scanned for it.
    /// - [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): more depends on a document than goes in one transaction, and only some of
    ///   it went; for example because the document was renewed meanwhile, so that it stays.
    /// - [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): a document, or one that depends on it,
    ///   cannot be read.
    /// - those of [`delete`](crate::db::DocumentExt::delete); a document that another one holds back is counted instead.
    pub async fn delete_expired<T: Document>(&self) -> Result<ExpiryReport> {
        let report = expire::of_type::<T>(&self.engine).await;
        report.map_err(|error| error.during("delete_expired"))
    }

    /// Takes a definition out of use that this program no longer declares, by its full name (`email-77aa01c3`, see
    /// [`definitions`](Self::definitions)): programs without it may write again. Gives whether it was in use.
    ///
    /// Programs that still declare it no longer keep it up: an index is scanned for, and a unique value is **not
    /// enforced** any more. Deploy the program without it everywhere first.
    ///
    /// # Errors
    /// - [`Refused`](crate::ErrorKind::Refused): this program declares it, or the database is read-only.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): a definition of the collection is in a state that a newer program wrote.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub async fn retire<T: Document>(&self, definition: &str) -> Result<bool> {
        definitions::retire(&self.engine, &self.engine.collection::<T>(), definition).await
    }

    /// Writes every document of an older version again at the version of today: see [`Migrate`](request::Migrate).
    ///
    /// # Errors
    /// When it is awaited:
    /// - [`Corrupt`](crate::ErrorKind::Corrupt): a step failed on a document (`SB-MIGRATION`), or it cannot be read.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): a document is of a newer version, or too old to be read.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub fn migrate<T: Document>(&self) -> request::Migrate<'_, T> {
        request::Migrate::new(self)
    }

    /// Puts the documents of `T` back that an upgrade moved aside, if their steps succeed by now: each over the tombstone in
    /// its place, at the version of today. Where somebody overwrote the document meanwhile, theirs stays. The copies below
    /// `_quarantine/` stay too. One LIST per 1,000 copies and two GETs for each.
    ///
    /// # Errors
    /// - [`Refused`](crate::ErrorKind::Refused): the database is read-only.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub async fn restore_quarantined<T: Document>(&self) -> Result<RestoreReport> {
        quarantine::restore::<T>(&self.engine, &self.engine.collection::<T>()).await
    }

    /// Packs copies of all documents of `T` into a few large objects, which spare scans the reads: see
    /// [`PackSnapshot`].
    ///
    /// # Errors
    /// When it is awaited:
    /// - [`Refused`](crate::ErrorKind::Refused): the database is read-only.
    /// - [`Misconfigured`](crate::ErrorKind::Misconfigured): the store's LISTs do not tell which documents changed.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub fn pack_snapshot<T: Document>(&self) -> PackSnapshot<'_, T> {
        PackSnapshot::new(self)
    }

    /// Removes the packed copies of `T`'s documents, and gives how many segments there were. Scans go on without.
    ///
    /// # Errors
    /// - [`Refused`](crate::ErrorKind::Refused): the database is read-only.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub async fn drop_snapshot<T: Document>(&self) -> Result<u64> {
        snapshot::drop_all(&self.engine, &self.engine.collection::<T>()).await
    }

    /// How many bytes of documents are kept for scans, with what keeping them costs: never more than
    /// [`body_cache`](DbBuilder::body_cache) allows.
    #[must_use]
    pub fn body_cache_bytes(&self) -> u64 {
        let bodies = self.engine.warm.bodies.as_ref();
        bodies.map_or(0, |bodies| bodies.weight())
    }

    /// Removes tombstones and stubs older than the retention time (24 h), where that is safe on this store.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub async fn sweep<T: Document>(&self) -> Result<SweepReport> {
        sweep::sweep(&self.engine, &self.engine.collection::<T>()).await
    }

    /// Finishes committed transactions whose processes died before they could, and removes what is left of old ones: records
    /// that said `aborted` and large bodies that were never placed, both after seven days, and results of
    /// [idempotent](Transaction::idempotent) ones that were kept for long enough, where that is safe on this store. One LIST per
    /// 1,000 of them.
    ///
    /// A process that runs transactions does this about once a minute by itself, and about once an hour for results. No read or write waits for it: whoever meets
    /// a document of a dead transaction finds out what it is.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub async fn settle_transactions(&self) -> Result<MedicReport> {
        medic::run_all(&self.engine).await
    }

    /// A collection by its name, for tools that do not have its Rust type: see [`JsonCollection`]. At most three LISTs,
    /// two GETs, and one more for each set of definitions that programs of the newest version declared later.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound): nothing of this name is in the store.
    /// - [`Invalid`](crate::ErrorKind::Invalid): it cannot be the name of a collection.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub async fn collection(&self, name: &str) -> Result<JsonCollection> {
        JsonCollection::open(self, name).await
    }

    /// Refuses new writes and waits until every write has ended, detached ones and their clean-up included.
    pub async fn close(self) {
        self.engine.writes.close();
        self.engine.medic.closing().cancel();
        self.engine.tasks.close();
        self.engine.tasks.wait().await;
        for backend in &self.engine.backends {
            if let Err(error) = backend.detach().await {
                tracing::warn!(backend = backend.name(), %error, "an index backend could not be closed");
            }
        }
    }
}
