//! Rule S9 while an index is lost: what a newer program wrote into the catalog.

use std::time::Duration;

use serde_json::{Value, json};
use smarterbase::prelude::*;
use smarterbase_core::{
    format::Key,
    operation::outage::RebuildPhase,
    port::{Attempt, Clock, Expect},
};
use smarterbase_testkit::{MemoryIndex, sweep::World};

use super::{COPY, Shelved};
use crate::outage::{CATALOG, Item, Process, catalog, item, states};

/// Changes the catalog as another program does.
async fn edit_catalog(world: &World, edit: impl FnOnce(&mut Value)) {
    let key = Key::from_stored(CATALOG);
    let object = world.store.get(&key).await.unwrap().unwrap();
    let mut catalog: Value = serde_json::from_slice(&object.bytes).unwrap();
    edit(&mut catalog);
    let expect = Expect::Exactly(object.version);
    let put = world
        .store
        .put(&key, &expect, catalog.to_string().into())
        .await;
    assert!(matches!(put, Attempt::Applied(_)), "{put:?}");
}

fn definition_of<'c>(catalog: &'c mut Value, name: &str) -> &'c mut Value {
    let mut definitions = catalog["definitions"].as_object_mut().unwrap().iter_mut();
    definitions
        .find(|(key, _)| key.starts_with(name))
        .unwrap()
        .1
}

/// One of them built the index; in the test's own time.
async fn until_ready(one: &Process, two: &Process) {
    let count = |process: &Process| process.told.count(RebuildPhase::Ready);
    let ready = async {
        while count(one) + count(two) == 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(600), ready)
        .await
        .expect("nobody built the index");
}

/// Watches `unknown` in `format/catalog.rs`: members of a newer program outlive a loss, an election and a rebuild.
#[tokio::test(start_paused = true)]
async fn s09_a_loss_and_a_rebuild_keep_members_that_this_program_does_not_know() {
    let world = World::new(11);
    let index = MemoryIndex::new();
    let (one, two) = (
        Process::start(&world, 0, &index).await,
        Process::start(&world, 1, &index).await,
    );
    one.fill(0..10).await;
    edit_catalog(&world, |catalog| {
        catalog["future"] = json!({"x": 1});
        let definition = definition_of(catalog, "weight-");
        definition["tuning"] = json!([1, 2]);
        definition["backends"]["memory"]["heat"] = json!(7);
    })
    .await;
    index.flush();
    two.fill(107..108).await;
    assert!(!states(&world).await.contains("ready"));
    until_ready(&one, &two).await;
    let mut catalog = catalog(&world).await;
    assert_eq!(catalog["future"], json!({"x": 1}));
    let definition = definition_of(&mut catalog, "weight-");
    assert_eq!(definition["tuning"], json!([1, 2]));
    let placement = &definition["backends"]["memory"];
    assert_eq!(
        (&placement["state"], &placement["heat"]),
        (&json!("ready"), &json!(7))
    );
    for process in [one, two] {
        process.db.close().await;
    }
}

/// Watches `check_states` in `begin` of `maintenance/rebuild.rs`: what a newer program means by its state is not known, so nobody
/// here builds over it; queries scan.
#[tokio::test(start_paused = true)]
async fn s09_a_state_that_this_program_does_not_know_is_not_built_over_after_a_loss() {
    let world = World::new(12);
    let index = MemoryIndex::new();
    let (one, two) = (
        Process::start(&world, 0, &index).await,
        Process::start(&world, 1, &index).await,
    );
    one.fill(0..10).await;
    edit_catalog(&world, |catalog| {
        definition_of(catalog, "weight-")["backends"]["memory"]["state"] = json!("shiny");
    })
    .await;
    index.flush();
    let end = world.clock.elapsed() + Duration::from_secs(600);
    while world.clock.elapsed() < end {
        for process in [&one, &two] {
            assert_eq!(
                process.on_shelf("shelf-7").await,
                (vec!["00007".to_owned()], true)
            );
            let found = Item::find_by_weight_in(&process.db, 7..9).await.unwrap();
            assert_eq!(found.len(), 2);
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    let weight = {
        let now = catalog(&world).await;
        let mut names = now["definitions"].as_object().unwrap().keys();
        names
            .find(|name| name.starts_with("weight-"))
            .unwrap()
            .clone()
    };
    let builder = world.builder(2, world.store.clone());
    let older = builder.abandon_missing_backends(true).open().await.unwrap();
    let refused = [
        one.db.rebuild_indexes::<Item>().await.unwrap_err(),
        Item::create(&two.db, item(107)).await.unwrap_err(),
        older.retire::<Shelved>(&weight).await.unwrap_err(),
    ];
    let kinds = refused.map(|error| error.kind());
    assert_eq!(kinds, [ErrorKind::Unsupported; 3]);
    older.close().await;
    let mut left = catalog(&world).await;
    let placement = definition_of(&mut left, "weight-")["backends"]["memory"].take();
    assert_eq!(placement, json!({"state": "shiny", "generation": 1}));
    assert_eq!(
        one.told.count(RebuildPhase::Waiting) + two.told.count(RebuildPhase::Waiting),
        0
    );

    // The newer program is done with it.
    edit_catalog(&world, |catalog| {
        definition_of(catalog, "weight-")["backends"]["memory"]["state"] = json!("down");
    })
    .await;
    until_ready(&one, &two).await;
    tokio::time::sleep(COPY).await;
    for process in [one, two] {
        assert_eq!(
            process.on_shelf("shelf-7").await,
            (vec!["00007".to_owned()], false)
        );
        process.db.close().await;
    }
}
