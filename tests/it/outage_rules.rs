//! The safety rules while an index is lost: builders and writers that stand still and wake. Each part has a rule or two.

#[cfg(feature = "local-index")]
mod local;
mod manifests;
mod newer_program;
mod servers;
mod tags;
mod undecided;

use std::time::Duration;

use smarterbase::prelude::*;
use smarterbase_core::{format::Key, operation::outage::RebuildPhase, store::LayerSettings};
use smarterbase_testkit::{MemoryIndex, sweep::World};

use crate::outage::{Item, Mortal, Process, catalog, item, only, states};

/// Rule S1's wait, without a little for the clock.
const WHOLE_WAIT: Duration = Duration::from_millis(64_900);

/// After it everybody knows the catalog of now.
const COPY: Duration = Duration::from_secs(6);

/// Finds by an index what was created from number 100 on.
async fn late(db: &Db) -> Vec<u32> {
    let found = Item::find_by_weight_in(db, 100..).await.unwrap();
    found.iter().map(|item| item.weight).collect()
}

/// Watches `in_flight_bound` in `fill` of `maintenance/rebuild/run.rs`.
#[tokio::test(start_paused = true)]
async fn s01_a_write_that_was_under_way_at_the_loss_is_found_after_the_rebuild() {
    let world = World::new(1);
    let index = MemoryIndex::new();
    let store = Mortal::over(world.store.clone());
    let (writer, builder) = (
        Process::on(&world, 0, &index, store.clone()).await,
        Process::start(&world, 1, &index).await,
    );
    writer.fill(0..10).await;
    assert_eq!(builder.on_shelf("shelf-7").await.0, ["00007"]);
    // Its entries are announced, its object is not there yet.
    store.stop_at_put("items/00107");
    let creating = async { Item::create(&writer.db, item(107)).await };
    let losing = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        index.flush();
        assert_eq!(builder.on_shelf("shelf-7").await.0, ["00007"]);
        builder.told.until(RebuildPhase::Waiting).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(late(&builder.db).await, Vec::<u32>::new());
        store.go_on();
    };
    let (created, ()) = tokio::join!(creating, losing);
    created.unwrap();
    assert_eq!(late(&builder.db).await, [107]);
    builder.told.until(RebuildPhase::Ready).await;
    tokio::time::sleep(COPY).await;
    for process in [writer, builder] {
        assert_eq!(
            process.on_shelf("shelf-7").await,
            (vec!["00007".to_owned(), "00107".to_owned()], false)
        );
        process.db.close().await;
    }
}

/// Watches `covers` in `maintenance/rebuild.rs`: a process that is about to take a dead builder's generation over finds another
/// one, which its wait has not counted for.
#[tokio::test(start_paused = true)]
async fn s01_what_is_begun_anew_at_a_takeover_is_waited_for_as_a_whole() {
    let world = World::new(2);
    let index = MemoryIndex::new();
    let (store, heirs) = (
        Mortal::over(world.store.clone()),
        Mortal::over(world.store.clone()),
    );
    let doomed = Process::on(&world, 0, &index, store.clone()).await;
    let heir = Process::on(&world, 1, &index, heirs.clone()).await;
    let far = Process::start(&world, 2, &index).await;
    doomed.fill(0..20).await;
    far.fill(20..30).await;
    far.index.cut_off(true);
    index.flush();
    assert_eq!(doomed.on_shelf("shelf-7").await.0, ["00007"]);
    doomed.told.until(RebuildPhase::Waiting).await;
    assert_eq!(heir.on_shelf("shelf-7").await.0, ["00007"]);
    tokio::time::sleep(Duration::from_secs(20)).await;
    store.stop();
    doomed.index.cut_off(true);
    heirs.before_catalog(async move { far.fill(107..108).await });

    let (taken_at, _) = heir.told.until(RebuildPhase::Waiting).await;
    let (reading_at, _) = heir.told.until(RebuildPhase::Reading).await;
    assert!(
        reading_at - taken_at >= WHOLE_WAIT,
        "{:?}",
        reading_at - taken_at
    );
    heir.told.until(RebuildPhase::Ready).await;
    assert_eq!(
        heir.on_shelf("shelf-7").await,
        (vec!["00007".to_owned(), "00107".to_owned()], false)
    );
    heir.db.close().await;
}

/// What a process knew before a loss and a rebuild is of no use afterwards: its copy of the catalog is too old, and the instance
/// that the copy names is gone.
#[tokio::test(start_paused = true)]
async fn s02_a_process_that_stood_still_meanwhile_writes_under_the_catalog_of_now() {
    let world = World::new(3);
    let index = MemoryIndex::new();
    let store = Mortal::over(world.store.clone());
    let (sleeper, builder) = (
        Process::on(&world, 0, &index, store.clone()).await,
        Process::start(&world, 1, &index).await,
    );
    sleeper.fill(0..10).await;
    store.stop();
    index.flush();
    assert_eq!(builder.on_shelf("shelf-7").await.0, ["00007"]);
    builder.told.until(RebuildPhase::Ready).await;
    store.go_on();
    sleeper.fill(107..108).await;
    let path = Key::from_stored("items/00107.json");
    let object = world.store.get(&path).await.unwrap().unwrap();
    let object: serde_json::Value = serde_json::from_slice(&object.bytes).unwrap();
    assert_eq!(
        object["_sb"]["catalog"],
        catalog(&world).await["_sb"]["rev"]
    );
    assert_eq!(states(&world).await, only("ready"));
    for process in [builder, sleeper] {
        assert_eq!(
            process.on_shelf("shelf-7").await,
            (vec!["00007".to_owned(), "00107".to_owned()], false)
        );
        process.db.close().await;
    }
}

