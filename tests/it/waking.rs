//! Which queries wake the task that builds lost indexes again. Never: those over an index that nobody asked to be built.

use std::time::Duration;

use smarterbase::prelude::*;
use smarterbase_core::operation::outage::{RebuildPhase, Reconcile};
use smarterbase_testkit::{MemoryIndex, sweep::World};

use crate::outage::{Process, item, only, states};

/// The items as a program knew them that had no index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "items")]
struct Plain {
    #[key]
    id: String,
    shelf: String,
    weight: u32,
    label: Option<String>,
}

async fn fill_without_indexes(world: &World) {
    let db = world.open(9).await;
    for number in 0..10 {
        let item = item(number);
        let plain = Plain {
            id: item.id,
            shelf: item.shelf,
            weight: item.weight,
            label: None,
        };
        Plain::create(&db, plain).await.unwrap();
    }
    db.close().await;
}

/// Watches `fall_back` in `query/plan.rs`.
#[tokio::test(start_paused = true)]
async fn queries_over_an_index_that_was_never_built_wake_nobody() {
    let world = World::new(1);
    fill_without_indexes(&world).await;
    let index = MemoryIndex::new();
    let process = Process::start(&world, 0, &index).await;
    for _ in 0..100 {
        let found = process.on_shelf("shelf-7").await;
        assert_eq!(found, (vec!["00007".to_owned()], true), "it scans");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(states(&world).await, only("pending"));
    // Each look asks the backend once; the first one is due after 30 s.
    assert_eq!(index.calls(), 0);
    process.db.close().await;
}

/// Watches `fall_back` in `query/plan.rs`.
#[tokio::test(start_paused = true)]
async fn one_query_over_an_index_that_is_down_wakes_whoever_builds_it() {
    let world = World::new(2);
    let index = MemoryIndex::new();
    let idle = world.builder(0, world.store.clone());
    let idle = idle.reconcile(Reconcile::off());
    let idle = Process::with(&world, idle, index.from_another_process()).await;
    idle.fill(0..10).await;
    index.flush();
    assert!(idle.on_shelf("shelf-7").await.1, "it marks the index down");
    assert_eq!(states(&world).await, only("down"));

    let builder = Process::start(&world, 1, &index).await;
    assert!(builder.on_shelf("shelf-7").await.1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    // Else it looks after 30 s.
    assert_eq!(builder.told.count(RebuildPhase::Waiting), 1);
    builder.told.until(RebuildPhase::Ready).await;
    for process in [idle, builder] {
        process.db.close().await;
    }
}
