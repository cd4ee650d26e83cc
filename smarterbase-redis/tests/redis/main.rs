//! Redis indexes on real servers that each test starts itself.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod cluster;
mod contract;
mod foreign;
mod join;
mod left;
mod link;
mod lock_queue;
mod loss;
mod manifest;
mod memory;
mod promotion;
mod sentinel;
mod tls;
mod torture;
mod valkey;

use std::{sync::Arc, time::Duration};

use smarterbase_core::port::IndexStore;
use smarterbase_redis::{RedisIndex, RedisOptions};
use smarterbase_testkit::server::redis::RedisServer;

/// Options without haste: only the tests of the link are about time, and a busy machine may be slow.
fn patient(url: &str) -> RedisOptions {
    RedisOptions::from_url(url)
        .unwrap()
        .with_deadline(Duration::from_secs(10))
        .with_connect_deadline(Duration::from_secs(10))
}

async fn index_on(server: &RedisServer) -> RedisIndex {
    RedisIndex::open(patient(&server.url())).await.unwrap()
}

/// As the testkit's rig wants it.
fn shared(index: &RedisIndex) -> Arc<dyn IndexStore> {
    Arc::new(index.clone())
}
