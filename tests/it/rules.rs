//! The safety rules, seen from the facade: each test says which line it watches.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use smarterbase::prelude::*;
use smarterbase_core::{
    format::{Key, envelope},
    port::{Attempt, Clock, Expect},
};
use smarterbase_testkit::{
    CallKind, Fault, FaultStore, invariant,
    sweep::{Attack, Latencies, LatentStore, World},
};

use crate::{
    brittle::Brittle,
    user::{User, id},
};

const CATALOG: &str = "_sys/collection/users.json";
const INSTANT: Latencies = Latencies {
    get: Duration::ZERO,
    put: Duration::ZERO,
    list: Duration::ZERO,
};

async fn read(world: &World, path: &str) -> Value {
    let object = world.store.get(&Key::from_stored(path)).await.unwrap();
    serde_json::from_slice(&object.expect("an object").bytes).unwrap()
}

async fn replace(world: &World, path: &str, value: &Value) {
    let key = Key::from_stored(path);
    let expect = match world.store.get(&key).await.unwrap() {
        Some(object) => Expect::Exactly(object.version),
        None => Expect::Absent,
    };
    let put = world
        .store
        .put(&key, &expect, value.to_string().into())
        .await;
    assert!(matches!(put, Attempt::Applied(_)));
}

async fn assert_sound(world: &World) {
    let db = world.open(99).await;
    let mut wrong = invariant::damage::<User>(&*world.store).await;
    wrong.extend(invariant::wrong_answers::<User>(&db, &*world.store).await);
    db.close().await;
    wrong.extend(invariant::damage::<User>(&*world.store).await);
    assert_eq!(wrong, Vec::<String>::new());
}

fn index_state<'a>(catalog: &'a Value, name: &str, backend: &str) -> &'a Value {
    let definitions = catalog["definitions"].as_object().unwrap();
    let (_, entry) = definitions
        .iter()
        .find(|(key, _)| key.starts_with(name))
        .unwrap();
    &entry["backends"][backend]
}

/// Watches `still_agreed` in `operation/write.rs`: without it the put follows the slow entries at once.
#[tokio::test(start_paused = true)]
async fn s01_a_write_is_not_sent_on_an_old_copy_of_the_catalog() {
    let world = World::new(1);
    let first = world.open(0).await;
    User::create(&first, User::new("first")).await.unwrap();
    let slow = Latencies {
        put: Duration::from_secs(6),
        ..INSTANT
    };
    let latent = Arc::new(LatentStore::exact(world.store.clone(), slow));
    let store = Arc::new(FaultStore::recording(latent));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    User::create(&db, User::new("ada")).await.unwrap();
    let calls = store.log().calls();
    let put = calls
        .iter()
        .position(|call| call.path == "users/ada.json")
        .unwrap();
    let last_entry = calls
        .iter()
        .rposition(|call| call.path.starts_with("_index/"))
        .unwrap();
    let renewed = calls
        .iter()
        .rposition(|call| call.path == CATALOG && call.kind == CallKind::Get);
    assert!(
        (last_entry..put).contains(&renewed.unwrap()),
        "{:#?}",
        store.log().lines()
    );
}

