//! A queue that wakes those who wait for a lock: fairness and speed, and nothing that a promise rests on.

use std::time::Duration;

use async_trait::async_trait;

use crate::format::Nonce;

/// Wakes the processes that wait for a lock, one after the other in the order in which they came.
///
/// It never says who holds a lock: the lock document does. A queue may forget, repeat, or not answer, at any time; then
/// waiting takes longer, and nothing else changes. So every call ends soon, and none is repeated by its caller.
#[async_trait]
pub trait LockQueue: Send + Sync + std::fmt::Debug + 'static {
    /// Takes the last place in the queue of `lock`, or says once more that the place it has is still wanted. Gives how many
    /// wait before it. A waiter that says nothing for `keep` loses its place.
    ///
    /// # Errors
    /// [`LockQueueError`]: the queue cannot be used now.
    async fn enter(
        &self,
        lock: &QueuedLock,
        waiter: Nonce,
        keep: Duration,
    ) -> Result<u64, LockQueueError>;

    /// Returns once `waiter`, which entered here, was woken since it last waited, or after `longest`.
    async fn wait(&self, waiter: Nonce, longest: Duration);

    /// Gives up the place of `waiter`. When it had the first one and `passes_on`, the next one is woken in its stead.
    ///
    /// # Errors
    /// [`LockQueueError`]: the queue cannot be used now; the place lapses.
    async fn leave(
        &self,
        lock: &QueuedLock,
        waiter: Nonce,
        passes_on: bool,
    ) -> Result<(), LockQueueError>;

    /// Wakes who has the first place.
    ///
    /// # Errors
    /// [`LockQueueError`]: the queue cannot be used now; the waiter looks by itself some time later.
    async fn wake(&self, lock: &QueuedLock) -> Result<(), LockQueueError>;

    /// How many wait.
    ///
    /// # Errors
    /// [`LockQueueError`]: the queue cannot be used now.
    async fn waiting(&self, lock: &QueuedLock) -> Result<u64, LockQueueError>;
}

/// Which lock is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueuedLock {
    /// The id of its database.
    pub database: Nonce,
    /// Its name, encoded as in its path.
    pub name: String,
}

/// Why a queue cannot be used now, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LockQueueError(pub String);
