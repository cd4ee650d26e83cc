//! Sequences by users: no number twice, in order where that is promised, and as few puts as the block says.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::future::join_all;
use smarterbase::{Limits, prelude::*};
use smarterbase_core::store::Requests;
use smarterbase_testkit::sweep::{Latencies, LatentStore, World};

async fn cost<R>(db: &Db, work: impl Future<Output = R>) -> (R, Requests) {
    let before = db.request_counts().snapshot();
    let done = work.await;
    (done, db.request_counts().snapshot() - before)
}

#[tokio::test(start_paused = true)]
async fn numbers_begin_at_1_and_grow() {
    let world = World::new(1);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let invoices = one.sequence("invoices");
    assert_eq!(invoices.peek().await.unwrap(), 1);
    assert_eq!(invoices.next().await.unwrap(), 1);
    assert_eq!(invoices.next().await.unwrap(), 2);
    assert_eq!(invoices.next_many(3).await.unwrap(), [3, 4, 5]);
    assert_eq!(other.sequence("invoices").next().await.unwrap(), 65);
    assert_eq!(invoices.next().await.unwrap(), 6);
    assert_eq!(invoices.peek().await.unwrap(), 129);
    assert_eq!(one.sequence("orders").next().await.unwrap(), 1);
    assert_eq!(invoices.name(), "invoices");
}

#[tokio::test(start_paused = true)]
async fn n_numbers_cost_n_divided_by_the_block_puts() {
    let world = World::new(2);
    let db = world.open(1).await;
    let invoices = db.sequence("invoices").block(10);
    let (_, cost) = cost(&db, async {
        for number in 1..=100 {
            assert_eq!(invoices.next().await.unwrap(), number);
        }
    })
    .await;
    assert_eq!(
        (cost.gets, cost.puts(), cost.creates),
        (1, 10, 1),
        "{cost:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn numbers_that_are_waited_for_together_are_reserved_by_one_put() {
    let world = World::new(3);
    let store = LatentStore::exact(world.store.clone(), Latencies::CONTRACT);
    let db = world.builder(1, Arc::new(store)).open().await.unwrap();
    let invoices = db.sequence("invoices").block(1);
    invoices.next().await.unwrap();
    let (numbers, cost) = cost(&db, join_all((0..100).map(|_| invoices.next()))).await;
    assert_eq!((cost.gets, cost.puts()), (0, 1), "{cost:?}");
    let numbers: Vec<u64> = numbers.into_iter().map(Result::unwrap).collect();
    assert_eq!(numbers, (2..=101).collect::<Vec<u64>>());
}

#[tokio::test(start_paused = true)]
async fn no_number_is_given_to_two_programs() {
    let world = World::new(4);
    let mut programs = Vec::new();
    for client in 0..8 {
        let store = LatentStore::random(world.store.clone(), Latencies::CONTRACT, client);
        let db = world.builder(client, Arc::new(store)).open().await.unwrap();
        programs.push(db);
    }
    let work = programs.iter().enumerate().map(|(number, db)| async move {
        let invoices = db
            .sequence("invoices")
            .block(1 + u32::try_from(number).unwrap());
        let mut numbers = Vec::new();
        for count in 0..20 {
            numbers.extend(invoices.next_many(count % 4).await.unwrap());
            let some = join_all((0..3).map(|_| invoices.next())).await;
            numbers.extend(some.into_iter().map(Result::unwrap));
        }
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
        numbers
    });
    let numbers: Vec<u64> = join_all(work).await.into_iter().flatten().collect();
    assert_eq!(numbers.len(), 8 * (30 + 60));
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
}

#[tokio::test(start_paused = true)]
async fn with_a_block_of_1_numbers_are_in_the_order_of_time_between_programs() {
    let world = World::new(5);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let mut last = 0;
    for _ in 0..10 {
        for db in [&one, &other] {
            // A handle with a larger block in the same program keeps its numbers to itself.
            db.sequence("invoices").next().await.unwrap();
            let number = db.sequence("invoices").block(1).next().await.unwrap();
            assert!(number > last, "{number} after {last}");
            last = number;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_ends_leaves_a_gap_of_at_most_a_block() {
    let world = World::new(6);
    let first = world.open(1).await;
    assert_eq!(
        first.sequence("invoices").block(16).next().await.unwrap(),
        1
    );
    first.close().await;
    let next = world
        .open(2)
        .await
        .sequence("invoices")
        .next()
        .await
        .unwrap();
    assert_eq!(next, 17);
}

#[tokio::test(start_paused = true)]
async fn more_than_one_call_may_collect_is_refused_and_reserves_nothing() {
    let world = World::new(7);
    let limits = Limits {
        collect: 5,
        ..Limits::default()
    };
    let builder = world.builder(1, world.store.clone()).limits(limits);
    let db = builder.open().await.unwrap();
    let invoices = db.sequence("invoices");
    assert_eq!(
        invoices.next_many(6).await.unwrap_err().code(),
        "SB-TOO-MANY"
    );
    assert!(invoices.next_many(0).await.unwrap().is_empty());
    assert_eq!(invoices.peek().await.unwrap(), 1);
    assert_eq!(invoices.next_many(5).await.unwrap(), [1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_takes_no_number_from_others() {
    let world = World::new(8);
    let store = LatentStore::exact(world.store.clone(), Latencies::CONTRACT);
    let db = world.builder(1, Arc::new(store)).open().await.unwrap();
    let invoices = db.sequence("invoices");
    let dropped = tokio::time::timeout(Duration::from_millis(15), invoices.next()).await;
    assert!(dropped.is_err());
    let numbers = join_all((0..3).map(|_| invoices.next())).await;
    let numbers: BTreeSet<u64> = numbers.into_iter().map(Result::unwrap).collect();
    assert_eq!(numbers.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_repair_moves_a_sequence_up_and_never_down() {
    let world = World::new(9);
    let (one, other) = (world.open(1).await, world.open(2).await);
    one.sequence("invoices").next().await.unwrap();
    let seen = one.list_sequences().await.unwrap().remove(0);
    assert_eq!((&*seen.name, seen.next), ("invoices", 65));
    let down = one
        .repair_sequence(&seen, 64, "start anew")
        .await
        .unwrap_err();
    assert_eq!(down.kind(), ErrorKind::Invalid);
    other.sequence("invoices").next().await.unwrap();
    let conflict = one
        .repair_sequence(&seen, 1_000, "old invoices")
        .await
        .unwrap_err();
    assert_eq!(conflict.code(), "SB-REVISION");
    let seen = one.list_sequences().await.unwrap().remove(0);
    one.repair_sequence(&seen, 1_000, "old invoices")
        .await
        .unwrap();
    let third = world.open(3).await;
    assert_eq!(third.sequence("invoices").next().await.unwrap(), 1_000);
    let repaired = third
        .list_sequences()
        .await
        .unwrap()
        .remove(0)
        .repair
        .unwrap();
    assert_eq!((&*repaired.reason, repaired.was), ("old invoices", 129));
}

#[tokio::test(start_paused = true)]
async fn the_last_number_is_followed_by_an_error() {
    let world = World::new(10);
    let db = world.open(1).await;
    db.sequence("invoices").next().await.unwrap();
    let seen = db.list_sequences().await.unwrap().remove(0);
    db.repair_sequence(&seen, u64::MAX - 1, "a test")
        .await
        .unwrap();
    let last = db.sequence("invoices").block(1);
    assert_eq!(last.next().await.unwrap(), u64::MAX - 1);
    let refused = last.next().await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Refused, "SB-COUNTER-BOUNDS")
    );
}
