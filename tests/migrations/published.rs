//! The schema that a store knows, and programs that have another one.

use std::sync::Arc;

use smarterbase::prelude::*;
use smarterbase_testkit::{
    CallKind, FaultStore,
    sweep::{Latencies, LatentStore, World},
};

use crate::{
    tasks::{
        LooseTask, OldTask, forked, forked_from_two, old, on_read, other, path, sealed, world_with,
    },
    world::{json, paths, text},
};

fn id(id: &str) -> String {
    id.to_owned()
}

fn code(error: smarterbase::Error) -> (&'static str, ErrorKind) {
    (error.code(), error.kind())
}

const DRIFT: (&str, ErrorKind) = ("SB-SCHEMA-DRIFT", ErrorKind::Misconfigured);

async fn counted(world: &World, client: u64) -> (Arc<FaultStore>, Db) {
    let store = Arc::new(FaultStore::recording(world.store.clone()));
    let db = world.builder(client, store.clone()).open().await.unwrap();
    store.log().clear();
    (store, db)
}

#[tokio::test(start_paused = true)]
async fn a_sealed_version_is_published_before_its_first_document() {
    let world = World::new(3);
    let (store, db) = counted(&world, 1).await;
    OldTask::create(&db, old("a")).await.unwrap();
    let lines = store.log().lines();
    let at = |start: &str| {
        let found = lines.iter().position(|line| line.contains(start));
        found.unwrap_or_else(|| panic!("no {start} in {lines:#?}"))
    };
    assert!(at("Create _schema/tasks/1.json") < at("Create tasks/a.json"));
    assert!(at("Create _schema/tasks/1.json") < at("_sys/collection/tasks.json"));
    let published = json(&world, "_schema/tasks/1.json").await;
    assert_eq!(published["version"], 1);
    assert_eq!(published["key"], "id");
    assert_eq!(published["fields"]["hours"], "String");
    let lock = include_str!("schema/tasks/tasks.toml");
    let digest = published["digest"].as_str().unwrap();
    assert!(lock.contains(&format!("digest = \"{digest}\"")), "{lock}");
}

#[tokio::test(start_paused = true)]
async fn it_costs_one_get_for_each_version_per_process_and_type() {
    let world = world_with(&["a"]).await;
    let (store, db) = counted(&world, 1).await;
    let gets = || store.log().count(CallKind::Get);
    OldTask::get(&db, &id("a")).await.unwrap();
    assert_eq!((gets(), store.log().count(CallKind::Create)), (1 + 1, 0));
    OldTask::get(&db, &id("a")).await.unwrap();
    assert_eq!(gets(), 3);
    // Another type of the collection asks for its own versions, once.
    sealed::Task::get(&db, &id("a")).await.unwrap();
    assert_eq!((gets(), store.log().count(CallKind::Create)), (3 + 3, 1));
    sealed::Task::get(&db, &id("a")).await.unwrap();
    assert_eq!(gets(), 7);
    // Versions below its `min_version` are not asked for, and nothing is published twice. Its definitions are others: what
    // programs without the type need of them is added once.
    let (store, db) = counted(&world, 2).await;
    forked_from_two::Task::get(&db, &id("none")).await.unwrap();
    assert_eq!(store.log().count(CallKind::Get), 1 + 1 + 1);
    assert_eq!(store.log().count(CallKind::Create), 1);
    let (store, db) = counted(&world, 3).await;
    forked_from_two::Task::get(&db, &id("none")).await.unwrap();
    assert_eq!(store.log().count(CallKind::Get), 1 + 1 + 1);
    assert_eq!(store.log().count(CallKind::Create), 0);
}

#[tokio::test(start_paused = true)]
async fn all_versions_are_asked_for_at_once() {
    let world = world_with(&["a"]).await;
    sealed::Task::get(&world.open(1).await, &id("a"))
        .await
        .unwrap();
    let latencies = Latencies::CONTRACT;
    let latent = Arc::new(LatentStore::exact(world.store.clone(), latencies));
    let db = world.builder(2, latent).open().await.unwrap();
    let began = tokio::time::Instant::now();
    sealed::Task::get(&db, &id("a")).await.unwrap();
    assert_eq!(began.elapsed(), latencies.get * 2);
}

