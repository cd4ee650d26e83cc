//! The queue in memory, which simulations use, keeps every promise of the port.

use std::sync::Arc;

use smarterbase_core::port::SystemClock;
use smarterbase_testkit::{MemoryLockQueue, contract::lock_queue::Fixture};

async fn fresh() -> Fixture {
    let queue = Arc::new(MemoryLockQueue::new(Arc::new(SystemClock)));
    Fixture::new(queue.clone(), queue, ())
}

smarterbase_testkit::lock_queue_contract!(in_memory, async || fresh().await);
