//! What cannot go keeps nothing back: neither other documents, nor other indexes, nor other types.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use smarterbase::{prelude::*, schema};
use smarterbase_core::{
    format::Key,
    port::{Attempt, Clock, Expect},
};
use smarterbase_testkit::{MemoryIndex, invariant, sweep::World};

use crate::outage::Mortal;

use super::{A_LOOK, MINUTE, Order, Page, Session, ids, open, quiet, session};

/// Cuts the last byte off a stored document.
async fn spoil(world: &World, prefix: &str, number: usize) {
    let dump = invariant::dump(&*world.store).await;
    let mut keys = dump.keys().filter(|key| key.starts_with(prefix));
    let key = Key::from_stored(keys.nth(number).unwrap().as_str());
    let object = world.store.get(&key).await.unwrap().unwrap();
    let spoiled = object.bytes.slice(..object.bytes.len() - 1);
    let expect = Expect::Exactly(object.version);
    let put = world.store.put(&key, &expect, spoiled).await;
    assert!(matches!(put, Attempt::Applied(_)));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_cannot_go_does_not_keep_the_others() {
    let world = World::new(8);
    let db = quiet(&world, 0).await;
    let now = world.clock.now();
    for id in 0..300 {
        Session::create(&db, session(id, Some(now))).await.unwrap();
    }
    Page::create(&db, Page { id: 1, session: 3 }).await.unwrap();
    spoil(&world, "pages/", 0).await;
    let failed = db.delete_expired::<Session>().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Corrupt);
    assert_eq!(ids(&db).await, [3]);
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_read_does_not_keep_the_others() {
    let world = World::new(9);
    let db = quiet(&world, 0).await;
    let now = world.clock.now();
    for id in 0..300 {
        Session::create(&db, session(id, Some(now))).await.unwrap();
    }
    spoil(&world, "sessions/", 150).await;
    let failed = db.delete_expired::<Session>().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Corrupt);
    let mut left = 0;
    for id in 0..300 {
        left += u32::from(Session::exists(&db, &id).await.unwrap_or(true));
    }
    assert_eq!(left, 1);
}

/// A look gives up after 16 failures; the next one leaves those alone, and comes further.
#[tokio::test(start_paused = true)]
async fn many_that_cannot_go_do_not_keep_the_others_for_long() {
    let world = World::new(10);
    let db = open(world.builder(0, world.store.clone())).await;
    let soon = world.clock.now().saturating_add(MINUTE);
    for id in 0..100 {
        Session::create(&db, session(id, Some(soon))).await.unwrap();
        if id < 40 {
            Page::create(&db, Page { id, session: id }).await.unwrap();
        }
    }
    for number in 0..40 {
        spoil(&world, "pages/", number).await;
    }
    tokio::time::sleep(MINUTE + 3 * A_LOOK).await;
    assert_eq!(ids(&db).await, (0..40).collect::<Vec<_>>());
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_is_tried_less_and_less_often() {
    let world = World::new(11);
    let db = open(world.builder(0, world.store.clone())).await;
    let soon = world.clock.now().saturating_add(MINUTE);
    for id in 0..50 {
        Session::create(&db, session(id, Some(soon))).await.unwrap();
        Order::create(&db, Order { id, session: id }).await.unwrap();
    }
    let mut gets = Vec::new();
    for _ in 0..4 {
        let before = db.request_counts().snapshot();
        tokio::time::sleep(60 * MINUTE).await;
        gets.push((db.request_counts().snapshot() - before).gets);
    }
    let looks_alone = 60;
    assert!(gets[3] < 50 * 10 + 4 * looks_alone, "{gets:?}");
    assert!(gets[0] > 2 * gets[3], "{gets:?}");
    for id in 0..50 {
        Order::delete(&db, &id).await.unwrap();
    }
    tokio::time::sleep(62 * MINUTE).await;
    assert_eq!(ids(&db).await, Vec::<u64>::new());
    db.close().await;
}

/// What every document meets is not held against any of them.
#[tokio::test(start_paused = true)]
async fn once_the_store_takes_writes_again_the_next_look_deletes_everything() {
    let world = World::new(15);
    let store = Mortal::over(world.store.clone());
    let db = open(world.builder(0, store.clone())).await;
    let soon = world.clock.now().saturating_add(MINUTE);
    for id in 0..30 {
        Session::create(&db, session(id, Some(soon))).await.unwrap();
    }
    store.deny(true);
    tokio::time::sleep(30 * MINUTE).await;
    assert_eq!(ids(&db).await.len(), 30);
    store.deny(false);
    tokio::time::sleep(A_LOOK).await;
    assert_eq!(ids(&db).await, Vec::<u64>::new());
    db.close().await;
}

/// Who refers to a session is found by an index, or the session stays.
#[tokio::test(start_paused = true)]
async fn nobody_is_scanned_for_who_may_refer_to_a_session() {
    let world = World::new(12);
    let before = quiet(&world, 0).await;
    let soon = world.clock.now().saturating_add(MINUTE);
    Page::create(&before, Page { id: 1, session: 1 })
        .await
        .unwrap();
    before.close().await;
    let index = MemoryIndex::new();
    let builder = world
        .builder(1, world.store.clone())
        .index(Arc::new(index.clone()));
    let db = open(builder.expire_every(None)).await;
    Session::create(&db, session(1, Some(soon))).await.unwrap();
    // A newer program took the index of the pages out of use.
    let key = Key::from_stored("_sys/collection/pages.json");
    let object = world.store.get(&key).await.unwrap().unwrap();
    let text = std::str::from_utf8(&object.bytes).unwrap();
    let down = text.replace(r#""state":"ready""#, r#""state":"down""#);
    let put = world
        .store
        .put(&key, &Expect::Exactly(object.version), down.into())
        .await;
    assert!(matches!(put, Attempt::Applied(_)));
    tokio::time::sleep(2 * MINUTE).await;
    let failed = db.delete_expired::<Session>().await.unwrap_err();
    assert_eq!(failed.code(), "SB-INDEX-UNAVAILABLE");
    assert!(failed.to_string().contains("pages"), "{failed}");
    assert_eq!(ids(&db).await, [1]);
    db.close().await;
}

static PANICS: AtomicBool = AtomicBool::new(false);

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "fragile", unsealed)]
struct Fragile {
    #[key]
    id: u64,
    #[index(ttl, where = Fragile::is_whole)]
    ends_at: Timestamp,
}

