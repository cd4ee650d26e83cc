//! Idempotent transactions by users: once, and the same answer every time.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures::future::join_all;
use smarterbase::{IdempotencyLimits, Limits, Result, prelude::*};
use smarterbase_core::store::Requests;
use smarterbase_testkit::sweep::World;

use crate::user::{User, id};

/// Adds a mark to a user and gives how many there are.
async fn mark(db: &Db, user: &str, key: &str) -> Result<usize> {
    let marking = db.transaction(|tx| async move {
        let mut found = User::get(&tx, &id(user)).required().await?;
        found.marks.push(7);
        let marks = found.marks.len();
        found.save(&tx).await?;
        Ok(marks)
    });
    marking.idempotent(key).await
}

async fn marks(db: &Db, user: &str) -> usize {
    User::get(db, &id(user))
        .required()
        .await
        .unwrap()
        .marks
        .len()
}

async fn world_with(seed: u64, users: &[&str]) -> (World, Db) {
    let world = World::new(seed);
    let db = world.open(1).await;
    for user in users {
        User::create(&db, User::new(user)).await.unwrap();
    }
    (world, db)
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_is_asked_for_again_happens_once_and_gives_its_first_result() {
    let (world, one) = world_with(1, &["a"]).await;
    let other = world.open(2).await;
    assert_eq!(mark(&one, "a", "order-1").await.unwrap(), 1);
    assert_eq!(mark(&one, "a", "order-1").await.unwrap(), 1);
    assert_eq!(mark(&other, "a", "order-1").await.unwrap(), 1);
    assert_eq!(mark(&other, "a", "order-2").await.unwrap(), 2);
    assert_eq!(mark(&one, "a", "order-1").await.unwrap(), 1);
    assert_eq!(marks(&one, "a").await, 2);
}

#[tokio::test(start_paused = true)]
async fn the_closure_is_not_run_again() {
    let (_, db) = world_with(2, &[]).await;
    let runs = AtomicU32::new(0);
    for _ in 0..3 {
        let counted = db.transaction(|_| {
            runs.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        });
        counted.idempotent("once").await.unwrap();
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn those_who_ask_at_the_same_time_get_the_same_answer() {
    let (world, one) = world_with(3, &["a"]).await;
    let other = world.open(2).await;
    let asking = (0..6).map(|number| mark(if number % 2 == 0 { &one } else { &other }, "a", "k"));
    let answers = join_all(asking).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap() == 1));
    assert_eq!(marks(&one, "a").await, 1);
}

#[tokio::test(start_paused = true)]
async fn one_over_many_documents_happens_once_too() {
    let (world, one) = world_with(4, &["a", "b", "c"]).await;
    let other = world.open(2).await;
    for db in [&one, &other, &one] {
        let marking = db.transaction(|tx| async move {
            for user in ["a", "b", "c"] {
                let mut found = User::get(&tx, &id(user)).required().await?;
                found.marks.push(1);
                found.email = format!("{}-{user}@example.org", found.marks.len());
                found.save(&tx).await?;
            }
            Ok("all three".to_owned())
        });
        assert_eq!(marking.idempotent("k").await.unwrap(), "all three");
    }
    for user in ["a", "b", "c"] {
        assert_eq!(marks(&other, user).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_closure_is_not_kept() {
    let (_, db) = world_with(5, &["a"]).await;
    let failing = db.transaction(|tx| async move {
        User::delete(&tx, &id("a")).await?;
        Err::<(), _>(Error::abort("not today"))
    });
    let aborted = failing.idempotent("k").await.unwrap_err();
    assert_eq!(aborted.kind(), ErrorKind::Aborted);
    assert_eq!(mark(&db, "a", "k").await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_shape_of_result_is_an_error_that_names_neither_key_nor_value() {
    let (_, db) = world_with(6, &["a"]).await;
    let first = db.transaction(|_| async { Ok("the secret result".to_owned()) });
    first.idempotent("secret-key").await.unwrap();
    let refused = mark(&db, "a", "secret-key").await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Invalid, "SB-IDEMPOTENCY")
    );
    assert!(!refused.to_string().contains("secret"), "{refused}");
    assert!(!format!("{refused:?}").contains("secret"), "{refused:?}");
    assert_eq!(marks(&db, "a").await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_too_large_is_refused_before_anything_is_written() {
    let world = World::new(7);
    let limits = Limits {
        idempotency: IdempotencyLimits {
            result_bytes: 10,
            ..IdempotencyLimits::default()
        },
        ..Limits::default()
    };
    let builder = world.builder(1, world.store.clone()).limits(limits);
    let db = builder.open().await.unwrap();
    let create = |result: &'static str| {
        let creating = db.transaction(move |tx| async move {
            User::create(&tx, User::new(result)).await?;
            Ok(result.to_owned())
        });
        creating.idempotent("k")
    };
    let before = db.request_counts().snapshot();
    let refused = create("123456789").await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Invalid, "SB-TOO-LARGE")
    );
    assert_eq!((db.request_counts().snapshot() - before).puts(), 0);
    // Ten bytes with its quotes.
    assert_eq!(create("12345678").await.unwrap(), "12345678");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_keeps_nothing() {
    let (_, db) = world_with(8, &[]).await;
    let refused = db.snapshot(|_| async { Ok(1) }).idempotent("k").await;
    assert_eq!(refused.unwrap_err().code(), "SB-READ-ONLY");
}

#[tokio::test(start_paused = true)]
async fn what_a_transaction_costs_more_when_it_happens_once() {
    let (_, db) = world_with(9, &["a", "b"]).await;
    mark(&db, "b", "warm").await.unwrap();
    let first = cost(&db, "k").await;
    // The key and the document are read; both bear an intent; the record decides; both are finished; the record goes.
    assert_eq!(
        (first.gets, first.puts(), first.deletes),
        (2, 5, 1),
        "{first:?}"
    );
    let again = cost(&db, "k").await;
    assert_eq!(
        (again.gets, again.puts(), again.deletes),
        (2, 0, 0),
        "{again:?}"
    );
}

async fn cost(db: &Db, key: &str) -> Requests {
    let before = db.request_counts().snapshot();
    mark(db, "a", key).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    db.request_counts().snapshot() - before
}

#[tokio::test(start_paused = true)]
async fn only_the_fact_that_it_happened_is_one_object() {
    let (_, db) = world_with(10, &[]).await;
    let before = db.request_counts().snapshot();
    let done = db.transaction(|_| async { Ok(()) });
    done.idempotent("k").await.unwrap();
    let cost = db.request_counts().snapshot() - before;
    assert_eq!(
        (cost.gets, cost.puts(), cost.deletes),
        (1, 2, 0),
        "{cost:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_is_forgotten_once_its_time_has_passed_and_not_before() {
    let (_, db) = world_with(11, &["a"]).await;
    mark(&db, "a", "k").await.unwrap();
    tokio::time::sleep(Duration::from_secs(23 * 60 * 60)).await;
    assert_eq!(db.settle_transactions().await.unwrap().results, 0);
    assert_eq!(mark(&db, "a", "k").await.unwrap(), 1);
    tokio::time::sleep(Duration::from_secs(2 * 60 * 60)).await;
    db.settle_transactions().await.unwrap();
    assert_eq!(mark(&db, "a", "k").await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_key_is_kept_for_as_long_as_its_writer_said() {
    let (world, short) = world_with(12, &["a"]).await;
    let limits = Limits {
        idempotency: IdempotencyLimits {
            retention: Duration::from_secs(7 * 24 * 60 * 60),
            ..IdempotencyLimits::default()
        },
        ..Limits::default()
    };
    let builder = world.builder(2, world.store.clone()).limits(limits);
    let long = builder.open().await.unwrap();
    mark(&short, "a", "short").await.unwrap();
    mark(&long, "a", "long").await.unwrap();
    long.close().await;
    tokio::time::sleep(Duration::from_secs(25 * 60 * 60)).await;
    short.settle_transactions().await.unwrap();
    assert_eq!(mark(&short, "a", "long").await.unwrap(), 2);
    assert_eq!(mark(&short, "a", "short").await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_result_comes_back_as_it_was_given() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Receipt {
        number: u64,
        lines: Vec<(String, Option<f64>)>,
    }
    let receipt = Receipt {
        number: u64::MAX,
        lines: vec![("ä\u{0}\"".to_owned(), Some(0.1)), (String::new(), None)],
    };
    let (world, db) = world_with(13, &[]).await;
    for db in [&db, &world.open(2).await] {
        let receipt = receipt.clone();
        let given = db.transaction(move |_| {
            let receipt = receipt.clone();
            async move { Ok(receipt) }
        });
        assert_eq!(given.idempotent("k").await.unwrap().number, u64::MAX);
    }
    let again = db.transaction(|_| async { Err::<Receipt, _>(Error::abort("never run")) });
    assert_eq!(again.idempotent("k").await.unwrap(), receipt);
}