/// Watches the fresh `write` of every try in `operation/write.rs`: the first try's entries are withdrawn, and their removal
/// may arrive once more after the second try announced its own.
#[tokio::test(start_paused = true)]
async fn a_second_try_announces_under_names_of_its_own() {
    let world = World::new(1);
    let first = world.open(0).await;
    User::create(&first, User::new("first")).await.unwrap();
    let slow = Latencies {
        put: Duration::from_secs(6),
        ..INSTANT
    };
    let latent = Arc::new(LatentStore::exact(world.store.clone(), slow));
    let store = Arc::new(FaultStore::recording(latent));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    let (created, ()) = tokio::join!(async { User::create(&db, User::new("ada")).await }, async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let mut catalog = read(&world, CATALOG).await;
        catalog["_sb"]["rev"] = json!(70);
        // A new revision alone may be a sign of life of a rebuild, by which writers do the same.
        catalog["agreed"] = json!("something else");
        replace(&world, CATALOG, &catalog).await;
    });
    created.unwrap();
    db.close().await;
    let calls = store.log().calls();
    let announced: Vec<_> = calls
        .iter()
        .filter(|call| call.kind == CallKind::Create && call.path.starts_with("_index/"))
        .map(|call| call.path.as_str())
        .collect();
    assert_eq!(announced.len(), 10, "two tries: {announced:#?}");
    let distinct: std::collections::BTreeSet<_> = announced.iter().collect();
    assert_eq!(distinct.len(), 10);
    assert_sound(&world).await;
}

/// Watches `change.envelope.catalog` in `operation/plan.rs`.
#[tokio::test(start_paused = true)]
async fn s02_a_document_names_the_catalog_that_its_write_used() {
    let world = World::new(1);
    let db = world.open(0).await;
    let mut ada = User::create(&db, User::new("ada")).await.unwrap();
    let revision = read(&world, CATALOG).await["_sb"]["rev"].clone();
    assert_eq!(
        read(&world, "users/ada.json").await["_sb"]["catalog"],
        revision
    );

    let mut catalog = read(&world, CATALOG).await;
    catalog["_sb"]["rev"] = json!(70);
    replace(&world, CATALOG, &catalog).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    ada.age = 31;
    ada.save(&db).await.unwrap();
    assert_eq!(read(&world, "users/ada.json").await["_sb"]["catalog"], 70);
}

/// Watches `hold` in `operation/settle.rs`: without it the reply comes while a reader still believes the index.
#[tokio::test(start_paused = true)]
async fn s03_a_reply_waits_until_nobody_believes_the_lost_index() {
    let world = World::new(1);
    let brittle = Brittle::new(&world);
    let writer = brittle.open(&world, 0).await;
    let mut ada = User::create(&writer, User::new("ada").plan("pro"))
        .await
        .unwrap();
    let reader = brittle.open(&world, 1).await;
    assert_eq!(User::find_by_plan(&reader, "pro").await.unwrap().len(), 1);

    brittle.break_down(true);
    let started = world.clock.elapsed();
    User::create(&writer, User::new("bob").plan("pro"))
        .await
        .unwrap();
    assert!(world.clock.elapsed() - started >= Duration::from_millis(5_500));
    assert_eq!(User::find_by_plan(&reader, "pro").await.unwrap().len(), 2);

    // A process that sees the loss for the first time holds as well, but not for what changes no entry.
    let third = brittle.open(&world, 2).await;
    let started = world.clock.elapsed();
    ada.marks.push(1);
    ada.save(&third).await.unwrap();
    assert!(world.clock.elapsed() - started < Duration::from_millis(100));
    ada.plan = "team".into();
    ada.save(&third).await.unwrap();
    assert!(world.clock.elapsed() - started >= Duration::from_millis(5_500));
}

/// Watches `is_current(engine).then_some(page)` in `query/index_walk.rs`.
#[tokio::test(start_paused = true)]
async fn s04_an_answer_of_an_index_is_believed_only_on_a_young_copy_of_the_catalog() {
    let world = World::new(1);
    let brittle = Brittle::new(&world);
    let db = brittle.open(&world, 0).await;
    User::create(&db, User::new("ada")).await.unwrap();
    brittle.stall_next_scan(Duration::from_secs(6));
    assert_eq!(User::find_by_plan(&db, "free").await.unwrap().len(), 1);
    assert_eq!(brittle.scans(), 2);
}