/// Its version 2 is the published one, so only documents of version 1 would be read wrongly.
#[tokio::test(start_paused = true)]
async fn another_shape_of_an_older_version_is_refused_before_any_document() {
    let world = world_with(&["a"]).await;
    sealed::Task::get(&world.open(1).await, &id("a"))
        .await
        .unwrap();
    let (store, drifted) = counted(&world, 2).await;
    let error = forked::Task::get(&drifted, &id("a")).await.unwrap_err();
    let text = error.to_string();
    let wanted = "version 1 of `Task` is not the one that was published in _schema/tasks/1.json (different: hours)";
    assert!(text.contains(wanted), "{text}");
    assert_eq!(code(error), DRIFT);
    let task = forked::Task {
        id: id("b"),
        slug: id("b"),
        name: id("b"),
        hours: 1,
        done: false,
    };
    let error = forked::Task::create(&drifted, task).await.unwrap_err();
    assert_eq!(code(error), DRIFT);
    let lines = store.log().lines();
    let touches = |line: &&String| line.contains("Get tasks/") || line.contains("Create");
    assert_eq!(lines.iter().find(touches), None, "{lines:#?}");
    // Whoever does not read version 1 any more has nothing to do with it.
    forked_from_two::Task::exists(&drifted, &id("b"))
        .await
        .unwrap();
}

/// The newer program comes first: the older version is published all the same, so that a program which writes it otherwise is
/// refused instead of being read wrongly.
#[tokio::test(start_paused = true)]
async fn every_version_that_is_read_is_published_and_nothing_of_a_program_that_is_refused() {
    let world = World::new(3);
    let db = world.open(1).await;
    forked::Task::get(&db, &id("a")).await.unwrap();
    let both = ["_schema/tasks/1.json", "_schema/tasks/2.json"];
    assert_eq!(paths(&world, "_schema/").await, both);
    let published = json(&world, both[0]).await;
    assert_eq!(published["version"], 1);
    assert_eq!(published["fields"]["hours"], "u32");
    let refused = OldTask::create(&db, old("a")).await.unwrap_err();
    assert_eq!(code(refused), DRIFT);

    let world = World::new(4);
    OldTask::create(&world.open(1).await, old("a"))
        .await
        .unwrap();
    let refused = forked::Task::get(&world.open(2).await, &id("a")).await;
    assert_eq!(code(refused.unwrap_err()), DRIFT);
    assert_eq!(paths(&world, "_schema/").await, both[..1]);
}

/// The draft itself is free, what lies behind it is not.
#[tokio::test(start_paused = true)]
async fn a_draft_over_another_older_version_is_refused() {
    let world = World::new(3);
    forked::Task::get(&world.open(1).await, &id("a"))
        .await
        .unwrap();
    let drifted = world.open(2).await;
    let error = on_read::Task::get(&drifted, &id("a")).await.unwrap_err();
    assert!(error.to_string().contains("version 1 of `Task`"), "{error}");
    assert_eq!(code(error), DRIFT);
}

#[tokio::test(start_paused = true)]
async fn programs_that_publish_at_the_same_time_agree() {
    let world = World::new(3);
    let (first, second) = (world.open(1).await, world.open(2).await);
    let (one, two) = tokio::join!(async { OldTask::create(&first, old("a")).await }, async {
        OldTask::create(&second, old("b")).await
    },);
    one.unwrap();
    two.unwrap();
    assert_eq!(paths(&world, "_schema/").await, ["_schema/tasks/1.json"]);
}

#[tokio::test(start_paused = true)]
async fn another_shape_of_a_known_version_is_refused_before_any_document() {
    let world = world_with(&["a"]).await;
    let db = world.open(1).await;
    sealed::Task::get(&db, &id("a")).await.unwrap();
    let before = text(&world, &path("a")).await;
    let catalog = text(&world, "_sys/collection/tasks.json").await;
    let (store, drifted) = counted(&world, 2).await;
    let task = || other::Task {
        id: id("b"),
        slug: id("b"),
        title: id("b"),
        hours: 1,
    };
    let refused = [
        other::Task::get(&drifted, &id("a"))
            .await
            .map(drop)
            .unwrap_err(),
        other::Task::exists(&drifted, &id("a"))
            .await
            .map(drop)
            .unwrap_err(),
        other::Task::create(&drifted, task())
            .await
            .map(drop)
            .unwrap_err(),
        other::Task::upsert(&drifted, task())
            .await
            .map(drop)
            .unwrap_err(),
        other::Task::update(&drifted, &id("a"), |_| Ok(()))
            .await
            .map(drop)
            .unwrap_err(),
        other::Task::delete(&drifted, &id("a"))
            .await
            .map(drop)
            .unwrap_err(),
        other::Task::list(&drifted)
            .page(1)
            .await
            .map(drop)
            .unwrap_err(),
        other::Task::find_by_slug(&drifted, "slug-a")
            .await
            .map(drop)
            .unwrap_err(),
        other::Task::find_by_title(&drifted, "Title a")
            .await
            .map(drop)
            .unwrap_err(),
        other::Task::query(&drifted)
            .scan()
            .await
            .map(drop)
            .unwrap_err(),
        drifted
            .migrate::<other::Task>()
            .await
            .map(drop)
            .unwrap_err(),
        drifted
            .migrate::<other::Task>()
            .plan()
            .await
            .map(drop)
            .unwrap_err(),
        drifted
            .rebuild_indexes::<other::Task>()
            .await
            .map(drop)
            .unwrap_err(),
        drifted
            .transaction(|tx| async move { other::Task::get(&tx, &id("a")).await.map(drop) })
            .await
            .unwrap_err(),
    ];
    for error in refused {
        let text = error.to_string();
        assert!(
            text.contains("(different: done, hours, name, title)"),
            "{text}"
        );
        assert_eq!(code(error), DRIFT);
    }
    let lines = store.log().lines();
    let touches = |line: &&String| {
        line.contains("Get tasks/") || line.contains("Swap") || line.contains("Create")
    };
    assert_eq!(lines.iter().find(touches), None, "{lines:#?}");
    assert_eq!(text(&world, &path("a")).await, before);
    assert_eq!(text(&world, "_sys/collection/tasks.json").await, catalog);
}