impl Fragile {
    fn is_whole(&self) -> bool {
        assert!(!PANICS.load(Ordering::SeqCst), "as it was told to");
        true
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "codes", unsealed)]
struct Code {
    #[key]
    id: u64,
    #[index(ttl)]
    ends_at: Timestamp,
}

schema! {
    Codes { Fragile, Code }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_code_of_a_type_keeps_neither_others_nor_the_next_look() {
    let world = World::new(13);
    let db = world.open(0).await.with_schema::<Codes>();
    let ends_at = world.clock.now().saturating_add(MINUTE);
    Fragile::create(&db, Fragile { id: 1, ends_at })
        .await
        .unwrap();
    Code::create(&db, Code { id: 1, ends_at }).await.unwrap();
    PANICS.store(true, Ordering::SeqCst);
    tokio::time::sleep(MINUTE + A_LOOK).await;
    assert!(!Code::exists(&db, &1).await.unwrap());
    assert!(Fragile::exists(&db, &1).await.unwrap());
    PANICS.store(false, Ordering::SeqCst);
    tokio::time::sleep(A_LOOK).await;
    assert!(!Fragile::exists(&db, &1).await.unwrap());
    db.close().await;
}

/// The same collection before there was a TTL index over the first field.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "notes", unsealed)]
struct OldNote {
    #[key]
    id: u64,
    read_at: Option<Timestamp>,
    #[index(ttl)]
    ends_at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "notes", unsealed)]
struct Note {
    #[key]
    id: u64,
    #[index(ttl = "1h")]
    read_at: Option<Timestamp>,
    #[index(ttl)]
    ends_at: Timestamp,
}

schema! {
    OldNotes { OldNote }
}
schema! {
    Notes { Note }
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_not_built_keeps_no_other_one_back() {
    let world = World::new(14);
    let old = world.builder(0, world.store.clone()).expire_every(None);
    let old = old.open().await.unwrap().with_schema::<OldNotes>();
    let ends_at = world.clock.now();
    let note = OldNote {
        id: 1,
        read_at: None,
        ends_at,
    };
    OldNote::create(&old, note).await.unwrap();
    let new = world.builder(1, world.store.clone()).expire_every(None);
    let new = new.open().await.unwrap().with_schema::<Notes>();
    let failed = new.delete_expired::<Note>().await.unwrap_err();
    assert_eq!(failed.code(), "SB-INDEX-UNAVAILABLE");
    assert!(
        failed
            .to_string()
            .contains("TTL index read-at is not ready"),
        "{failed}"
    );
    assert!(
        !Note::exists(&new, &1).await.unwrap(),
        "the other index is ready"
    );
    for db in [old, new] {
        db.close().await;
    }
}

/// On real time: the task goes with the runtime in which it began, and another one begins with the next operation.
#[test]
fn a_database_that_changes_its_runtime_deletes_in_the_next_one() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let first = runtime();
    let db = first.block_on(async {
        let url = folder.path().to_str().unwrap();
        let builder = smarterbase::open::builder(url).await.unwrap();
        let db = builder
            .expire_every(Some(Duration::from_secs(1)))
            .open()
            .await
            .unwrap();
        db.with_schema::<Codes>()
    });
    drop(first);
    runtime().block_on(async {
        let ends_at = Timestamp::UNIX_EPOCH;
        Code::create(&db, Code { id: 1, ends_at }).await.unwrap();
        let gone = async {
            while Code::exists(&db, &1).await.unwrap() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), gone)
            .await
            .expect("it goes");
    });
}
