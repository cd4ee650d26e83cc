//! The safety rules while an index is lost: builders and writers that stand still, two servers, programs with another backend.

#[cfg(feature = "local-index")]
use std::sync::Arc;
use std::time::Duration;

use smarterbase::prelude::*;
use smarterbase_core::{
    document::KeyKind,
    format::{Key, Nonce},
    operation::outage::RebuildPhase,
    port::{
        Clock, IndexStore,
        index::{Announcement, IndexEntry, IndexedCollection, Placed},
    },
    store::LayerSettings,
};
use smarterbase_testkit::{
    MemoryIndex,
    contract::index::rig::{id, text},
    sweep::World,
};

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

/// Watches `hold` in `operation/settle.rs`: the other one believes its index, in which the document is not, for five seconds.
#[tokio::test(start_paused = true)]
async fn s03_a_process_with_another_server_replies_once_nobody_believes_the_first_one() {
    let world = World::new(4);
    let (ours, theirs) = (MemoryIndex::new(), MemoryIndex::new());
    let (one, two) = (
        Process::start(&world, 0, &ours).await,
        Process::start(&world, 1, &theirs).await,
    );
    one.fill(0..10).await;
    assert_eq!(late(&one.db).await, Vec::<u32>::new());
    let began_at = world.clock.elapsed();
    two.fill(107..108).await;
    let took = world.clock.elapsed() - began_at;
    assert!(took >= Duration::from_millis(5_500), "{took:?}");
    assert_eq!(late(&one.db).await, [107]);
    one.db.close().await;
    two.db.close().await;
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

/// Rule S6: a replica became the primary, and one process still talks to the old one, in which all is as it was.
#[tokio::test(start_paused = true)]
async fn s06_a_process_that_still_talks_to_the_old_primary_never_gives_a_wrong_answer() {
    let world = World::new(6);
    let old = MemoryIndex::new();
    let (leaving, left_behind) = (
        Process::start(&world, 0, &old).await,
        Process::start(&world, 1, &old).await,
    );
    leaving.fill(0..10).await;
    assert_eq!(left_behind.on_shelf("shelf-7").await.0, ["00007"]);
    let promoted = MemoryIndex::new();
    promoted.restart_from(&old.backup());
    leaving.db.close().await;
    let moved = Process::start(&world, 2, &promoted).await;
    for round in 0..30 {
        let writer = if round % 2 == 0 { &moved } else { &left_behind };
        writer.fill(100 + round..101 + round).await;
        for process in [&moved, &left_behind] {
            let expected: Vec<_> = (100..=100 + round).collect();
            assert_eq!(late(&process.db).await, expected, "round {round}");
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    // The last one that talks to the old one goes, and the index comes back from what is left of the new one.
    left_behind.db.close().await;
    moved.told.forget();
    moved.told.until(RebuildPhase::Ready).await;
    assert_eq!(
        moved.on_shelf("shelf-7").await,
        (vec!["00007".to_owned(), "00107".to_owned()], false)
    );
    moved.db.close().await;
}

/// Rule S6: one program was started with an index in a file of its machine, the others with a server.
#[cfg(feature = "local-index")]
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

/// The collection, and its definitions, as the index is asked for them.
async fn placed(world: &World, db: &Db) -> (IndexedCollection, Vec<Placed>) {
    let catalog = catalog(world).await;
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    let definitions = catalog["definitions"].as_object().unwrap().iter();
    let placed = definitions.map(|(name, entry)| Placed {
        definition: name.clone(),
        number: u32::try_from(number(&entry["number"])).unwrap(),
        generation: number(&entry["backends"]["memory"]["generation"]),
    });
    let collection = IndexedCollection {
        database: Nonce::parse(db.database_id()).unwrap(),
        name: "items".to_owned(),
        shards: 1,
        key_kind: KeyKind::Text,
        instance: catalog["instances"]["memory"].as_str().unwrap().to_owned(),
    };
    (collection, placed.collect())
}

/// Watches `restore` in `maintenance/verify/scope.rs`: the object bears a write that is not decided, and stays as it is when it is
/// decided. If the tag were told, a rebuild would take what the document was for what it is.
#[tokio::test(start_paused = true)]
async fn verification_vouches_for_no_document_that_is_not_decided() {
    let world = World::new(9);
    let index = MemoryIndex::new();
    let store = Mortal::over(world.store.clone());
    let doomed = Process::on(&world, 0, &index, store.clone()).await;
    doomed.fill(0..10).await;
    let healthy = Process::start(&world, 1, &index).await;
    assert_eq!(healthy.on_shelf("shelf-7").await.0, ["00007"]);
    let (collection, placed) = placed(&world, &healthy.db).await;
    let stale = IndexEntry {
        placed: placed[0].clone(),
        value: text("nowhere"),
        tag: None,
    };
    for number in [3, 4] {
        announce_stale(&index, &collection, &placed, &item(number).id, &stale).await;
    }

    // Its intent lies on the documents 3 and 5.
    store.stop_at_put("_tx/");
    let dying = doomed.db.transaction(|tx| async move {
        for number in [3, 5] {
            let mut item = Item::get(&tx, &item(number).id).required().await?;
            item.shelf = "elsewhere".to_owned();
            item.save(&tx).await?;
        }
        Ok(())
    });
    let ended = tokio::time::timeout(Duration::from_secs(2), dying).await;
    assert!(ended.is_err(), "{ended:?}");
    let verified = healthy.db.verify_indexes().of::<Item>().repair();
    let report = verified.await.unwrap();
    assert!(report.extra() >= 2, "{report}");
    let ids = [3, 4].map(|number| id(&item(number).id));
    let known = index.known(&collection, &placed, &ids).await.unwrap();
    assert_eq!([known[0].is_some(), known[1].is_some()], [false, true]);
    healthy.db.close().await;
}

/// An entry that nobody needs, and the outcome of whose write nobody told.
async fn announce_stale(
    index: &MemoryIndex,
    collection: &IndexedCollection,
    placed: &[Placed],
    plain: &str,
    stale: &IndexEntry,
) {
    let announcement = Announcement {
        id: id(plain),
        base: 1,
        write: Nonce::from_random([9; 13]),
        entries: vec![stale.clone()],
        placed: placed.to_vec(),
    };
    index.announce(collection, &announcement).await.unwrap();
}