/// Watches `attempt` in `maintenance/rebuild/run.rs`: nobody has filled the generation when its first builder wakes.
#[tokio::test(start_paused = true)]
async fn s05_a_builder_that_wakes_after_a_takeover_makes_nothing_ready() {
    let world = World::new(5);
    let index = MemoryIndex::new();
    let store = Mortal::over(world.store.clone());
    let sleeper = Process::on(&world, 0, &index, store.clone()).await;
    sleeper.fill(0..20).await;
    index.flush();
    assert_eq!(sleeper.on_shelf("shelf-7").await.0, ["00007"]);
    sleeper.told.until(RebuildPhase::Waiting).await;
    let heir = Process::start(&world, 1, &index).await;
    assert_eq!(heir.on_shelf("shelf-7").await.0, ["00007"]);
    store.stop();
    heir.told.until(RebuildPhase::Waiting).await;
    let generation = catalog(&world).await["definitions"].clone();
    store.go_on();
    while heir.told.first(RebuildPhase::Reading).is_none() {
        assert_eq!(states(&world).await, only("building"));
        assert_eq!(
            heir.on_shelf("shelf-7").await,
            (vec!["00007".to_owned()], true)
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    heir.told.until(RebuildPhase::Ready).await;
    assert_eq!(sleeper.told.count(RebuildPhase::Ready), 0);
    assert_eq!(
        sleeper.told.count(RebuildPhase::Failed),
        1,
        "it was told that it is not its any more"
    );
    let now = catalog(&world).await["definitions"].clone();
    for (name, entry) in generation.as_object().unwrap() {
        let before = &entry["backends"]["memory"]["generation"];
        assert_eq!(&now[name]["backends"]["memory"]["generation"], before);
    }
    tokio::time::sleep(COPY).await;
    for process in [sleeper, heir] {
        assert_eq!(
            process.on_shelf("shelf-7").await,
            (vec!["00007".to_owned()], false)
        );
        process.db.close().await;
    }
}

/// Watches `fill_while_wanted` in `maintenance/rebuild/run.rs`: reads that nobody waits for any more hold places of the store.
#[tokio::test(start_paused = true)]
async fn a_rebuild_that_ends_while_it_reads_leaves_the_store_to_others() {
    let world = World::new(7);
    let index = MemoryIndex::new();
    let store = Mortal::over(world.store.clone());
    let narrow = LayerSettings {
        most_at_once: 4,
        ..LayerSettings::default()
    };
    let builder = world.builder(0, store.clone()).layers(narrow);
    let reader = Process::with(&world, builder, index.from_another_process()).await;
    let heir = Process::start(&world, 1, &index).await;
    reader.fill(0..400).await;
    index.flush();
    reader.on_shelf("shelf-7").await;
    reader.told.until(RebuildPhase::Waiting).await;
    heir.on_shelf("shelf-7").await;
    store.get_takes(Duration::from_secs(1));
    reader.told.until(RebuildPhase::Reading).await;
    // It reads on, and nobody hears of it: another process takes over.
    store.silence(true);
    heir.told.until(RebuildPhase::Waiting).await;
    store.silence(false);
    reader.told.until(RebuildPhase::Failed).await;
    let gets = async {
        for number in 0..8 {
            Item::get(&reader.db, &format!("{number:05}"))
                .await
                .unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gets)
        .await
        .expect("places of the store are given back");
    for process in [reader, heir] {
        process.db.close().await;
    }
}

/// The collection of [`Item`], as a program without two of its indexes knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "items")]
struct Shelved {
    #[key]
    id: String,
    #[index]
    shelf: String,
    weight: u32,
    label: Option<String>,
}

/// Rules S8 and S10: what is made while the backend is away is down, never taken for empty, and built once it is back.
#[tokio::test(start_paused = true)]
async fn s08_a_collection_that_is_made_while_the_index_is_away_is_built_once_it_is_back() {
    let world = World::new(8);
    let index = MemoryIndex::new();
    index.take_away(true);
    let process = Process::start(&world, 0, &index).await;
    process.fill(0..10).await;
    assert_eq!(states(&world).await, only("down"));
    assert_eq!(
        process.on_shelf("shelf-7").await,
        (vec!["00007".to_owned()], true)
    );
    index.take_away(false);
    process.told.until(RebuildPhase::Ready).await;
    assert_eq!(
        process.on_shelf("shelf-7").await,
        (vec!["00007".to_owned()], false)
    );
    process.db.close().await;
}
