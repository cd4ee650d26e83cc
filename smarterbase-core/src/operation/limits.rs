//! The limits of one open database.

use std::time::Duration;

/// What one process may use. Every field has a safe default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest stored document in bytes (16 MiB).
    pub document_bytes: usize,
    /// How many documents one call may collect (1,000); pages and streams are not bound by it.
    pub collect: usize,
    /// How many documents a query without a ready index may read (10,000).
    pub scan_documents: usize,
    /// How many documents one request reads at the same time (32).
    pub concurrent_reads: usize,
    /// How many writes run at the same time, detached ones included (256).
    pub concurrent_writes: usize,
    /// How long one write keeps resolving a missing answer (15 s). Never more than half
    /// the in-flight bound of the database.
    pub write_deadline: Duration,
    /// How often an update is replayed after losing a race (32).
    pub update_attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document_bytes: 16 * 1024 * 1024,
            collect: 1_000,
            scan_documents: 10_000,
            concurrent_reads: 32,
            concurrent_writes: 256,
            write_deadline: Duration::from_secs(15),
            update_attempts: 32,
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