/// Watches `is_built` in `maintenance/rebuild.rs`.
#[tokio::test(start_paused = true)]
async fn s05_a_rebuild_does_not_make_ready_what_was_lost_again_meanwhile() {
    let world = World::new(1);
    let brittle = Brittle::new(&world);
    let db = brittle.open(&world, 0).await;
    User::create(&db, User::new("ada")).await.unwrap();
    brittle.break_down(true);
    User::create(&db, User::new("bob")).await.unwrap();
    let down = read(&world, CATALOG).await;
    assert_eq!(index_state(&down, "plan", "brittle")["state"], "down");

    brittle.break_down(false);
    let other = brittle.open(&world, 1).await;
    let (report, ()) = tokio::join!(db.rebuild_indexes::<User>(), async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        brittle.break_down(true);
        User::create(&other, User::new("eve")).await.unwrap();
        brittle.break_down(false);
    });
    assert_eq!(report.unwrap().built, Vec::<String>::new());
    let catalog = read(&world, CATALOG).await;
    let plan = index_state(&catalog, "plan", "brittle");
    assert_eq!(plan["state"], "down");
    assert_eq!(plan["generation"], 4); // ready 1, down 2, building 3, down 4
    assert_eq!(User::find_by_plan(&db, "free").await.unwrap().len(), 3);

    let built = db.rebuild_indexes::<User>().await.unwrap().built;
    assert!(built.iter().any(|name| name.starts_with("plan-")));
    assert_eq!(User::find_by_plan(&db, "free").await.unwrap().len(), 3);
}

/// Watches `check_backends` in `operation/attach/fit.rs`, and `missing_backends` in `operation/write.rs`.
#[tokio::test(start_paused = true)]
async fn s06_nobody_writes_past_an_index_backend_that_others_rely_on() {
    let world = World::new(1);
    let brittle = Brittle::new(&world);
    let with = brittle.open(&world, 0).await;
    User::create(&with, User::new("ada")).await.unwrap();

    let without = world.open(1).await;
    let refused = User::create(&without, User::new("bob")).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Misconfigured, "SB-NO-SUCH-BACKEND")
    );
    assert!(User::get(&with, &id("bob")).await.unwrap().is_none());

    let builder = world
        .builder(2, world.store.clone())
        .abandon_missing_backends(true);
    let abandoning = builder.open().await.unwrap();
    User::create(&abandoning, User::new("bob")).await.unwrap();
    // The one with the backend sees that it is down, and finds both.
    assert_eq!(User::find_by_plan(&with, "free").await.unwrap().len(), 2);
}

/// Watches `old_entries` in `operation/plan.rs`: a document without tags has its entries announced anew.
#[tokio::test(start_paused = true)]
async fn s07_a_document_lists_a_tag_only_for_an_entry_that_is_there() {
    let world = World::new(1);
    let brittle = Brittle::new(&world);
    let db = brittle.open(&world, 0).await;
    let mut ada = User::create(&db, User::new("ada")).await.unwrap();
    brittle.break_down(true);
    ada.plan = "pro".into();
    ada.save(&db).await.unwrap();
    assert!(
        read(&world, "users/ada.json").await["_sb"]
            .get("index")
            .is_none_or(|index| index == &json!({}))
    );
    brittle.break_down(false);
    db.rebuild_indexes::<User>().await.unwrap();
    assert_eq!(User::find_by_plan(&db, "pro").await.unwrap().len(), 1);
    ada.marks.push(1);
    ada.save(&db).await.unwrap();
    let tags = read(&world, "users/ada.json").await["_sb"]["index"].clone();
    assert_eq!(tags.as_object().unwrap().len(), 4);
    db.close().await;
    // Entries that a rebuild made and that are now superfluous go with the next query; the listed ones stay.
    let db = brittle.open(&world, 1).await;
    assert_eq!(User::find_by_plan(&db, "pro").await.unwrap().len(), 1);
    assert_eq!(User::find_by_plan(&db, "free").await.unwrap().len(), 0);
    db.close().await;
    let dump = invariant::dump(&*world.store).await;
    let of_plan: Vec<_> = dump
        .keys()
        .filter(|key| key.starts_with("_index/users/plan-"))
        .collect();
    assert_eq!(of_plan.len(), 1, "{of_plan:?}");
}

