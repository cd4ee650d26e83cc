//! When documents of older versions are written again.

use std::{sync::Arc, time::Duration};

use smarterbase::prelude::*;
use smarterbase_testkit::{
    CallKind, FaultStore,
    sweep::{Latencies, LatentStore, World},
};

use crate::{
    tasks::{careful, eager, on_read, panicking, path, world_with, write_back},
    world::{assert_sound, json, settle, swap, text},
};

const IDS: [&str; 3] = ["a", "b", "c"];

/// A client whose calls are counted, and which has used the type before: what is left is what the operation costs.
async fn counted<T: Document<Key = String>>(world: &World) -> (Arc<FaultStore>, Db) {
    let store = Arc::new(FaultStore::recording(world.store.clone()));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    T::exists(&db, &"nobody".to_owned()).await.unwrap();
    settle().await;
    store.log().clear();
    (store, db)
}

fn writes(store: &FaultStore) -> [usize; 4] {
    [
        CallKind::Get,
        CallKind::Create,
        CallKind::Swap,
        CallKind::List,
    ]
    .map(|kind| store.log().count(kind))
}

fn id(id: &str) -> String {
    id.to_owned()
}

#[tokio::test(start_paused = true)]
async fn on_read_writes_nothing() {
    let world = world_with(&IDS).await;
    let (store, db) = counted::<on_read::Task>(&world).await;
    let before = text(&world, &path("a")).await;
    on_read::Task::get(&db, &id("a")).await.unwrap().unwrap();
    on_read::Task::list(&db).page(10).await.unwrap();
    settle().await;
    assert_eq!(store.log().count(CallKind::Swap), 0);
    assert_eq!(text(&world, &path("a")).await, before);
}

