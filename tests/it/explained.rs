//! What verbs and transactions say that they cost, beside what the store counted.

use smarterbase::{Result, prelude::*};
use smarterbase_core::{
    operation::profile::{Access, Complexity, Explained, Prices, QueryProfile},
    store::layer::Requests,
};

use crate::{
    cost::{Bench, Note, note},
    user::{User, id},
};

/// The profile of what `act` did: every request of it is one that the store saw, and the other way round.
async fn account<R>(
    bench: &Bench,
    act: impl AsyncFnOnce(&Db) -> Result<Explained<R>>,
) -> QueryProfile {
    let before = bench.db.request_counts().snapshot();
    let profile = act(&bench.db).await.unwrap().profile;
    let counted = bench.db.request_counts().snapshot() - before;
    assert_eq!(profile.requests, counted);
    let price = Prices::default().of(&counted);
    assert!((profile.price - price).abs() < 1e-15, "{}", profile.price);
    profile
}

fn at_reply(profile: &QueryProfile) -> Requests {
    profile.requests - profile.after_reply
}

/// Reads, creates, swaps and removals.
fn kinds(requests: Requests) -> [u64; 4] {
    let Requests {
        gets,
        creates,
        swaps,
        deletes,
        ..
    } = requests;
    [gets, creates, swaps, deletes]
}

#[tokio::test(start_paused = true)]
async fn a_get_tells_its_one_request() {
    let bench = Bench::with(1).await;
    let key = id("user000");
    let profile = account(&bench, async |db| User::get(db, &key).explain().await).await;
    assert_eq!(kinds(profile.requests), [1, 0, 0, 0]);
    assert!(profile.requests.bytes_in > 100);
    assert_eq!(profile.after_reply, Requests::default());
    assert_eq!(
        (profile.operation, profile.collection, &*profile.plan),
        ("get", "users", "by key")
    );
    assert_eq!(
        (profile.access, profile.complexity),
        (Access::Keys, Complexity::Constant)
    );
    assert_eq!(profile.duration.as_millis(), 10);
    let required = account(&bench, async |db| {
        User::get(db, &key).required().explain().await
    });
    assert_eq!(required.await.requests.gets, 1);
    let exists = account(&bench, async |db| User::exists(db, &key).explain().await).await;
    assert_eq!((exists.operation, exists.requests.gets), ("exists", 1));
}

#[tokio::test(start_paused = true)]
async fn a_create_tells_of_entries_and_claims() {
    let bench = Bench::with(1).await;
    let user = User::new("new").tags(&[]);
    let profile = account(&bench, async |db| User::create(db, user).explain().await).await;
    // plan, age and team-age; the e-mail; the document.
    assert_eq!(kinds(at_reply(&profile)), [0, 5, 0, 0]);
    assert_eq!(profile.after_reply, Requests::default());
    assert!(profile.requests.bytes_out > 200);
    assert_eq!(
        profile.plan,
        "by key; keeps email, badge, plan, age, tags, by-team-age"
    );
    let plain = account(&bench, async |db| {
        Note::create(db, note("other")).explain().await
    })
    .await;
    assert_eq!(
        (&*plain.plan, kinds(plain.requests)),
        ("by key; no index", [0, 1, 0, 0])
    );
}

#[tokio::test(start_paused = true)]
async fn a_save_tells_what_it_does_before_and_after_its_reply() {
    let bench = Bench::with(1).await;
    let mut user = User::get(&bench.db, &id("user000"))
        .required()
        .await
        .unwrap();
    user.plan = "pro".into();
    user.email = "other@example.org".into();
    let saved = account(&bench, async |db| user.save(db).explain().await).await;
    // The new entry and claim, the old claim is read, the document; then the old entry leaves and the old claim is let go.
    assert_eq!(kinds(at_reply(&saved)), [1, 2, 1, 0]);
    assert_eq!(kinds(saved.after_reply), [0, 0, 1, 1]);
    assert_eq!(saved.duration.as_millis(), 40, "until the reply");
    let unchanged = account(&bench, async |db| user.save(db).explain().await).await;
    assert_eq!(unchanged.requests, Requests::default());
    let reloaded = account(&bench, async |db| user.reload(db).explain().await).await;
    assert_eq!(reloaded.requests.gets, 1);
}