#[tokio::test(start_paused = true)]
async fn a_draft_of_a_published_version_must_be_the_published_one() {
    let world = world_with(&["a"]).await;
    let db = world.open(1).await;
    // Nobody has published version 2, so a draft of it is free.
    on_read::Task::get(&db, &id("a")).await.unwrap();
    other::Task::get(&db, &id("a")).await.unwrap();
    let published = json(&world, "_schema/tasks/2.json").await;
    assert_eq!(published["fields"]["hours"], "u64");
    let next = world.open(2).await;
    let error = on_read::Task::get(&next, &id("a")).await.unwrap_err();
    assert_eq!(code(error), DRIFT);

    let world = world_with(&["a"]).await;
    let db = world.open(1).await;
    sealed::Task::get(&db, &id("a")).await.unwrap();
    on_read::Task::get(&db, &id("a")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unsealed_type_is_refused_where_its_collection_is_sealed() {
    let world = World::new(3);
    let db = world.open(1).await;
    let task = LooseTask {
        id: id("a"),
        slug: id("a"),
        title: id("a"),
        hours: id("8"),
    };
    LooseTask::create(&db, task).await.unwrap();
    OldTask::get(&db, &id("a")).await.unwrap();
    let next = world.open(2).await;
    let error = LooseTask::get(&next, &id("a")).await.unwrap_err();
    assert_eq!(code(error), DRIFT);
}

#[tokio::test(start_paused = true)]
async fn a_store_for_sealed_types_only_refuses_drafts_for_good() {
    let world = world_with(&["a"]).await;
    let open = async |client, mark| {
        let builder = world.builder(client, world.store.clone());
        builder.sealed_only(mark).open().await.unwrap()
    };
    let before = open(1, false).await;
    on_read::Task::get(&before, &id("a")).await.unwrap();
    drop(open(2, true).await);
    let settings = json(&world, "_sys/format.json").await;
    assert_eq!(settings["sealed_only"], true);
    assert_eq!(settings["_sb"]["rev"], 2);
    for (client, mark) in [(3, false), (4, true)] {
        let db = open(client, mark).await;
        let refused = on_read::Task::get(&db, &id("a")).await.unwrap_err();
        assert!(refused.to_string().contains("cargo smarterbase seal"));
        assert_eq!(code(refused), DRIFT);
        let refused = LooseTask::get(&db, &id("a")).await.unwrap_err();
        assert_eq!(code(refused), DRIFT);
        OldTask::get(&db, &id("a")).await.unwrap();
        sealed::Task::get(&db, &id("a")).await.unwrap();
    }
    let settings = json(&world, "_sys/format.json").await;
    assert_eq!(settings["_sb"]["rev"], 2, "marked once");
    // A new store is born with the mark.
    let fresh = World::new(9);
    let builder = fresh.builder(1, fresh.store.clone());
    let db = builder.sealed_only(true).open().await.unwrap();
    let refused = on_read::Task::get(&db, &id("a")).await.unwrap_err();
    assert_eq!(code(refused), DRIFT);
    assert_eq!(json(&fresh, "_sys/format.json").await["sealed_only"], true);
}

#[tokio::test(start_paused = true)]
async fn a_read_only_database_publishes_nothing_and_reads() {
    let world = world_with(&["a"]).await;
    let builder = world.builder(1, world.store.clone()).read_only(true);
    let db = builder.open().await.unwrap();
    sealed::Task::get(&db, &id("a")).await.unwrap().unwrap();
    assert_eq!(paths(&world, "_schema/").await, ["_schema/tasks/1.json"]);
}
