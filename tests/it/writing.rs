//! Writing: many at once, replays, conflicts, members of other programs, futures that are dropped or sent.

use serde_json::{Value, json};
use smarterbase::{Error, Result, prelude::*};
use smarterbase_core::{
    format::Key,
    port::{Attempt, Expect},
};
use smarterbase_testkit::{invariant, sweep::World};

use crate::user::{User, id};

async fn db() -> (World, Db) {
    let world = World::new(1);
    let db = world.open(0).await;
    (world, db)
}

async fn read(world: &World, path: &str) -> Value {
    let object = world
        .store
        .get(&Key::from_stored(path))
        .await
        .unwrap()
        .unwrap();
    serde_json::from_slice(&object.bytes).unwrap()
}

#[tokio::test(start_paused = true)]
async fn many_creates_give_one_result_each_in_order() {
    let (world, db) = db().await;
    User::create(&db, User::new("u2")).await.unwrap();
    let new = ["u1", "u2", "u3", "u4"].map(|name| match name {
        "u4" => User::new("u4").email("U1@example.org"),
        name => User::new(name),
    });
    let results = User::create_many(&db, new).await.unwrap();
    let kinds: Vec<_> = results
        .iter()
        .map(|result| {
            result
                .as_ref()
                .map(|user| user.id.clone())
                .map_err(Error::kind)
        })
        .collect();
    // u1 and u4 race for one e-mail; one of them wins.
    assert_eq!(kinds[1], Err(ErrorKind::Conflict));
    assert_eq!(kinds[2], Ok("u3".to_owned()));
    let unique = [&kinds[0], &kinds[3]];
    assert_eq!(
        unique
            .iter()
            .filter(|kind| ***kind == Err(ErrorKind::Unique))
            .count(),
        1
    );
    assert_eq!(unique.iter().filter(|kind| kind.is_ok()).count(), 1);

    let keys = ["u3", "nobody", "u2"].map(id);
    let found = User::get_many(&db, keys).await.unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|user| user.as_ref().map(|user| user.id.as_str()))
        .collect();
    assert_eq!(found, [Some("u3"), None, Some("u2")]);
    assert_eq!(
        invariant::damage::<User>(&*world.store).await,
        Vec::<String>::new()
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_replays_and_a_save_conflicts() {
    let (world, first) = db().await;
    let second = world.open(1).await;
    User::create(&first, User::new("ada")).await.unwrap();
    let mut loaded = User::get(&second, &id("ada")).required().await.unwrap();
    let appends = (0..20).map(|mark| {
        let db = if mark % 2 == 0 { &first } else { &second };
        User::update(db, &"ada".to_owned(), move |ada| {
            ada.marks.push(mark);
            Ok(())
        })
        .into_future()
    });
    for appended in futures::future::join_all(appends).await {
        appended.unwrap();
    }
    let mut marks = User::get(&first, &id("ada"))
        .await
        .unwrap()
        .unwrap()
        .marks
        .clone();
    marks.sort_unstable();
    assert_eq!(marks, (0..20).collect::<Vec<_>>());

    loaded.plan = "pro".into();
    let conflict = loaded.save(&second).await.unwrap_err();
    assert_eq!(
        (conflict.kind(), conflict.code()),
        (ErrorKind::Conflict, "SB-REVISION")
    );
    let stale = loaded.clone().remove(&second).await.unwrap_err();
    assert_eq!(stale.code(), "SB-REVISION");
    loaded.reload(&second).await.unwrap();
    loaded.plan = "pro".into();
    loaded.save(&second).await.unwrap();
    loaded.marks.clear();
    loaded.save(&second).await.unwrap();
    assert_eq!(loaded.revision(), 23);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_application_leaves_the_document_unchanged() {
    let (world, db) = db().await;
    User::create(&db, User::new("ada")).await.unwrap();
    let before = invariant::dump(&*world.store).await;
    let aborted = User::update(&db, &id("ada"), |ada| {
        ada.plan = "pro".into();
        Err(Error::abort(std::io::Error::other("no")))
    });
    let aborted = aborted.await.unwrap_err();
    assert_eq!(aborted.kind(), ErrorKind::Aborted);
    assert_eq!(
        aborted.downcast::<std::io::Error>().unwrap().to_string(),
        "no"
    );
    assert_eq!(invariant::dump(&*world.store).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_changed_key_is_refused() {
    let (world, db) = db().await;
    let mut ada = User::create(&db, User::new("ada")).await.unwrap();
    let before = invariant::dump(&*world.store).await;
    ada.id = "eve".into();
    assert_eq!(ada.save(&db).await.unwrap_err().code(), "SB-INVALID-ID");
    let updated = User::update(&db, &id("ada"), |ada| {
        ada.id = "eve".into();
        Ok(())
    })
    .await;
    assert_eq!(updated.unwrap_err().code(), "SB-INVALID-ID");
    assert_eq!(invariant::dump(&*world.store).await, before);
}

#[tokio::test(start_paused = true)]
async fn members_of_other_programs_stay_except_when_overwritten() {
    let (world, db) = db().await;
    let mut by_hand = json!(User::new("ada"));
    by_hand["nickname"] = json!({"deep": [1, 2.50, "x"]});
    let key = Key::from_stored("users/ada.json");
    let put = world
        .store
        .put(&key, &Expect::Absent, by_hand.to_string().into())
        .await;
    assert!(matches!(put, Attempt::Applied(_)));

    let mut ada = User::get(&db, &id("ada")).required().await.unwrap();
    assert_eq!(ada.revision(), 0);
    ada.plan = "pro".into();
    ada.save(&db).await.unwrap();
    assert_eq!(ada.revision(), 1);
    User::update(&db, &id("ada"), |ada| {
        ada.age = 40;
        Ok(())
    })
    .await
    .unwrap();
    User::upsert(&db, User::new("ada").plan("team"))
        .await
        .unwrap();
    let stored = read(&world, "users/ada.json").await;
    assert_eq!(stored["nickname"], by_hand["nickname"]);
    assert_eq!(
        (&stored["plan"], &stored["_sb"]["rev"]),
        (&json!("team"), &json!(3))
    );
    User::overwrite(&db, User::new("ada")).await.unwrap();
    assert!(
        read(&world, "users/ada.json")
            .await
            .get("nickname")
            .is_none()
    );
    User::delete(&db, &id("ada")).await.unwrap();
    assert_eq!(
        read(&world, "users/ada.json")
            .await
            .as_object()
            .unwrap()
            .len(),
        1,
        "a tombstone keeps nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn close_waits_for_detached_writes_and_refuses_new_ones() {
    let (world, db) = db().await;
    let kept = db.clone();
    let started = tokio::time::timeout(std::time::Duration::ZERO, async {
        User::create(&db, User::new("ada")).await
    });
    drop(started.await);
    db.close().await;
    let refused = User::create(&kept, User::new("eve")).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Refused, "SB-CLOSED")
    );
    assert!(User::get(&kept, &id("eve")).await.unwrap().is_none());
    assert_eq!(
        invariant::damage::<User>(&*world.store).await,
        Vec::<String>::new()
    );
}

/// Compiles only while every future can be sent to another thread.
#[test]
fn every_future_is_send() {
    fn sent<T: Send>(_: T) {}
    fn all(db: &Db, ada: &mut Stored<User>, copy: Stored<User>) {
        sent(User::get(db, &id("ada")).into_future());
        sent(User::get(db, &id("ada")).required().into_future());
        sent(User::get_many(db, [id("ada")]).into_future());
        sent(User::create(db, User::new("ada")).into_future());
        sent(User::create_many(db, [User::new("ada")]).into_future());
        sent(User::update(db, &id("ada"), |_| Ok(())).into_future());
        sent(User::upsert(db, User::new("ada")).into_future());
        sent(User::overwrite(db, User::new("ada")).into_future());
        sent(User::delete(db, &id("ada")).into_future());
        sent(User::exists(db, &id("ada")).into_future());
        sent(ada.save(db).into_future());
        sent(ada.reload(db).into_future());
        sent(copy.remove(db).into_future());
        sent(User::list(db).into_future());
        sent(User::list(db).page(1).into_future());
        sent(User::list(db).stream());
        sent(User::find_by_email(db, "x").into_future());
        sent(User::find_by_plan(db, "x").into_future());
        sent(User::find_by_plan(db, "x").page(1).into_future());
        sent(User::find_by_plan(db, "x").keys().into_future());
        sent(User::find_by_plan(db, "x").stream());
        sent(User::count_by_plan(db, "x").into_future());
        sent(User::delete_by_plan(db, "x").into_future());
        sent(User::query(db).scan().into_future());
        sent(User::query(db).scan().count());
        sent(User::query(db).scan().stream());
        sent(db.rebuild_indexes::<User>());
        sent(db.sweep::<User>());
        sent(db.clone().close());
        sent(smarterbase::open("memory:"));
    }
    let _: fn(&Db, &mut Stored<User>, Stored<User>) = all;
    let _: Result<()> = Ok(());
}
