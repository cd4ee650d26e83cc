//! Comparing indexes with documents: what is missing, what is too many, and never a false alarm.
//!
//! What an earlier library of this kind did wrong with its indexes, and what shows that it cannot happen here:
//!
//! | Defect | Shown by |
//! |---|---|
//! | D11 concurrent updates leave index and document apart | `d11_sixteen_writers_never_raise_a_false_alarm`, `writers_never_raise_a_false_alarm_in_redis` |
//! | D12 a document is there before its entries; one failing index leaves the others out | `announced_entry_is_found_before_its_document_is_put` (every backend), the sweeps in `tests/it/faults.rs` |
//! | D13 an update leaves the old value's entry | `replaced_entry_leaves_and_the_others_stay` (every backend) |
//! | D14 the monitor does nothing | `d14_monitor_finds_and_repairs_what_was_lost` |
//! | D14 it counts a loss in one index of three only sometimes, and one document several times | `d14_loss_is_counted_for_each_index_by_itself_and_repaired_as_a_whole` |
//! | D14 it repairs only what was sampled | `d14_monitor_finds_and_repairs_what_was_lost`, `d14_samples_go_on_where_the_last_one_ended_and_see_everything` |
//! | D14 it panics when it is stopped twice, and cannot be started again | `d14_monitor_stops_and_starts_a_hundred_times_and_runs_once_an_interval` |
//! | D15 a create overwrites | `a_document_that_exists_and_a_value_that_is_held` |
//! | D16 an empty index is believed | `flushed_redis_never_gives_an_empty_answer`, `a_flush_that_a_verification_meets_is_a_loss_and_no_drift` |
//! | D16 hits are not checked on the document | `a_query_that_meets_a_stale_member_removes_it` |
//! | D35 five cancelled callers open the breaker for everybody | `five_cancelled_callers_do_not_open_the_circuit` |

use std::{sync::Arc, time::Duration};

use serde_json::json;
use smarterbase::{
    maintenance::verify::{CollectionReport, DriftKind, IndexReport, VerifyReport},
    prelude::*,
    schema,
};
use smarterbase_core::{
    format::{
        Key, Nonce, Prefix,
        entry::{EntryName, Tag},
    },
    port::{Attempt, CasStore, Clock, Expect, Rng},
    protocol::{Deadline, OrphanMachine, OrphanPlan, Settler, drive},
};
use smarterbase_testkit::{
    Fault, FaultStore, invariant,
    sweep::{Latencies, LatentStore, World},
};

use crate::user::{User, id};

/// A program that declared the e-mail and the plan later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "users")]
struct Before {
    #[key]
    id: String,
    email: String,
    plan: String,
    age: u32,
    tags: Vec<String>,
}

// What the command line tool is asked about here.
schema! { Verified { User } }

/// The in-flight bound of these databases.
const BOUND: Duration = Duration::from_secs(2);

async fn open(world: &World, client: u64) -> Db {
    let builder = world.builder(client, world.store.clone());
    builder.in_flight_bound(BOUND).open().await.unwrap()
}

/// Users `u00` to `u<count - 1>`, every third of them on the plan `pro`.
async fn filled(count: usize) -> (World, Db) {
    let world = World::new(1);
    let db = open(&world, 0).await;
    for number in 0..count {
        let plan = if number % 3 == 0 { "pro" } else { "free" };
        User::create(&db, User::new(&format!("u{number:02}")).plan(plan))
            .await
            .unwrap();
    }
    (world, db)
}

async fn keys(store: &dyn CasStore, prefix: &str) -> Vec<Key> {
    let page = store.list(&Prefix::new(prefix), None, 1_000).await.unwrap();
    page.objects.into_iter().map(|object| object.key).collect()
}

/// The paths of all entries of one index.
async fn entries(world: &World, index: &str) -> Vec<Key> {
    let all = keys(&*world.store, "_index/users/").await;
    let prefix = format!("_index/users/{index}-");
    all.into_iter()
        .filter(|key| key.as_str().starts_with(&prefix))
        .collect()
}

