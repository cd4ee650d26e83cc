//! A server and a file of one machine.

use std::{sync::Arc, time::Duration};

use smarterbase::prelude::*;
use smarterbase_core::port::IndexStore;
use smarterbase_testkit::{MemoryIndex, sweep::World};

use super::late;
use crate::outage::{Item, item};

/// Rule S6: one program was started with an index in a file of its machine, the others with a server.
#[tokio::test(start_paused = true)]
async fn s06_a_program_with_a_local_index_beside_one_with_a_server_never_gives_a_wrong_answer() {
    let world = World::new(7);
    let index = MemoryIndex::new();
    let folder = tempfile::tempdir().unwrap();
    let options = smarterbase::LocalOptions {
        clock: world.clock.clone(),
        ..smarterbase::LocalOptions::default()
    };
    let file = folder.path().join("index.redb");
    let local = smarterbase::LocalIndex::open(file, options).await.unwrap();
    let open = |client, index: Arc<dyn IndexStore>, abandons| {
        let builder = world.builder(client, Arc::clone(&world.store));
        let builder = builder.index(index);
        builder.abandon_missing_backends(abandons).open()
    };
    let server = open(0, Arc::new(index.clone()), true).await.unwrap();
    Item::create(&server, item(7)).await.unwrap();
    let refusing = open(1, Arc::new(local.clone()), false).await.unwrap();
    let refused = Item::create(&refusing, item(99)).await.unwrap_err();
    assert_eq!(refused.code(), "SB-NO-SUCH-BACKEND");

    let abandoning = open(2, Arc::new(local.clone()), true).await.unwrap();
    abandoning.rebuild_indexes::<Item>().await.unwrap();
    let mut expected = Vec::new();
    for round in 100..130 {
        let writer = if round % 2 == 0 { &server } else { &abandoning };
        Item::create(writer, item(round)).await.unwrap();
        expected.push(round);
        for reader in [&server, &abandoning] {
            assert_eq!(late(reader).await, expected, "round {round}");
        }
        tokio::time::sleep(Duration::from_secs(if round == 115 { 90 } else { 3 })).await;
    }
    for db in [refusing, abandoning, server] {
        db.close().await;
    }
}
