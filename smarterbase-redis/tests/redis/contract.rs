//! The promises of every index backend.

use smarterbase_testkit::{contract::index::Fixture, server::redis::RedisServer};

use crate::{index_on, shared};

async fn fresh() -> Fixture {
    let server = RedisServer::start(&[]).unwrap();
    Fixture::new(shared(&index_on(&server).await), server)
}

smarterbase_testkit::index_contract!(redis, async || fresh().await);