async fn claims(world: &World, index: &str) -> Vec<Key> {
    let all = keys(&*world.store, "_unique/users/").await;
    let prefix = format!("_unique/users/{index}-");
    all.into_iter()
        .filter(|key| key.as_str().starts_with(&prefix))
        .collect()
}

async fn json_at(world: &World, path: &str) -> serde_json::Value {
    let object = world.store.get(&Key::from_stored(path)).await.unwrap();
    serde_json::from_slice(&object.unwrap().bytes).unwrap()
}

async fn put_by_hand(world: &World, path: &str, text: &serde_json::Value) {
    put(world, &Key::from_stored(path), text.to_string().into()).await;
}

fn index<'a>(report: &'a VerifyReport, name: &str) -> &'a IndexReport {
    let prefix = format!("{name}-");
    report
        .indexes()
        .find(|index| index.definition.starts_with(&prefix))
        .unwrap()
}

/// Missing, extra, duplicates, undecided, repaired.
fn counts(report: &IndexReport) -> [u64; 5] {
    [
        report.missing,
        report.extra,
        report.duplicates,
        report.undecided,
        report.repaired,
    ]
}

async fn assert_sound(world: &World, db: &Db) {
    let mut wrong = invariant::damage::<User>(&*world.store).await;
    wrong.extend(invariant::wrong_answers::<User>(db, &*world.store).await);
    assert_eq!(wrong, Vec::<String>::new());
    let report = db.verify_indexes().of::<User>().await.unwrap();
    assert!(report.is_sound(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn what_is_sound_is_called_sound_without_a_wait_and_without_a_write() {
    let (world, db) = filled(30).await;
    for number in 0..10 {
        let mut user = User::get(&db, &format!("u{number:02}"))
            .required()
            .await
            .unwrap();
        user.plan = "team".to_owned();
        user.tags = vec!["c".to_owned()];
        user.save(&db).await.unwrap();
    }
    User::delete(&db, &id("u29")).await.unwrap();
    db.close().await;
    let db = open(&world, 1).await;
    db.verify_indexes().of::<User>().sample(1).await.unwrap();
    let (begun, before) = (tokio::time::Instant::now(), db.request_counts().snapshot());
    let report = db.verify_indexes().of::<User>().await.unwrap();
    let requests = db.request_counts().snapshot() - before;
    assert!(report.is_sound(), "{report}");
    assert_eq!((requests.puts(), requests.deletes), (0, 0));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let CollectionReport { documents, .. } = report.collections[0];
    assert_eq!(documents, 29);
    // 10 have one tag, 19 have two.
    assert_eq!(
        (index(&report, "tags").checked, index(&report, "tags").seen),
        (48, 48)
    );
    assert_eq!(
        (
            index(&report, "email").checked,
            index(&report, "email").seen
        ),
        (29, 30)
    );
    // Nobody has a badge: a `None` is never claimed.
    assert_eq!(
        (
            index(&report, "badge").checked,
            index(&report, "badge").seen
        ),
        (0, 0)
    );
    assert_eq!(index(&report, "plan").state, "ready");
}

#[tokio::test(start_paused = true)]
async fn d14_loss_is_counted_for_each_index_by_itself_and_repaired_as_a_whole() {
    let (world, db) = filled(30).await;
    let lost = entries(&world, "plan").await;
    for key in &lost {
        world.store.delete_retired(key).await.unwrap();
    }
    for key in entries(&world, "age").await.iter().take(3) {
        world.store.delete_retired(key).await.unwrap();
    }
    assert_eq!(User::find_by_plan(&db, "pro").await.unwrap().len(), 0);

    let report = db.verify_indexes().of::<User>().await.unwrap();
    assert_eq!(counts(index(&report, "plan")), [30, 0, 0, 0, 0]);
    assert_eq!(counts(index(&report, "age")), [3, 0, 0, 0, 0]);
    assert_eq!(counts(index(&report, "tags")), [0, 0, 0, 0, 0]);
    assert_eq!(
        index(&report, "plan").found.len(),
        20,
        "the named ones are bounded"
    );
    assert_eq!(index(&report, "plan").drift(), 1.0);
    assert_eq!(index(&report, "age").drift(), 0.1);
    assert!(
        index(&report, "plan")
            .found
            .iter()
            .all(|drift| drift.kind == DriftKind::Missing)
    );

    let repaired = db.repair(&report).unwrap().await.unwrap();
    assert_eq!(
        (repaired.missing(), repaired.repaired()),
        (33, 33),
        "{repaired}"
    );
    assert_eq!(User::find_by_plan(&db, "pro").await.unwrap().len(), 10);
    assert_sound(&world, &db).await;
    // Nothing is left to do.
    assert_eq!(db.repair(&report).unwrap().await.unwrap().repaired(), 0);
    let sound = db.verify_indexes().of::<User>().await.unwrap();
    assert!(
        db.repair(&sound)
            .unwrap()
            .await
            .unwrap()
            .collections
            .is_empty()
    );
}

/// An entry of `user` in the index on plans, as a write on `base` would have announced it.
async fn forge_entry(world: &World, user: &str, base: u64, number: u8) -> Key {
    let like = &entries(world, "plan").await[0];
    let folder = like
        .as_str()
        .split('/')
        .take(3)
        .collect::<Vec<_>>()
        .join("/");
    let prefix = Prefix::new(format!("{folder}/"));
    let like = EntryName::parse(&prefix, like).unwrap();
    let forged = EntryName {
        id: smarterbase_testkit::contract::index::rig::id(user),
        tag: Tag::new(base, Nonce::from_random([number; 13]), &like.value),
        ..like
    };
    let key = forged.key("users", folder.rsplit('/').next().unwrap());
    put(world, &key, bytes::Bytes::new()).await;
    key
}

async fn put(world: &World, key: &Key, bytes: bytes::Bytes) {
    let put = world.store.put(key, &Expect::Absent, bytes).await;
    assert!(matches!(put, Attempt::Applied(_)));
}

#[tokio::test(start_paused = true)]
async fn s13_garbage_leaves_and_what_a_write_may_need_stays() {
    let (world, db) = filled(6).await;
    // u01 is at revision 1: a write on 0 has passed, one on 1 may come.
    let garbage = [
        forge_entry(&world, "u01", 0, 1).await,
        forge_entry(&world, "nobody", 3, 2).await,
    ];
    let kept = [
        forge_entry(&world, "u01", 1, 3).await,
        forge_entry(&world, "nobody", 0, 4).await,
    ];
    let report = db.verify_indexes().of::<User>().await.unwrap();
    assert_eq!(counts(index(&report, "plan")), [0, 2, 0, 2, 0]);
    assert_eq!(index(&report, "plan").seen, 10);

    let repaired = db.repair(&report).unwrap().await.unwrap();
    assert_eq!(counts(index(&repaired, "plan")), [0, 2, 0, 2, 2]);
    let left = entries(&world, "plan").await;
    assert!(garbage.iter().all(|key| !left.contains(key)));
    assert!(kept.iter().all(|key| left.contains(key)));
    assert_sound(&world, &db).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_claim_is_taken_again_unless_somebody_else_took_the_value() {
    let (world, db) = filled(4).await;
    for claim in claims(&world, "email").await {
        world.store.delete_retired(&claim).await.unwrap();
    }
    assert!(
        User::find_by_email(&db, "u00@example.org")
            .await
            .unwrap()
            .is_none()
    );
    // While it was away somebody took one of the values.
    User::create(&db, User::new("thief").email("U03@example.org"))
        .await
        .unwrap();

    let report = db.verify_indexes().of::<User>().await.unwrap();
    assert_eq!(counts(index(&report, "email")), [3, 0, 1, 0, 0]);
    let duplicate = index(&report, "email")
        .found
        .iter()
        .find(|drift| drift.kind == DriftKind::Duplicate);
    assert_eq!(duplicate.unwrap().id, "u03");
    let repaired = db.repair(&report).unwrap().await.unwrap();
    assert_eq!(counts(index(&repaired, "email")), [3, 0, 1, 0, 3]);
    assert!(
        User::find_by_email(&db, "u00@example.org")
            .await
            .unwrap()
            .is_some()
    );
    let refused = User::create(&db, User::new("second").email("u01@example.org"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unique);

    // The one that holds it twice is changed by a person; then all is well.
    User::update(&db, &id("u03"), |user| {
        user.email = "other@example.org".to_owned();
        Ok(())
    })
    .await
    .unwrap();
    assert_sound(&world, &db).await;
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_a_dead_owner_is_released_after_a_fence() {
    let (world, db) = filled(3).await;
    // The document goes, and its claim stays: an insert that died, seen from outside.
    world
        .store
        .delete_retired(&Key::from_stored("users/u01.json"))
        .await
        .unwrap();
    let report = db.verify_indexes().of::<User>().await.unwrap();
    assert_eq!(counts(index(&report, "email")), [0, 1, 0, 0, 0]);
    // Its entries may still belong to that insert.
    assert_eq!(counts(index(&report, "plan")), [0, 0, 0, 1, 0]);

    let repaired = db.repair(&report).unwrap().await.unwrap();
    assert_eq!(counts(index(&repaired, "email")), [0, 1, 0, 0, 1]);
    // Where nothing was, a stub keeps the dead insert out.
    assert_eq!(
        json_at(&world, "users/u01.json").await["_sb"]["state"],
        "stub"
    );
    let late = world
        .store
        .put(
            &Key::from_stored("users/u01.json"),
            &Expect::Absent,
            "{}".into(),
        )
        .await;
    assert!(matches!(late, Attempt::Rejected));
    User::create(&db, User::new("heir").email("u01@example.org"))
        .await
        .unwrap();
    User::create(&db, User::new("u01").email("again@example.org"))
        .await
        .unwrap();
    assert_sound(&world, &db).await;
}

#[tokio::test(start_paused = true)]
async fn s02_document_that_was_written_under_an_older_catalog_is_found_after_a_repair() {
    let world = World::new(1);
    let old = open(&world, 0).await;
    let before = |name: &str| Before {
        id: name.to_owned(),
        email: format!("{name}@example.org"),
        plan: "pro".to_owned(),
        age: 7,
        tags: vec!["x".to_owned()],
    };
    Before::create(&old, before("a")).await.unwrap();
    let late = json_at(&world, "users/a.json").await.to_string();
    old.close().await;
    let db = open(&world, 1).await;
    db.rebuild_indexes::<User>().await.unwrap();
    // The rebuild wrote the document again for its claim, so the entries that it had made before are too many.
    let rebuilt = db.verify_indexes().of::<User>().repair().await.unwrap();
    assert_eq!(rebuilt.missing(), 0);
    // A write that used the catalog from before the definitions, and landed after the rebuild had listed.
    let late = late
        .replace("\"a\"", "\"b\"")
        .replace("a@example.org", "b@example.org");
    put_by_hand(
        &world,
        "users/b.json",
        &serde_json::from_str(&late).unwrap(),
    )
    .await;
    assert_eq!(User::find_by_plan(&db, "pro").await.unwrap().len(), 1);

    let report = db.verify_indexes().of::<User>().repair().await.unwrap();
    for name in ["plan", "age", "tags", "email"] {
        assert_eq!(counts(index(&report, name)), [1, 0, 0, 0, 1], "{name}");
    }
    assert_eq!(User::find_by_plan(&db, "pro").await.unwrap().len(), 2);
    assert_eq!(
        User::find_by_email(&db, "B@example.org")
            .await
            .unwrap()
            .unwrap()
            .id,
        "b"
    );
    assert_sound(&world, &db).await;
}

#[tokio::test(start_paused = true)]
async fn s08_files_added_by_hand_are_found_after_a_repair() {
    let (world, db) = filled(2).await;
    for name in ["h1", "h2"] {
        let text = json!({"id": name, "email": format!("{name}@example.org"), "badge": null, "plan": "pro", "age": 5,
            "tags": [], "team": "red"});
        put_by_hand(&world, &format!("users/{name}.json"), &text).await;
    }
    assert_eq!(User::find_by_plan(&db, "pro").await.unwrap().len(), 1);
    let report = db.verify_indexes().of::<User>().repair().await.unwrap();
    assert_eq!(counts(index(&report, "plan")), [2, 0, 0, 0, 2]);
    assert_eq!(counts(index(&report, "email")), [2, 0, 0, 0, 2]);
    assert_eq!(User::find_by_plan(&db, "pro").await.unwrap().len(), 3);
    assert_eq!(
        User::find_by_email(&db, "h2@example.org")
            .await
            .unwrap()
            .unwrap()
            .id,
        "h2"
    );
    assert_sound(&world, &db).await;
}

#[tokio::test(start_paused = true)]
async fn d11_sixteen_writers_never_raise_a_false_alarm() {
    let world = World::new(5);
    let open_slow = async |client: u64| {
        let latent = LatentStore::random(world.store.clone(), Latencies::CONTRACT, client);
        let builder = world.builder(client, Arc::new(latent));
        builder.in_flight_bound(BOUND).open().await.unwrap()
    };
    let db = open_slow(0).await;
    for number in 0..24 {
        User::create(&db, User::new(&format!("u{number:02}")))
            .await
            .unwrap();
    }
    let until = tokio::time::Instant::now() + Duration::from_secs(12);
    let write = async |writer: u64| {
        let db = open_slow(writer + 1).await;
        let mut number = 0_u64;
        while tokio::time::Instant::now() < until {
            number += 1;
            let target = format!("u{:02}", (number * 7 + writer) % 24);
            // All of them toggle the same values.
            let changed = User::update(&db, &target, |user| {
                user.plan = format!("plan {}", number % 2);
                user.tags = vec![format!("t{}", number % 3)];
                user.email = format!("{}-{}@example.org", user.id, number % 2);
                Ok(())
            });
            changed.await.unwrap();
            if number.is_multiple_of(4) {
                let own = format!("w{writer}-{}", number % 3);
                User::create(&db, User::new(&own)).await.ok();
                User::delete(&db, &own).await.ok();
            }
        }
        db.close().await;
        number
    };
    let verify = async {
        let mut looks = 0;
        while tokio::time::Instant::now() < until {
            let report = db.verify_indexes().of::<User>().repair().await.unwrap();
            assert!(report.is_sound() && report.repaired() == 0, "{report}");
            assert!(report.collections[0].documents > 15, "{report}");
            looks += 1;
        }
        looks
    };
    let writers = futures::future::join_all((0..16).map(write));
    let (looks, writes) = futures::join!(verify, writers);
    let writes: u64 = writes.iter().sum();
    assert!(looks >= 2 && writes > 100, "{looks} looks, {writes} writes");
    assert_sound(&world, &db).await;
}

#[tokio::test(start_paused = true)]
async fn d14_samples_go_on_where_the_last_one_ended_and_see_everything() {
    let (world, db) = filled(50).await;
    let lost = entries(&world, "age").await;
    world.store.delete_retired(&lost[33]).await.unwrap();
    let garbage = forge_entry(&world, "u41", 0, 9).await;
    let (mut missing, mut extra, mut documents) = (0, 0, 0);
    for _ in 0..6 {
        let report = db.verify_indexes().of::<User>().sample(10).await.unwrap();
        let age = index(&report, "age");
        assert!(age.checked <= 10 && age.seen <= 10, "{age}");
        documents += report.collections[0].documents;
        missing += age.missing;
        extra += index(&report, "plan").extra;
    }
    assert!((50..=60).contains(&documents), "{documents}");
    assert!(
        missing >= 1 && extra >= 1,
        "{missing} missing, {extra} extra"
    );
    let repaired = db
        .verify_indexes()
        .of::<User>()
        .repair()
        .full()
        .await
        .unwrap();
    assert_eq!(repaired.repaired(), 2);
    assert!(!entries(&world, "plan").await.contains(&garbage));
}

#[tokio::test(start_paused = true)]
async fn a_verification_keeps_to_its_rate_and_tells_how_far_it_is() {
    let (_world, db) = filled(40).await;
    let begun = tokio::time::Instant::now();
    let mut told = Vec::new();
    let report = db
        .verify_indexes()
        .of::<User>()
        .per_second(10)
        .on_progress(|progress| told.push((progress.documents, progress.seen)))
        .await
        .unwrap();
    assert!(report.is_sound());
    // 40 documents, as many entries in each of three indexes, 80 tags and 40 claims; no rest after the last batch of an index.
    assert_eq!(begun.elapsed().as_secs(), 4 + 3 * 3 + 7 + 3);
    assert!(told.is_sorted(), "{told:?}");
    assert_eq!(told[0], (10, 0));
    assert_eq!(told.last().unwrap().0, 40);
}

#[tokio::test(start_paused = true)]
async fn reading_only_a_verification_reports_and_does_not_repair() {
    let (world, db) = filled(5).await;
    db.close().await;
    let lost = entries(&world, "plan").await;
    world.store.delete_retired(&lost[0]).await.unwrap();
    let reader = world
        .builder(1, world.store.clone())
        .read_only(true)
        .open()
        .await
        .unwrap();
    let report = reader.verify_indexes().of::<User>().await.unwrap();
    assert_eq!(counts(index(&report, "plan")), [1, 0, 0, 0, 0]);
    let refused = reader.repair(&report).unwrap().await.unwrap_err();
    assert_eq!(refused.code(), "SB-READ-ONLY");
}

#[tokio::test(start_paused = true)]
async fn documents_that_cannot_be_read_are_named_and_the_rest_is_compared() {
    let (world, db) = filled(4).await;
    let text = json!({"id": "bad", "email": 7, "plan": "pro"});
    put_by_hand(&world, "users/bad.json", &text).await;
    let report = db.verify_indexes().of::<User>().repair().await.unwrap();
    let users = &report.collections[0];
    assert_eq!((users.documents, users.unreadable), (4, 1));
    assert_eq!(users.unreadable_ids, ["bad"]);
    assert!(report.is_sound(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_is_not_ready_is_not_compared() {
    let world = World::new(1);
    let old = open(&world, 0).await;
    let before = Before {
        id: "a".to_owned(),
        email: "a@example.org".to_owned(),
        plan: "pro".to_owned(),
        age: 1,
        tags: Vec::new(),
    };
    Before::create(&old, before).await.unwrap();
    old.close().await;
    let db = open(&world, 1).await;
    User::find_by_plan(&db, "pro").await.unwrap();
    let report = db.verify_indexes().of::<User>().repair().await.unwrap();
    assert_eq!(
        (index(&report, "plan").state, index(&report, "plan").checked),
        ("pending", 0)
    );
    assert!(report.is_sound() && report.repaired() == 0, "{report}");
    // A report holds no value of any field.
    assert!(!format!("{report} {report:?}").contains("example.org"));
}

#[tokio::test(start_paused = true)]
async fn all_types_of_a_list_are_rebuilt_and_verified_together() {
    let world = World::new(1);
    let old = open(&world, 0).await;
    let before = Before {
        id: "a".to_owned(),
        email: "a@example.org".to_owned(),
        plan: "pro".to_owned(),
        age: 1,
        tags: Vec::new(),
    };
    Before::create(&old, before).await.unwrap();
    old.close().await;
    let db = open(&world, 1).await.with_schema::<Verified>();
    let rebuilt = db.rebuild_all_indexes::<Verified>().await;
    let (name, report) = &rebuilt[0];
    assert_eq!((rebuilt.len(), *name), (1, "users"));
    assert_eq!(report.as_ref().unwrap().built.len(), 6);
    // No type was named, or used by this process.
    let report = db.verify_indexes().repair().await.unwrap();
    assert_eq!(report.collections.len(), 1);
    assert_eq!(report.missing(), 0);
    assert!(report.is_repaired());
    let health = db.health().await.unwrap();
    assert!(health.is_ok() && health.indexes.len() == 6, "{health}");
    assert!(health.to_string().contains("users.plan-"), "{health}");
}

/// Asks this binary as the command line tool does; gives the first word of the answer and the rest.
fn ask(url: &str, what: &str) -> (String, String) {
    let out = tempfile::tempdir().unwrap();
    let asked = format!(
        "{what}\nurl={url}\nonly=users\nout={}\n",
        out.path().display()
    );
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["verify::", "--ignored", "--nocapture"])
        .env("SMARTERBASE_CHORE", asked)
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let mut answers = std::fs::read_dir(out.path()).unwrap();
    let answer = std::fs::read_to_string(answers.next().unwrap().unwrap().path()).unwrap();
    let (word, rest) = answer.split_once('\n').unwrap();
    (word.to_owned(), rest.to_owned())
}

#[tokio::test]
async fn the_command_line_tool_tells_drift_and_health_and_repairs() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap().to_owned();
    let db = smarterbase::open(&url).await.unwrap();
    User::create(&db, User::new("ada")).await.unwrap();
    db.close().await;
    let (word, health) = ask(&url, "chore=health");
    assert_eq!(word, "ok", "{health}");
    assert!(
        health.contains("store: ok") && health.contains("monitor: off"),
        "{health}"
    );
    assert_eq!(ask(&url, "chore=verify").0, "ok");

    std::fs::remove_dir_all(folder.path().join("_unique/users")).unwrap();
    let (word, report) = ask(&url, "chore=verify");
    assert_eq!(word, "error", "{report}");
    assert!(report.contains("1 missing of 1"), "{report}");
    let (word, report) = ask(&url, "chore=verify\nrepair=yes\nper_second=1000");
    assert_eq!(word, "ok", "{report}");
    assert!(report.contains("1 repaired"), "{report}");
    assert_eq!(ask(&url, "chore=verify").0, "ok");
}

/// Three users with one thing wrong of each kind.
async fn damaged() -> World {
    let (world, db) = filled(4).await;
    db.close().await;
    world
        .store
        .delete_retired(&entries(&world, "age").await[0])
        .await
        .unwrap();
    world
        .store
        .delete_retired(&claims(&world, "email").await[0])
        .await
        .unwrap();
    forge_entry(&world, "u01", 0, 1).await;
    let owner = world
        .store
        .get(&claims(&world, "email").await[0])
        .await
        .unwrap()
        .unwrap();
    let owner: serde_json::Value = serde_json::from_slice(&owner.bytes).unwrap();
    let owner = Key::from_stored(owner["owner"].as_str().unwrap());
    world.store.delete_retired(&owner).await.unwrap();
    world
}

#[tokio::test(start_paused = true)]
async fn a_repair_that_meets_a_fault_at_any_call_does_no_harm_and_the_next_one_ends_it() {
    let (mut trials, mut ended) = (0, 0);
    for fault in [
        Fault::LoseReply,
        Fault::ApplyLater,
        Fault::FailBefore,
        Fault::Reject,
        Fault::CrashAfter,
    ] {
        for call in 0.. {
            let world = damaged().await;
            let attacked = Arc::new(FaultStore::at(world.store.clone(), call, fault));
            let attack = async {
                let db = world.builder(7, attacked.clone()).open().await.ok()?;
                let repaired = db.verify_indexes().of::<User>().repair().await;
                db.close().await;
                repaired.ok()
            };
            let repaired = tokio::select! {
                repaired = attack => repaired,
                () = attacked.crash() => None,
            };
            ended += u32::from(repaired.is_some_and(|report| report.is_repaired()));
            if !attacked.was_hit() {
                break;
            }
            attacked.release_delayed().await;
            trials += 1;
            let db = open(&world, 8).await;
            let again = db.verify_indexes().of::<User>().repair().await.unwrap();
            assert!(again.is_repaired(), "{fault:?} at call {call}: {again}");
            let left = db.verify_indexes().of::<User>().await.unwrap();
            assert!(left.is_sound(), "{fault:?} at call {call}: {left}");
            let damage = invariant::damage::<User>(&*world.store).await;
            assert_eq!(damage, Vec::<String>::new(), "{fault:?} at call {call}");
        }
    }
    assert!(
        trials > 200 && ended * 2 > trials,
        "{trials} trials, {ended} ended at once"
    );
}

/// Releases every claim of an e-mail, as a repair would if it took each for nobody's.
async fn release_all(world: &World, rng: &dyn Rng) -> u32 {
    let mut released = 0;
    for claim in claims(world, "email").await {
        let object = world.store.get(&claim).await.unwrap().unwrap();
        let text: serde_json::Value = serde_json::from_slice(&object.bytes).unwrap();
        let Some(owner) = text["owner"].as_str() else {
            continue;
        };
        let path: Vec<&str> = claim.as_str().split('/').collect();
        let machine = OrphanMachine::new(OrphanPlan {
            claim: claim.clone(),
            definition: path[2].to_owned(),
            hash: path[3].strip_suffix(".json").unwrap().to_owned(),
            owner: Key::from_stored(owner),
            write: rng.nonce(),
            settler: Settler {
                attempt: None,
                priority: None,
                grace: Duration::from_millis(20),
                lease: Duration::from_secs(5),
                longest: Duration::from_secs(10),
            },
        });
        let at = world.clock.elapsed() + Duration::from_secs(10);
        let clock = &*world.clock;
        let done = drive(&*world.store, clock, rng, Deadline { at }, machine).await;
        released += u32::from(done.unwrap());
    }
    released
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_released_under_a_running_insert_never_leaves_two_holders() {
    let world = World::new(11);
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    let insert = async |writer: u64| {
        let latent = LatentStore::random(world.store.clone(), Latencies::CONTRACT, writer);
        let db = world
            .builder(writer, Arc::new(latent))
            .open()
            .await
            .unwrap();
        let mut taken = 0;
        for number in 0.. {
            if tokio::time::Instant::now() > until {
                break;
            }
            // Two values for all of them.
            let user = User::new(&format!("w{writer}-{}", number % 2));
            let user = user.email(&format!("{}@example.org", number % 2));
            match User::create(&db, user).await {
                Ok(user) => {
                    taken += 1;
                    user.remove(&db).await.unwrap();
                }
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::Unique | ErrorKind::Conflict),
                    "{error}"
                ),
            }
        }
        db.close().await;
        taken
    };
    let release = async {
        let rng = smarterbase_testkit::SeededRng::new(3);
        let mut released = 0;
        while tokio::time::Instant::now() < until {
            released += release_all(&world, &rng).await;
            let holders = invariant::damage::<User>(&*world.store).await;
            let twice = holders.iter().find(|line| line.contains("invariant 1"));
            assert_eq!(twice, None);
            tokio::time::sleep(Duration::from_millis(90)).await;
        }
        released
    };
    let inserts = futures::future::join_all((0..6).map(insert));
    let (released, taken) = futures::join!(release, inserts);
    let taken: u32 = taken.iter().sum();
    assert!(
        released > 20 && taken > 20,
        "{released} released, {taken} taken"
    );
    let db = open(&world, 99).await;
    assert_sound(&world, &db).await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_cannot_be_put_right_does_not_keep_the_others_from_it() {
    let (world, db) = filled(2).await;
    db.close().await;
    for (name, team) in [("h1", "x".repeat(3_000)), ("h2", "red".to_owned())] {
        let text = json!({"id": name, "email": format!("{name}@example.org"), "badge": null, "plan": "pro", "age": 5,
            "tags": [], "team": team});
        put_by_hand(&world, &format!("users/{name}.json"), &text).await;
    }
    let limits = smarterbase::Limits {
        document_bytes: 2_000,
        ..smarterbase::Limits::default()
    };
    let builder = world.builder(5, world.store.clone()).limits(limits);
    let db = builder.open().await.unwrap();
    let report = db.verify_indexes().of::<User>().repair().await.unwrap();
    assert_eq!(counts(index(&report, "email")), [2, 0, 0, 0, 1]);
    let problems: Vec<&String> = report
        .indexes()
        .filter_map(|index| index.problem.as_ref())
        .collect();
    assert_eq!(problems.len(), 1, "{report}");
    assert!(problems[0].contains("SB-TOO-LARGE"), "{report}");
    assert!(!report.is_repaired());
    assert!(
        User::find_by_email(&db, "h2@example.org")
            .await
            .unwrap()
            .is_some()
    );
}