/// Watches `is_empty` in `operation/attach/create.rs`.
#[tokio::test(start_paused = true)]
async fn s08_a_new_catalog_over_documents_is_not_believed() {
    let world = World::new(1);
    replace(&world, "users/ada.json", &json!(User::new("ada"))).await;
    let db = world.open(0).await;
    User::create(&db, User::new("bob")).await.unwrap();
    let catalog = read(&world, CATALOG).await;
    assert_eq!(
        index_state(&catalog, "plan", "objects")["state"],
        "building"
    );
    assert_eq!(User::find_by_plan(&db, "free").await.unwrap().len(), 2);
    assert!(
        User::find_by_email(&db, "ada@example.org")
            .await
            .unwrap()
            .is_some()
    );

    let empty = World::new(2);
    let db = empty.open(0).await;
    User::create(&db, User::new("bob")).await.unwrap();
    let catalog = read(&empty, CATALOG).await;
    assert_eq!(index_state(&catalog, "plan", "objects")["state"], "ready");
}

/// Watches `finish_creation` in `operation/agreement.rs`: its maker died between the catalog and the LIST.
#[tokio::test(start_paused = true)]
async fn s08_a_catalog_whose_maker_died_becomes_ready_all_the_same() {
    let world = World::new(1);
    world.open(0).await.close().await;
    // GET format, GET schema, GET catalog, create catalog, then the LIST.
    let store = Arc::new(FaultStore::at(world.store.clone(), 4, Fault::CrashBefore));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    tokio::select! {
        biased;
        () = store.crash() => {}
        created = User::create(&db, User::new("ada")) => panic!("{created:?}"),
    }
    let next = world.open(2).await;
    User::create(&next, User::new("ada")).await.unwrap();
    let catalog = read(&world, CATALOG).await;
    assert_eq!(index_state(&catalog, "plan", "objects")["state"], "ready");
    assert_sound(&world).await;
}

