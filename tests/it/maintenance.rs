//! Definitions that come later, rebuilding, and sweeping.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use smarterbase::prelude::*;
use smarterbase_core::{format::Key, port::Clock};
use smarterbase_testkit::{
    MemoryIndex, invariant,
    sweep::{Latencies, LatentStore, World},
};

/// The program before the definitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "members")]
struct Before {
    #[key]
    id: String,
    email: String,
    city: String,
}

/// The program after them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "members")]
struct Member {
    #[key]
    id: String,
    #[unique(lower)]
    email: String,
    #[index]
    city: String,
}

fn before(id: &str, email: &str) -> Before {
    Before {
        id: id.into(),
        email: email.into(),
        city: "Paris".into(),
    }
}

fn member(id: &str, email: &str) -> Member {
    Member {
        id: id.into(),
        email: email.into(),
        city: "Paris".into(),
    }
}

async fn open(world: &World, client: u64) -> Db {
    let builder = world.builder(client, world.store.clone());
    builder
        .in_flight_bound(Duration::from_secs(2))
        .open()
        .await
        .unwrap()
}

async fn json_at(world: &World, path: &str) -> serde_json::Value {
    let object = world
        .store
        .get(&Key::from_stored(path))
        .await
        .unwrap()
        .unwrap();
    serde_json::from_slice(&object.bytes).unwrap()
}

async fn assert_sound(world: &World, db: &Db) {
    let mut wrong = invariant::damage::<Member>(&*world.store).await;
    wrong.extend(invariant::wrong_answers::<Member>(db, &*world.store).await);
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn s10_new_definitions_are_pending_until_they_are_built_and_disturb_nobody() {
    let world = World::new(1);
    let (old, new) = (open(&world, 0).await, open(&world, 1).await);
    for number in 0..20 {
        Before::create(
            &old,
            before(&format!("m{number:02}"), &format!("{number}@x.org")),
        )
        .await
        .unwrap();
    }
    // Pending: the new program scans, the old one goes on.
    assert_eq!(Member::find_by_city(&new, "Paris").await.unwrap().len(), 20);
    assert!(
        Member::find_by_email(&new, "7@X.org")
            .await
            .unwrap()
            .is_some()
    );
    Member::create(&new, member("n1", "n1@x.org"))
        .await
        .unwrap();
    Before::create(&old, before("n2", "n2@x.org"))
        .await
        .unwrap();
    let catalog = json_at(&world, "_sys/collection/members.json").await;
    let states: Vec<_> = catalog["definitions"]
        .as_object()
        .unwrap()
        .values()
        .map(|entry| {
            entry
                .get("state")
                .cloned()
                .unwrap_or_else(|| entry["backends"]["objects"]["state"].clone())
        })
        .collect();
    assert_eq!(states, [json!("pending"), json!("pending")]);
    old.close().await;

    let mut loaded = Member::get(&new, &"m03".to_owned())
        .required()
        .await
        .unwrap();
    let report = new.rebuild_indexes::<Member>().await.unwrap();
    assert_eq!((report.documents, report.built.len()), (22, 2));
    assert_sound(&world, &new).await;
    let before_count = new.request_counts().snapshot();
    assert_eq!(Member::find_by_city(&new, "Paris").await.unwrap().len(), 22);
    assert_eq!((new.request_counts().snapshot() - before_count).gets, 22);
    let refused = Member::create(&new, member("n3", "3@X.ORG"))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind(), refused.field(), refused.holder()),
        (ErrorKind::Unique, Some("email"), Some("members/m03"))
    );

    // s21: the rebuild rewrote what was loaded before; that is no change of the document.
    let rewritten = json_at(&world, "members/m03.json").await;
    assert_eq!(rewritten["_sb"]["rewrite"], true);
    loaded.city = "Rome".into();
    loaded.save(&new).await.unwrap();
    let saved = json_at(&world, "members/m03.json").await;
    assert_eq!(saved["_sb"]["prev"][0][2], true);
    assert_sound(&world, &new).await;
}

#[tokio::test(start_paused = true)]
async fn an_older_program_must_not_write_past_a_unique_definition_and_takes_an_index_down() {
    let world = World::new(1);
    let new = open(&world, 0).await;
    Member::create(&new, member("a", "a@x.org")).await.unwrap();
    let old = open(&world, 1).await;
    let refused = Before::create(&old, before("b", "A@x.org"))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Refused, "SB-DEFINITION")
    );
    assert!(Before::get(&old, &"b".to_owned()).await.unwrap().is_none());
    assert_sound(&world, &new).await;
}

