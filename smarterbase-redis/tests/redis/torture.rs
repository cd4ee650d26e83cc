//! Many writers, few documents, crashes, delays and duplicates: no committed document may be missed, ever.

use futures::FutureExt;
use smarterbase_testkit::{contract::index::torture::Tortured, server::redis::RedisServer};

use crate::{index_on, shared};

async fn fresh() -> Tortured {
    let server = RedisServer::start(&[]).unwrap();
    let index = index_on(&server).await;
    let dirty = index.clone();
    let dirty = move |collection, older_than, limit| {
        let index = dirty.clone();
        async move { index.dirty(&collection, older_than, limit).await }.boxed()
    };
    Tortured::new(shared(&index), dirty, server)
}

smarterbase_testkit::index_torture!(redis, async || fresh().await);