/// Watches `unknown` in `format/catalog.rs`, `has_unknown_state` in `operation/agreement.rs`.
#[tokio::test(start_paused = true)]
async fn s09_what_a_newer_program_wrote_into_the_catalog_stays_and_is_not_written_past() {
    let world = World::new(1);
    let first = world.open(0).await;
    User::create(&first, User::new("ada")).await.unwrap();
    let mut catalog = read(&world, CATALOG).await;
    catalog["future"] = json!({"x": 1});
    let definitions = catalog["definitions"].as_object_mut().unwrap();
    let plan = definitions
        .iter_mut()
        .find(|(name, _)| name.starts_with("plan-"))
        .unwrap()
        .1;
    plan["backends"]["objects"]["state"] = json!("shiny");
    replace(&world, CATALOG, &catalog).await;

    let db = world.open(1).await;
    assert_eq!(User::find_by_plan(&db, "free").await.unwrap().len(), 1); // by scanning
    let refused = User::create(&db, User::new("bob")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let after = read(&world, CATALOG).await;
    assert_eq!(
        (&after["future"], index_state(&after, "plan", "objects")),
        (
            &json!({"x": 1}),
            &json!({"state": "shiny", "generation": 1})
        )
    );

    let mut needing = after.clone();
    needing["_sb"]["needs"] = json!(["time-travel"]);
    replace(&world, CATALOG, &needing).await;
    let db = world.open(2).await;
    assert_eq!(
        User::create(&db, User::new("bob"))
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(
        User::find_by_plan(&db, "free").await.unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

/// Watches `look_at` in `protocol/claim.rs` and `holds` in `query/unique.rs`.
#[tokio::test(start_paused = true)]
async fn s12_a_claim_counts_only_while_its_owner_lists_it() {
    let world = World::new(1);
    let db = world.open(0).await;
    User::create(&db, User::new("ada")).await.unwrap();
    let mut stored = read(&world, "users/ada.json").await;
    let listed = stored["_sb"]["unique"].as_object().unwrap().clone();
    assert_eq!(listed.len(), 1);
    stored["_sb"]["unique"] = json!({});
    stored["email"] = json!("moved@example.org");
    replace(&world, "users/ada.json", &stored).await;
    assert!(
        User::find_by_email(&db, "ada@example.org")
            .await
            .unwrap()
            .is_none()
    );
    User::create(&db, User::new("bob").email("ada@example.org"))
        .await
        .unwrap();
    assert_eq!(
        User::find_by_email(&db, "ada@example.org")
            .await
            .unwrap()
            .unwrap()
            .id,
        "bob"
    );
}

/// Watches `judge` in `protocol/stale.rs` as queries use it.
#[tokio::test(start_paused = true)]
async fn s13_entries_of_a_dead_insert_stay_for_the_retention_time_and_then_go() {
    let world = World::new(1);
    let first = world.open(0).await;
    User::create(&first, User::new("other")).await.unwrap();
    let store = Arc::new(FaultStore::at(world.store.clone(), 7, Fault::CrashAfter));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    tokio::select! {
        biased;
        () = store.crash() => {}
        created = User::create(&db, User::new("ada").plan("pro")) => panic!("{created:?}"),
    }
    let entries = async |name: &str| {
        let dump = invariant::dump(&*world.store).await;
        dump.keys()
            .filter(|key| key.starts_with("_index/") && key.contains(name))
            .count()
    };
    assert_eq!(entries("/ada.json").await, 5);
    let ask = async |client| {
        let db = world.open(client).await;
        assert_eq!(User::find_by_plan(&db, "pro").await.unwrap().len(), 0);
        db.close().await;
    };
    ask(2).await;
    assert_eq!(entries("/ada.json").await, 5, "an insert may be on its way");
    tokio::time::sleep(Duration::from_secs(25 * 60 * 60)).await;
    ask(3).await;
    assert_eq!(
        entries("/ada.json").await,
        4,
        "the entry that was met is gone"
    );
    assert_eq!(entries("/other.json").await, 5);
}

/// Watches `failure.is_final` in `operation/write.rs`.
#[tokio::test(start_paused = true)]
async fn s15_an_announcement_stays_while_the_outcome_is_unknown() {
    let world = World::new(1);
    let first = world.open(0).await;
    User::create(&first, User::new("other")).await.unwrap();
    // GET format, GET schema, GET catalog, five entries, one claim, then the document: everything from there on is delayed.
    let faults = (9..4_000).map(|call| (call, Fault::ApplyLater));
    let store = Arc::new(FaultStore::with_faults(world.store.clone(), faults));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    let unknown = User::create(&db, User::new("ada").plan("pro"))
        .await
        .unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown);
    db.close().await;
    store.release_delayed().await;
    let next = world.open(2).await;
    assert!(User::get(&next, &id("ada")).await.unwrap().is_some());
    assert_eq!(User::find_by_plan(&next, "pro").await.unwrap().len(), 1);
    assert_sound(&world).await;
}

/// Watches `detach` in `operation/engine.rs`, and that only the caller's future starts another attempt.
#[tokio::test(start_paused = true)]
async fn s18_a_dropped_write_resolves_its_attempt_and_no_more() {
    let world = World::new(1);
    let other = world.open(0).await;
    User::create(&other, User::new("ada")).await.unwrap();
    let slow = Latencies {
        get: Duration::ZERO,
        put: Duration::from_secs(1),
        list: Duration::ZERO,
    };
    let latent = Arc::new(LatentStore::exact(world.store.clone(), slow));
    let store = Arc::new(FaultStore::recording(latent));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    let mark = |mark| {
        move |ada: &mut User| {
            ada.marks.push(mark);
            Ok(())
        }
    };

    // Dropped while the put is on its way: it lands, and `close` waits for it.
    let dropped = tokio::time::timeout(Duration::from_millis(500), async {
        User::update(&db, &id("ada"), mark(1)).await
    });
    assert!(dropped.await.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        User::get(&other, &id("ada")).await.unwrap().unwrap().marks,
        [1]
    );

    // Dropped, and then it loses its race: nobody replays it.
    let dropped = tokio::time::timeout(Duration::from_millis(500), async {
        User::update(&db, &id("ada"), mark(2)).await
    });
    assert!(dropped.await.is_err());
    User::update(&other, &id("ada"), mark(3)).await.unwrap();
    db.close().await;
    assert_eq!(
        User::get(&other, &id("ada")).await.unwrap().unwrap().marks,
        [1, 3]
    );
    assert_eq!(store.log().count(CallKind::Swap), 2);
}

/// Watches `answered` in `protocol/put.rs`, from the facade.
#[tokio::test(start_paused = true)]
async fn s19_a_rejected_put_whose_condition_holds_is_sent_again() {
    let world = World::new(1);
    let first = world.open(0).await;
    let mut ada = User::create(&first, User::new("ada")).await.unwrap();
    // GET format, GET schema, GET catalog, then the document.
    let store = Arc::new(FaultStore::at(world.store.clone(), 3, Fault::Reject));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    ada.marks.push(1);
    ada.save(&db).await.unwrap();
    assert!(store.was_hit());
    assert_eq!(
        User::get(&first, &id("ada")).await.unwrap().unwrap().marks,
        [1]
    );
}

/// Watches `Lineage::holds` in `protocol/lineage.rs`, from the facade.
#[tokio::test(start_paused = true)]
async fn s20_a_save_whose_reply_was_lost_and_that_was_overwritten_since_succeeded() {
    let world = World::new(1);
    let other = world.open(0).await;
    let mut ada = User::create(&other, User::new("ada")).await.unwrap();
    let slow = Latencies {
        get: Duration::from_secs(1),
        ..INSTANT
    };
    let faulty = Arc::new(FaultStore::at(world.store.clone(), 3, Fault::LoseReply));
    let latent = Arc::new(LatentStore::exact(faulty.clone(), slow));
    let db = world.builder(1, latent).open().await.unwrap();
    ada.marks.push(1);
    let (saved, ()) = tokio::join!(ada.save(&db), async {
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert!(faulty.was_hit());
        User::update(&other, &id("ada"), |ada| {
            ada.marks.push(2);
            Ok(())
        })
        .await
        .unwrap();
    });
    saved.unwrap();
    assert_eq!(
        User::get(&other, &id("ada")).await.unwrap().unwrap().marks,
        [1, 2]
    );
    // What is there now was never read: the next save must read first.
    ada.marks.push(3);
    assert_eq!(ada.save(&db).await.unwrap_err().kind(), ErrorKind::Conflict);
}

/// Watches `Selection::place` (by way of the walk over the whole list index in `wrong_answers`), and `encode_value` for
/// unique values. That a list has no order is a compile error of the derive.
#[tokio::test(start_paused = true)]
async fn s27_lists_have_no_order_pages_have_no_duplicates_and_none_is_not_claimed() {
    let world = World::new(1);
    let db = world.open(0).await;
    // Both without a badge; in the whole list index, bob stands at `a` only and so comes first.
    User::create(&db, User::new("ada").tags(&["b"]))
        .await
        .unwrap();
    User::create(&db, User::new("bob").tags(&["a", "b", "c"]))
        .await
        .unwrap();
    let found = User::query(&db)
        .filter(|user| user.tags.has("b"))
        .await
        .unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(
        User::find_by_tags(&db, "b")
            .page(1)
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    assert!(User::find_by_badge(&db, None).await.unwrap().is_none());
    assert_sound(&world).await;
}

/// Watches the second look at the claim in `query/unique.rs`.
#[tokio::test(start_paused = true)]
async fn s31_a_unique_value_that_moves_while_it_is_looked_up_is_found() {
    let world = World::new(1);
    let writer = world.open(0).await;
    let mut ada = User::create(&writer, User::new("ada").email("x@example.org"))
        .await
        .unwrap();
    let slow = Latencies {
        get: Duration::from_secs(1),
        ..INSTANT
    };
    let latent = LatentStore::exact(world.store.clone(), slow);
    let reader = world.builder(1, Arc::new(latent)).open().await.unwrap();
    User::find_by_email(&reader, "nobody@example.org")
        .await
        .unwrap(); // loads the catalog
    let (found, ()) = tokio::join!(
        async { User::find_by_email(&reader, "x@example.org").await },
        async {
            // The claim is read after 1 s, its owner after 2 s.
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            ada.email = "y@example.org".into();
            ada.save(&writer).await.unwrap();
            User::create(&writer, User::new("bob").email("x@example.org"))
                .await
                .unwrap();
        }
    );
    assert_eq!(found.unwrap().unwrap().id, "bob");
}

/// A store that stays broken never makes a write lie (the sweep asks the same of every call).
#[tokio::test(start_paused = true)]
async fn a_write_that_gives_up_left_a_fence_or_says_that_it_does_not_know() {
    assert!(Attack::all().contains(&Attack::FromHereOn(Fault::ApplyLater)));
    let world = World::new(1);
    let first = world.open(0).await;
    let mut ada = User::create(&first, User::new("ada")).await.unwrap();
    // The put is delayed again and again; reads work, and so does nothing else until the fence.
    let puts = (3..201).step_by(2).map(|call| (call, Fault::ApplyLater));
    let store = Arc::new(FaultStore::with_faults(world.store.clone(), puts));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    ada.marks.push(1);
    let replied = ada.save(&db).await;
    let before = User::get(&first, &id("ada"))
        .await
        .unwrap()
        .unwrap()
        .marks
        .clone();
    store.release_delayed().await;
    let after = User::get(&first, &id("ada"))
        .await
        .unwrap()
        .unwrap()
        .marks
        .clone();
    match replied {
        Ok(()) => assert_eq!((before, after), (vec![1], vec![1])),
        Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {}
        Err(_) => assert_eq!((before, after), (vec![], vec![])),
    }
    let object = world
        .store
        .get(&Key::from_stored("users/ada.json"))
        .await
        .unwrap()
        .unwrap();
    assert!(envelope::open(&object.bytes).is_ok());
}

/// The program before `User::plan` had an index.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "pens")]
struct OlderPen {
    #[key]
    id: String,
    ink: String,
}

/// The program after it.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "pens")]
struct Pen {
    #[key]
    id: String,
    #[index]
    ink: String,
}

/// Watches `has_foreign_definitions` in `operation/plan.rs`.
#[tokio::test(start_paused = true)]
async fn s03_a_program_without_the_index_holds_its_replies_too() {
    let world = World::new(1);
    let newer = world.builder(0, world.store.clone()).open().await.unwrap();
    let pen = |id: &str| Pen {
        id: id.into(),
        ink: "blue".into(),
    };
    Pen::create(&newer, pen("1")).await.unwrap();
    assert_eq!(Pen::find_by_ink(&newer, "blue").await.unwrap().len(), 1);

    let older = world.builder(1, world.store.clone()).open().await.unwrap();
    let unindexed = OlderPen {
        id: "2".into(),
        ink: "blue".into(),
    };
    OlderPen::create(&older, unindexed).await.unwrap();
    // The reply is there, so everybody finds the document, whatever copy of the catalog they had.
    assert_eq!(Pen::find_by_ink(&newer, "blue").await.unwrap().len(), 2);
}
