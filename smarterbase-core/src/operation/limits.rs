//! The limits of one open database.

use std::time::Duration;

/// The longest pause between two runs of something that runs again and again: clocks can be put forward by it.
pub(crate) const LONGEST_INTERVAL: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What one process may use. Every field has a safe default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest stored document in bytes (16 MiB).
    pub document_bytes: usize,
    /// How many documents one call may collect (1,000); pages and streams are not bound by it.
    pub collect: usize,
    /// How many documents a query may read that no ready index finds, that must be sorted, or that an index names and that do
    /// not meet the rest of the condition (10,000).
    pub scan_documents: usize,
    /// How many ids a query holds whose ranges are asked for in another order than their own (100,000).
    pub candidates: usize,
    /// How many documents one request reads at the same time (32).
    pub concurrent_reads: usize,
    /// How many writes run at the same time, detached ones included (256).
    pub concurrent_writes: usize,
    /// How long one write keeps resolving a missing answer (15 s). Never more than half
    /// the in-flight bound of the database.
    pub write_deadline: Duration,
    /// How often an update is replayed after losing a race (64).
    pub update_attempts: u32,
    /// The limits of transactions.
    pub transactions: TransactionLimits,
    /// The limits of locks.
    pub locks: LockLimits,
    /// What idempotent transactions keep.
    pub idempotency: IdempotencyLimits,
}

/// What is kept of a transaction with an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyLimits {
    /// The largest result in bytes of JSON (64 KiB).
    pub result_bytes: usize,
    /// For how long at least a key is remembered (24 h). Never less than tombstones are kept.
    pub retention: Duration,
}

impl Default for IdempotencyLimits {
    fn default() -> Self {
        Self {
            result_bytes: 64 * 1024,
            retention: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// How locks are held and waited for, unless a request says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockLimits {
    /// How long the document of a lock must stay unchanged before others take it over (30 s). Its holder renews it three
    /// times as often.
    pub lease: Duration,
    /// How long a lock is waited for (60 s).
    pub deadline: Duration,
}

impl Default for LockLimits {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            deadline: Duration::from_secs(60),
        }
    }
}

/// What one transaction may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionLimits {
    /// How often it runs (64). After it lost to another process it locks first where it lost; from the fourth time on all that
    /// it touched, which favours the oldest transaction.
    pub attempts: u32,
    /// How long it begins new attempts (60 s).
    pub deadline: Duration,
    /// How many objects it may read, documents and unique values, and entries of ranges (10,000).
    pub reads: usize,
    /// How many documents it may write (1,000).
    pub writes: usize,
    /// How many bytes it may hold, read and written (256 MiB).
    pub bytes: usize,
    /// How long it waits for a younger one before it aborts it (250 ms).
    pub grace: Duration,
    /// How long anyone waits for a transaction that does not end before it is taken for dead and aborted (5 s). To it come
    /// 20 ms per document that it writes. No safety rests on it.
    pub lease: Duration,
    /// Bodies that are longer than this many bytes are staged in objects of their own until they are committed (256 KiB).
    pub staged_from: usize,
}

impl Default for TransactionLimits {
    fn default() -> Self {
        Self {
            attempts: 64,
            deadline: Duration::from_secs(60),
            reads: 10_000,
            writes: 1_000,
            bytes: 256 * 1024 * 1024,
            grace: Duration::from_millis(250),
            lease: Duration::from_secs(5),
            staged_from: 256 * 1024,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: 16 * 1024 * 1024,
            collect: 1_000,
            scan_documents: 10_000,
            candidates: 100_000,
            concurrent_reads: 32,
            concurrent_writes: 256,
            write_deadline: Duration::from_secs(15),
            update_attempts: 64,
            transactions: TransactionLimits::default(),
            locks: LockLimits::default(),
            idempotency: IdempotencyLimits::default(),
        }
    }
}

impl Limits {
    /// With at least one of everything that nothing works without.
    pub(crate) fn usable(self) -> Self {
        Self {
            concurrent_reads: self.concurrent_reads.max(1),
            concurrent_writes: self
                .concurrent_writes
                .clamp(1, tokio::sync::Semaphore::MAX_PERMITS),
            update_attempts: self.update_attempts.max(1),
            ..self
        }
    }
}
