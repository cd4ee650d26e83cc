//! [`LockQueue`] on Redis.

use std::time::Duration;

use async_trait::async_trait;
use redis::FromRedisValue;
use smarterbase_core::{
    format::Nonce,
    port::{IndexError, LockQueue, LockQueueError, QueuedLock},
};
use tokio::time::timeout;

use crate::{
    RedisLink,
    script::{self, Script},
};

/// A fair queue per lock that wakes exactly one waiter, by a message on the channel of its process.
///
/// | Key | Type | Holds |
/// |---|---|---|
/// | `sb:{<database>.lock.<name>}:q` | ZSET | the waiters, in the order in which they came |
/// | `sb:{<database>.lock.<name>}:h` | HASH | until when each is believed to be there, by the server's time in milliseconds |
///
/// Both go by themselves a minute after the last waiter said that it is there. Whatever becomes of them, the lock documents
/// say who holds a lock. The user needs `SUBSCRIBE` and `PUBLISH` on `sb:wake:*` besides what indexes need; without them
/// waiters look at the lock documents instead.
#[derive(Clone, Debug)]
pub struct RedisLockQueue {
    link: RedisLink,
}

impl RedisLockQueue {
    /// Queues over this link.
    #[must_use]
    pub fn new(link: RedisLink) -> Self {
        Self { link }
    }

    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        lock: &QueuedLock,
        arguments: &[String],
    ) -> Result<T, LockQueueError> {
        let shard = format!("sb:{{{}.lock.{}}}:", lock.database, lock.name);
        let mut call = script.call();
        call.key(format!("{shard}q")).key(format!("{shard}h"));
        for argument in arguments {
            call.arg(argument);
        }
        self.link.run(&call).await.map_err(unusable)
    }
}

/// None of the failures of an index means anything else to a queue.
fn unusable(error: IndexError) -> LockQueueError {
    LockQueueError(error.to_string())
}

#[async_trait]
impl LockQueue for RedisLockQueue {
    async fn enter(
        &self,
        lock: &QueuedLock,
        waiter: Nonce,
        keep: Duration,
    ) -> Result<u64, LockQueueError> {
        let inbox = self.link.inbox();
        inbox.listen(waiter);
        self.link.subscribe().await.map_err(unusable)?;
        let keep = keep.as_millis().to_string();
        let arguments = [inbox.name(waiter), keep];
        self.run(&script::QUEUE_ENTER, lock, &arguments).await
    }

    async fn wait(&self, waiter: Nonce, longest: Duration) {
        let woken = self.link.inbox().listen(waiter);
        let _elapsed = timeout(longest, woken.notified()).await;
    }

    async fn leave(
        &self,
        lock: &QueuedLock,
        waiter: Nonce,
        passes_on: bool,
    ) -> Result<(), LockQueueError> {
        let inbox = self.link.inbox();
        inbox.forget(waiter);
        let arguments = [inbox.name(waiter), u8::from(passes_on).to_string()];
        self.run(&script::QUEUE_LEAVE, lock, &arguments).await
    }

    async fn wake(&self, lock: &QueuedLock) -> Result<(), LockQueueError> {
        self.run(&script::QUEUE_WAKE, lock, &[]).await
    }

    async fn waiting(&self, lock: &QueuedLock) -> Result<u64, LockQueueError> {
        self.run(&script::QUEUE_WAITING, lock, &[]).await
    }
}
