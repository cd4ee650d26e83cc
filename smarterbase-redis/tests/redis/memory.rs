//! What an entry costs.

use futures::{StreamExt, stream};
use redis::InfoDict;
use smarterbase_core::{document::KeyKind, port::index::Outcome};
use smarterbase_testkit::{
    contract::index::rig::{Live, Rig, id, text},
    server::redis::RedisServer,
};

use crate::{index_on, shared};

const DOCUMENTS: u64 = 10_000;

fn used(server: &RedisServer) -> u64 {
    let info: InfoDict = redis::cmd("INFO")
        .arg("memory")
        .query(&mut server.connect().unwrap())
        .unwrap();
    info.get("used_memory").unwrap()
}

/// Measured: 126 bytes for a member of a large sorted set, and about 90 for a small manifest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn document_with_two_entries_takes_less_than_500_bytes() {
    let server = RedisServer::start(&[]).unwrap();
    let index = index_on(&server).await;
    let empty = used(&server);
    let users = Rig::begin(&shared(&index), "users", KeyKind::Uuid, 1).await;
    let begun = used(&server);
    let users = &users;
    stream::iter(0..DOCUMENTS)
        .for_each_concurrent(64, async |number| {
            let id = id(&format!("0199c7f5-5f0a-7e2b-9c1d-{number:012x}"));
            let values = [
                (0, text(&format!("user-{number}@example.org"))),
                (1, text("pro")),
            ];
            users
                .tell(&users.write(&id, &Live::none(), &values), Outcome::Restore)
                .await;
        })
        .await;
    let per_document = (used(&server) - begun) / DOCUMENTS;
    eprintln!(
        "an empty collection takes {} bytes, a document with two entries {per_document}: {} per entry with its share of \
         the manifest",
        begun - empty,
        per_document / 2,
    );
    assert!(per_document < 500, "{per_document}");
}