#[tokio::test(start_paused = true)]
async fn updates_upserts_and_deletions_tell_theirs() {
    let bench = Bench::with(2).await;
    let (first, second) = (id("user000"), id("user001"));
    let older = |user: &mut User| {
        user.age += 1;
        Ok(())
    };
    let updated = account(&bench, async |db| {
        User::update(db, &first, older).explain().await
    })
    .await;
    // age, and age behind the team.
    assert_eq!(kinds(at_reply(&updated)), [1, 2, 1, 0]);
    assert_eq!(kinds(updated.after_reply), [0, 0, 0, 2]);
    let user = User::new("user000").tags(&[]).plan("pro");
    let upserted = account(&bench, async |db| {
        User::upsert(db, user.clone()).explain().await
    });
    assert_eq!(upserted.await.operation, "upsert");
    let overwritten = account(&bench, async |db| {
        User::overwrite(db, user.clone()).explain().await
    });
    assert_eq!(overwritten.await.operation, "overwrite");
    let deleted = account(&bench, async |db| User::delete(db, &first).explain().await).await;
    assert_eq!(
        (deleted.operation, deleted.complexity),
        ("delete", Complexity::Constant)
    );
    // The tombstone; then the claim is let go, and the entries leave.
    assert_eq!(at_reply(&deleted).swaps, 1);
    assert_eq!(
        (deleted.after_reply.swaps, deleted.after_reply.deletes),
        (1, 3)
    );
    let user = User::get(&bench.db, &second).required().await.unwrap();
    let removed = account(&bench, async |db| user.remove(db).explain().await).await;
    assert_eq!((removed.operation, removed.requests.swaps), ("remove", 2));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_tells_of_its_queries_its_commit_and_what_finishes_it() {
    let bench = Bench::with(3).await;
    let moved = account(&bench, async |db| {
        db.transaction(|tx| async move {
            let free = User::find_by_plan(&tx, "free").await?;
            for mut user in free.into_iter().take(2) {
                user.marks.push(1);
                user.save(&tx).await?;
            }
            Ok(())
        })
        .explain()
        .await
    })
    .await;
    assert_eq!(
        (moved.operation, moved.collection, moved.access),
        ("transaction", "", Access::Transaction)
    );
    // Two intents and the record; then two versions, and the record goes.
    assert_eq!((at_reply(&moved).puts(), moved.after_reply.puts()), (3, 2));
    assert_eq!(
        (at_reply(&moved).deletes, moved.after_reply.deletes),
        (0, 1)
    );
    assert_eq!(moved.candidates, 3, "its query counts as well");
    // The query inside is one of its own for the profiler, which keeps no transactions and no verbs.
    let recent = bench.db.profiler().recent();
    let kept: Vec<_> = recent
        .iter()
        .map(|query| (query.operation, query.requests.gets))
        .collect();
    assert_eq!(kept.last(), Some(&("find", 3)));
    assert!(
        kept.iter()
            .all(|(operation, _)| *operation != "transaction")
    );

    let looked = account(&bench, async |db| {
        db.snapshot(|tx| async move { User::get(&tx, &id("user000")).await })
            .explain()
            .await
    })
    .await;
    assert_eq!((looked.operation, looked.requests.puts()), ("snapshot", 0));
    assert_eq!(looked.requests.gets, 2, "every read is read again");
}

#[tokio::test(start_paused = true)]
async fn what_delete_by_writes_counts_for_its_query() {
    let bench = Bench::with(3).await;
    let deleted = account(&bench, async |db| {
        User::delete_by_plan(db, "free").explain().await
    })
    .await;
    assert!(deleted.requests.swaps >= 6, "{:?}", deleted.requests);
}

#[tokio::test(start_paused = true)]
async fn s33_every_element_of_a_list_is_an_entry_of_its_own() {
    let bench = Bench::with(1).await;
    let user = User::new("new").tags(&["a", "b", "c"]);
    let created = account(&bench, async |db| User::create(db, user).explain().await).await;
    // plan, age and team-age, three tags; the e-mail; the document.
    assert_eq!(kinds(created.requests), [0, 3 + 3 + 1 + 1, 0, 0]);
    let mut user = User::get(&bench.db, &id("new")).required().await.unwrap();
    user.tags = vec!["b".to_owned(), "c".to_owned(), "d".to_owned()];
    let saved = account(&bench, async |db| user.save(db).explain().await).await;
    assert_eq!(kinds(at_reply(&saved)), [0, 1, 1, 0]);
    assert_eq!(kinds(saved.after_reply), [0, 0, 0, 1]);
}

/// Compiles only while every future can be sent to another thread.
#[test]
fn every_explanation_is_send() {
    fn sent<T: Send>(_: T) {}
    fn all(db: &Db, ada: &mut Stored<User>, copy: Stored<User>) {
        sent(User::get(db, &id("ada")).explain());
        sent(User::get(db, &id("ada")).required().explain());
        sent(User::exists(db, &id("ada")).explain());
        sent(User::create(db, User::new("ada")).explain());
        sent(User::update(db, &id("ada"), |_| Ok(())).explain());
        sent(User::upsert(db, User::new("ada")).explain());
        sent(User::overwrite(db, User::new("ada")).explain());
        sent(User::delete(db, &id("ada")).explain());
        sent(ada.save(db).explain());
        sent(ada.reload(db).explain());
        sent(copy.remove(db).explain());
        sent(User::find_by_plan(db, "x").explain());
        sent(db.transaction(|_| async { Ok(()) }).explain());
    }
    let _: fn(&Db, &mut Stored<User>, Stored<User>) = all;
}