#[tokio::test(start_paused = true)]
async fn write_back_costs_the_reader_one_get_and_the_background_one_put() {
    let world = world_with(&IDS).await;
    let (store, db) = counted::<write_back::Task>(&world).await;
    let before = json(&world, &path("a")).await;
    let read = write_back::Task::get(&db, &id("a")).await.unwrap().unwrap();
    assert_eq!((read.hours, read.meta().schema_version), (8, 1));
    assert_eq!(writes(&store), [1, 0, 0, 0], "before the reply");
    settle().await;
    // The catalog is looked at once for the first write.
    assert_eq!(writes(&store), [2, 0, 1, 0]);
    let after = json(&world, &path("a")).await;
    assert_eq!(after["_sb"]["schema"], 2);
    assert_eq!(after["_sb"]["rewrite"], true);
    assert_eq!(after["_sb"]["rev"], 2);
    assert_eq!(after["_sb"]["updated"], before["_sb"]["updated"]);
    assert_eq!(after["_sb"]["created"], before["_sb"]["created"]);
    // From now on it is a document of today.
    store.log().clear();
    write_back::Task::get(&db, &id("a")).await.unwrap().unwrap();
    settle().await;
    assert_eq!(writes(&store), [1, 0, 0, 0]);
    assert_sound::<write_back::Task>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn every_finder_and_scan_writes_back_what_it_found() {
    for way in 0..5 {
        let world = world_with(&IDS).await;
        let db = world.open(1).await;
        let found = match way {
            0 => write_back::Task::find_by_name(&db, "Title a")
                .await
                .unwrap(),
            1 => {
                let found = write_back::Task::find_by_slug(&db, "slug-a").await.unwrap();
                found.into_iter().collect()
            }
            2 => write_back::Task::query(&db).scan().await.unwrap(),
            3 => write_back::Task::list(&db).page(10).await.unwrap().items,
            _ => {
                let many = write_back::Task::get_many(&db, [id("a")]).await.unwrap();
                many.into_iter().flatten().collect()
            }
        };
        assert!(found.iter().any(|task| task.id == "a"), "{way}");
        settle().await;
        assert_eq!(json(&world, &path("a")).await["_sb"]["schema"], 2, "{way}");
        let others = if found.len() == 3 { 2 } else { 1 };
        assert_eq!(
            json(&world, &path("b")).await["_sb"]["schema"],
            others,
            "{way}"
        );
        assert_sound::<write_back::Task>(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn s21_a_write_back_does_not_make_the_save_of_a_holder_fail() {
    let world = world_with(&IDS).await;
    let db = world.open(1).await;
    let mut held = write_back::Task::get(&db, &id("a")).await.unwrap().unwrap();
    let other = world.open(2).await;
    let mut elsewhere = on_read::Task::get(&other, &id("b")).await.unwrap().unwrap();
    write_back::Task::get(&db, &id("b")).await.unwrap();
    settle().await;
    assert_eq!(json(&world, &path("a")).await["_sb"]["rev"], 2);
    held.done = true;
    held.save(&db).await.unwrap();
    elsewhere.done = true;
    elsewhere.save(&other).await.unwrap();
    for (name, revision) in [("a", 3), ("b", 3)] {
        let stored = on_read::Task::get(&db, &id(name)).await.unwrap().unwrap();
        assert_eq!((stored.done, stored.revision()), (true, revision), "{name}");
    }
    // A holder may remove it, too.
    let held = write_back::Task::get(&db, &id("c")).await.unwrap().unwrap();
    settle().await;
    held.remove(&db).await.unwrap();
    assert!(!on_read::Task::exists(&db, &id("c")).await.unwrap());
    assert_sound::<write_back::Task>(&world).await;
}

/// Every put is late, so the writer always comes between the read and the write-back.
#[tokio::test(start_paused = true)]
async fn a_write_back_never_overwrites_a_writer_that_came_first() {
    let world = world_with(&IDS).await;
    let slow = Latencies {
        put: Duration::from_millis(500),
        ..Latencies::CONTRACT
    };
    let late = Arc::new(LatentStore::exact(world.store.clone(), slow));
    let reader = world.builder(1, late).open().await.unwrap();
    let writer = world.open(2).await;
    for name in IDS {
        write_back::Task::get(&reader, &id(name)).await.unwrap();
        on_read::Task::update(&writer, &id(name), |task| {
            task.done = true;
            Ok(())
        })
        .await
        .unwrap();
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    for name in IDS {
        let stored = json(&world, &path(name)).await;
        assert_eq!(stored["done"], true, "{name}");
        assert_eq!(stored["_sb"]["rev"], 2, "{name}: the write-back lost");
    }
    assert_sound::<write_back::Task>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_written_back_at_the_same_time_is_bounded() {
    let ids: Vec<String> = (0..40).map(|number| format!("task-{number:02}")).collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    let world = world_with(&names).await;
    let latent = LatentStore::exact(world.store.clone(), Latencies::CONTRACT);
    let store = Arc::new(FaultStore::recording(Arc::new(latent)));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    write_back::Task::get_many(&db, ids.clone()).await.unwrap();
    settle().await;
    assert_eq!(store.log().count(CallKind::Swap), 16);
    // The rest goes with its next readers.
    for _ in 0..2 {
        write_back::Task::get_many(&db, ids.clone()).await.unwrap();
        settle().await;
    }
    assert_eq!(store.log().count(CallKind::Swap), 40);
    assert_sound::<write_back::Task>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn two_readers_of_one_document_write_it_back_once() {
    let world = world_with(&IDS).await;
    let (store, db) = counted::<write_back::Task>(&world).await;
    let both = [id("a"), id("a")];
    write_back::Task::get_many(&db, both).await.unwrap();
    settle().await;
    assert_eq!(store.log().count(CallKind::Swap), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_transaction_a_snapshot_or_a_read_only_database_reads_is_not_written_back() {
    let world = world_with(&IDS).await;
    let (store, db) = counted::<write_back::Task>(&world).await;
    db.transaction(|tx| async move {
        write_back::Task::get(&tx, &id("a")).await?;
        Ok(())
    })
    .await
    .unwrap();
    db.snapshot(|tx| async move { write_back::Task::get(&tx, &id("b")).await.map(drop) })
        .await
        .unwrap();
    settle().await;
    assert_eq!(store.log().count(CallKind::Swap), 0);
    let reading = world.builder(3, world.store.clone()).read_only(true);
    let reading = reading.open().await.unwrap();
    write_back::Task::get(&reading, &id("a")).await.unwrap();
    eager::Task::get(&reading, &id("a")).await.unwrap();
    settle().await;
    assert_eq!(json(&world, &path("a")).await["_sb"]["schema"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_document_that_cannot_be_written_back_is_still_read_or_still_an_error() {
    let world = world_with(&IDS).await;
    let db = world.open(1).await;
    let whole = text(&world, &path("a")).await;
    swap(&world, &path("a"), &whole.replace("\"8\"", "\"eight\"")).await;
    let error = write_back::Task::get(&db, &id("a")).await.unwrap_err();
    assert_eq!((error.code(), error.id()), ("SB-MIGRATION", Some("a")));
    settle().await;
    assert_eq!(json(&world, &path("a")).await["hours"], "eight");
}

#[tokio::test(start_paused = true)]
async fn the_first_use_of_an_eager_type_upgrades_its_collection_in_the_background() {
    let world = world_with(&IDS).await;
    let store = Arc::new(FaultStore::recording(world.store.clone()));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    settle().await;
    assert_eq!(
        store.log().count(CallKind::Swap),
        0,
        "opening upgrades nothing"
    );
    store.log().clear();
    eager::Task::get(&db, &id("a")).await.unwrap().unwrap();
    settle().await;
    for name in IDS {
        let stored = json(&world, &path(name)).await;
        assert_eq!(stored["_sb"]["schema"], 2, "{name}");
        assert_eq!(stored["_sb"]["rewrite"], true, "{name}");
    }
    // One LIST and a GET for each; the reader's own, the schema's and the catalog's. Whoever comes first writes a document.
    let [get, create, swap, list] = writes(&store);
    assert_eq!((create, list), (0, 1));
    assert!((3..=4).contains(&swap), "{swap}");
    assert!(get <= 3 + 1 + 1 + 2 + 1, "{get}");
    // Once per process.
    store.log().clear();
    eager::Task::get(&db, &id("b")).await.unwrap().unwrap();
    settle().await;
    assert_eq!(writes(&store), [1, 0, 0, 0]);
    assert_sound::<eager::Task>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn an_eager_upgrade_moves_bad_documents_aside_only_if_the_type_says_so() {
    for is_careful in [false, true] {
        let world = world_with(&IDS).await;
        let whole = text(&world, &path("a")).await;
        swap(&world, &path("a"), &whole.replace("\"8\"", "\"eight\"")).await;
        let db = world.open(1).await;
        if is_careful {
            careful::Task::get(&db, &id("c")).await.unwrap();
        } else {
            eager::Task::get(&db, &id("c")).await.unwrap();
        }
        settle().await;
        let stored = json(&world, &path("a")).await;
        let state = if is_careful { "deleted" } else { "live" };
        assert_eq!(stored["_sb"]["state"], state);
    }
}

#[tokio::test(start_paused = true)]
async fn closing_ends_an_eager_upgrade() {
    let ids: Vec<String> = (0..300).map(|number| format!("task-{number:03}")).collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    let world = world_with(&names).await;
    let latent = Arc::new(LatentStore::exact(world.store.clone(), Latencies::CONTRACT));
    let limits = smarterbase::Limits {
        concurrent_reads: 1,
        ..smarterbase::Limits::default()
    };
    let db = world
        .builder(1, latent)
        .limits(limits)
        .open()
        .await
        .unwrap();
    eager::Task::get(&db, &ids[0]).await.unwrap();
    let began = tokio::time::Instant::now();
    db.close().await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    let last = json(&world, &path("task-299")).await;
    assert_eq!(last["_sb"]["schema"], 1);
}

/// As many as may be written back at the same time panic; the next document is written back all the same.
#[tokio::test(start_paused = true)]
async fn a_step_that_panics_gives_its_place_among_the_write_backs_back() {
    let ids: Vec<String> = (0..17).map(|number| format!("task-{number:02}")).collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    let world = world_with(&names).await;
    let db = world.open(1).await;
    let (last, bad) = ids.split_last().unwrap();
    for name in bad {
        let whole = text(&world, &path(name)).await;
        swap(&world, &path(name), &whole.replace("\"8\"", "\"eight\"")).await;
        let (db, name) = (db.clone(), name.clone());
        let read = tokio::spawn(async move { panicking::Task::get(&db, &name).await });
        assert!(read.await.unwrap_err().is_panic());
    }
    settle().await;
    panicking::Task::get(&db, last).await.unwrap().unwrap();
    settle().await;
    assert_eq!(json(&world, &path(last)).await["_sb"]["schema"], 2);
    assert_eq!(json(&world, &path(&bad[0])).await["_sb"]["schema"], 1);
    // Nothing waits for them either.
    db.close().await;
}