#[tokio::test(start_paused = true)]
async fn duplicates_are_named_and_the_definition_is_not_ready_until_they_are_gone() {
    for seed in 0..12 {
        let world = World::new(seed);
        let old = open(&world, 0).await;
        for (id, email) in [
            ("a", "x@x.org"),
            ("b", "X@x.org"),
            ("c", "c@x.org"),
            ("d", "x@X.org"),
        ] {
            Before::create(&old, before(id, email)).await.unwrap();
        }
        old.close().await;
        // The documents are rewritten side by side, so their claims race.
        let latencies = Latencies {
            get: Duration::from_millis(10),
            put: Duration::from_millis(20),
            list: Duration::from_millis(25),
        };
        let latent = LatentStore::random(world.store.clone(), latencies, seed);
        let db = world.builder(1, Arc::new(latent)).open().await.unwrap();
        let refused = db
            .rebuild_indexes::<Member>()
            .await
            .expect_err("two documents too many");
        assert_eq!(refused.kind(), ErrorKind::Unique);
        let text = refused.to_string();
        assert!(
            text.contains("2 document(s)") && text.contains("\"email\" of members/"),
            "{text}"
        );
        assert!(!text.contains("x.org"), "no values: {text}");

        let holder = Member::find_by_email(&db, "x@x.org")
            .await
            .unwrap()
            .unwrap()
            .id
            .clone();
        for id in ["a", "b", "d"] {
            if id != holder {
                Member::update(&db, &id.to_owned(), |member| {
                    member.email = format!("{}@y.org", member.id);
                    Ok(())
                })
                .await
                .unwrap();
            }
        }
        let report = db.rebuild_indexes::<Member>().await.unwrap();
        assert!(report.built.iter().any(|name| name.starts_with("email-")));
        assert_sound(&world, &db).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_duplicates_ten_are_named_and_all_are_counted() {
    let world = World::new(1);
    let old = open(&world, 0).await;
    for number in 0..13 {
        let id = format!("{number:02}");
        Before::create(&old, before(&id, "x@x.org")).await.unwrap();
    }
    old.close().await;
    let db = open(&world, 1).await;
    let refused = db
        .rebuild_indexes::<Member>()
        .await
        .expect_err("duplicates");
    let text = refused.to_string();
    assert!(
        text.contains("12 document(s)") && text.contains("(2 more)"),
        "{text}"
    );
    assert_eq!(text.matches("\"email\" of members/").count(), 10, "{text}");
    db.close().await;
}

/// The program with the index, before the unique value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "members")]
struct Indexed {
    #[key]
    id: String,
    email: String,
    #[index]
    city: String,
}

/// Watches `goes_on_with_some` in `maintenance/rebuild.rs`: the second run begins nothing anew, and is the one that builds all
/// the same.
#[tokio::test(start_paused = true)]
async fn a_unique_definition_that_an_earlier_run_left_building_is_filled_before_it_is_ready() {
    let world = World::new(1);
    let index = MemoryIndex::new();
    let open = |client| {
        let builder = world.builder(client, world.store.clone());
        let builder = builder.in_flight_bound(Duration::from_secs(2));
        builder.index(Arc::new(index.from_another_process())).open()
    };
    let old = open(0).await.unwrap();
    let indexed = Indexed {
        id: "a".into(),
        email: "a@x.org".into(),
        city: "Paris".into(),
    };
    Indexed::create(&old, indexed).await.unwrap();
    old.close().await;
    let first = open(1).await.unwrap();
    let begun = first.rebuild_indexes::<Member>();
    let begun = tokio::time::timeout(Duration::from_secs(1), begun).await;
    assert!(begun.is_err(), "{begun:?}");
    first.close().await;

    let db = open(2).await.unwrap();
    let report = db.rebuild_indexes::<Member>().await.unwrap();
    assert_eq!((report.built.len(), report.documents), (1, 1));
    let found = Member::find_by_email(&db, "a@x.org").await.unwrap();
    assert_eq!(found.expect("it has a claim").id, "a");
    let second = Member::create(&db, member("b", "a@x.org")).await;
    let refused = second.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unique);
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn writers_during_a_rebuild_miss_nothing() {
    let world = World::new(1);
    let old = open(&world, 0).await;
    for number in 0..30 {
        Before::create(
            &old,
            before(&format!("m{number:02}"), &format!("{number}@x.org")),
        )
        .await
        .unwrap();
    }
    old.close().await;
    let latent = Arc::new(LatentStore::random(
        world.store.clone(),
        Latencies::CONTRACT,
        3,
    ));
    let builder = world.builder(1, latent.clone());
    let builder_db = builder.open().await.unwrap();
    let writer = world.builder(2, latent).open().await.unwrap();
    Member::create(&writer, member("w", "w@x.org"))
        .await
        .unwrap();
    let (report, ()) = tokio::join!(builder_db.rebuild_indexes::<Member>(), async {
        let until = world.clock.elapsed() + Duration::from_secs(12);
        let mut number = 0;
        while world.clock.elapsed() < until {
            number += 1;
            let id = format!("m{:02}", number % 30);
            let changed = Member::update(&writer, &id, |member| {
                member.city = format!("city {}", number % 4);
                member.email = format!("{number}-{}@y.org", member.id);
                Ok(())
            });
            changed.await.unwrap();
            Member::create(
                &writer,
                member(&format!("n{number:04}"), &format!("n{number}@x.org")),
            )
            .await
            .unwrap();
            if number % 3 == 0 {
                Member::delete(&writer, &format!("n{number:04}"))
                    .await
                    .unwrap();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert_eq!(report.unwrap().built.len(), 2);
    writer.close().await;
    builder_db.close().await;
    let db = open(&world, 3).await;
    assert_sound(&world, &db).await;
}

#[tokio::test(start_paused = true)]
async fn a_sweep_removes_old_tombstones_and_nothing_else() {
    let world = World::new(1);
    let db = world.open(0).await;
    for id in ["a", "b", "c"] {
        Member::create(&db, member(id, &format!("{id}@x.org")))
            .await
            .unwrap();
    }
    Member::delete(&db, &"a".to_owned()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(25 * 60 * 60)).await;
    Member::delete(&db, &"b".to_owned()).await.unwrap();
    let report = db.sweep::<Member>().await.unwrap();
    assert_eq!((report.seen, report.removed, report.kept), (3, 1, 1));
    let dump = invariant::dump(&*world.store).await;
    let members: Vec<_> = dump
        .keys()
        .filter(|key| key.starts_with("members/"))
        .collect();
    assert_eq!(members, ["members/b.json", "members/c.json"]);
    // An id that was swept can live again.
    Member::create(&db, member("a", "a@x.org")).await.unwrap();
    assert_sound(&world, &db).await;
}

#[tokio::test(start_paused = true)]
async fn a_short_retention_never_undercuts_a_write_on_its_way() {
    let world = World::new(1);
    let builder = world
        .builder(0, world.store.clone())
        .retention(Duration::ZERO);
    let db = builder.open().await.unwrap();
    Member::create(&db, member("a", "a@x.org")).await.unwrap();
    Member::delete(&db, &"a".to_owned()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(db.sweep::<Member>().await.unwrap().removed, 0);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(db.sweep::<Member>().await.unwrap().removed, 1);
}

#[tokio::test(start_paused = true)]
async fn s10_retired_unique_definition_no_longer_stops_a_program_without_it() {
    let world = World::new(41);
    let newer = open(&world, 1).await;
    Member::create(&newer, member("ada", "ada@example.org"))
        .await
        .unwrap();
    let older = open(&world, 2).await;
    let refused = Before::create(&older, before("eve", "eve@example.org"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "SB-DEFINITION");

    let definitions = older.definitions::<Before>().await.unwrap();
    let unique = definitions.iter().find(|one| one.state.is_some()).unwrap();
    assert_eq!((unique.state, unique.is_declared), (Some("ready"), false));
    let declared = newer.retire::<Member>(&unique.name).await.unwrap_err();
    assert_eq!(declared.code(), "SB-DEFINITION");

    assert!(older.retire::<Before>(&unique.name).await.unwrap());
    assert!(!older.retire::<Before>(&unique.name).await.unwrap());
    Before::create(&older, before("eve", "eve@example.org"))
        .await
        .unwrap();
    assert!(Before::exists(&older, &"eve".to_owned()).await.unwrap());
}
