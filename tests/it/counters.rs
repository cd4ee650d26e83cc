//! Counters by users: every acknowledged change counts, many changes cost one put, and what would pass a bound changes nothing.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use smarterbase::{CounterFlag, Limits, prelude::*};
use smarterbase_core::store::Requests;
use smarterbase_testkit::sweep::{Latencies, LatentStore, World};

async fn cost<R>(db: &Db, work: impl Future<Output = R>) -> (R, Requests) {
    let before = db.request_counts().snapshot();
    let done = work.await;
    let cost = db.request_counts().snapshot() - before;
    assert_eq!(cost.lists + cost.deletes + cost.conditional_deletes, 0);
    (done, cost)
}

#[tokio::test(start_paused = true)]
async fn a_counter_begins_at_0_and_gives_the_value_that_a_change_made() {
    let world = World::new(1);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let visits = one.counter("visits");
    assert_eq!(visits.get().await.unwrap(), 0);
    assert_eq!(visits.increment().await.unwrap(), 1);
    assert_eq!(other.counter("visits").add(10).await.unwrap(), 11);
    assert_eq!(visits.decrement().await.unwrap(), 10);
    assert_eq!(other.counter("visits").get().await.unwrap(), 10);
    assert_eq!(visits.set(3).await.unwrap(), 10);
    assert_eq!(other.counter("visits").reset().await.unwrap(), 3);
    assert_eq!(visits.get().await.unwrap(), 0);
    assert_eq!(visits.name(), "visits");
}

#[tokio::test(start_paused = true)]
async fn an_uncontended_increment_costs_one_put_and_the_first_one_a_get_too() {
    let world = World::new(2);
    let db = world.open(1).await;
    let visits = db.counter("visits");
    let (_, first) = cost(&db, visits.increment()).await;
    assert_eq!((first.gets, first.puts(), first.creates), (1, 1, 1));
    let (_, again) = cost(&db, visits.increment()).await;
    assert_eq!((again.gets, again.puts()), (0, 1), "{again:?}");
    let (_, by_another_handle) = cost(&db, db.counter("visits").increment()).await;
    assert_eq!((by_another_handle.gets, by_another_handle.puts()), (0, 1));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (_, later) = cost(&db, visits.increment()).await;
    assert_eq!((later.gets, later.puts()), (1, 1), "{later:?}");
    let (value, read) = cost(&db, visits.get()).await;
    assert_eq!((value.unwrap(), read.gets, read.puts()), (4, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn increments_that_wait_in_a_process_are_one_put_and_each_has_its_own_value() {
    let world = World::new(3);
    let store = LatentStore::exact(world.store.clone(), Latencies::CONTRACT);
    let db = world.builder(1, Arc::new(store)).open().await.unwrap();
    let visits = db.counter("visits");
    visits.increment().await.unwrap();
    let (values, cost) = cost(&db, join_all((0..100).map(|_| visits.increment()))).await;
    assert_eq!((cost.gets, cost.puts()), (0, 1), "{cost:?}");
    let values: Vec<i64> = values.into_iter().map(Result::unwrap).collect();
    assert_eq!(values, (2..=101).collect::<Vec<i64>>());
    assert_eq!(visits.get().await.unwrap(), 101);
}

#[tokio::test(start_paused = true)]
async fn no_increment_of_many_programs_is_lost() {
    let world = World::new(4);
    let mut programs = Vec::new();
    for client in 0..8 {
        let store = LatentStore::random(world.store.clone(), Latencies::CONTRACT, client);
        let db = world.builder(client, Arc::new(store)).open().await.unwrap();
        programs.push(db);
    }
    let work = programs.iter().map(|db| async move {
        let visits = db.counter("visits");
        let mut values = Vec::new();
        for _ in 0..10 {
            let some = join_all((0..5).map(|_| visits.increment())).await;
            values.extend(some.into_iter().map(Result::unwrap));
        }
        assert!(values.is_sorted(), "{values:?}");
        values
    });
    let mut values: Vec<i64> = join_all(work).await.into_iter().flatten().collect();
    values.sort_unstable();
    assert_eq!(values, (1..=400).collect::<Vec<i64>>());
    assert_eq!(programs[0].counter("visits").get().await.unwrap(), 400);
}

#[tokio::test(start_paused = true)]
async fn a_change_past_a_bound_is_refused_and_changes_nothing() {
    let world = World::new(5);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let seats = one.counter("seats").at_least(0).at_most(3);
    seats.set(2).await.unwrap();
    let refused = seats.add(-3).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert_eq!(refused.code(), "SB-COUNTER-BOUNDS");
    assert_eq!(
        (refused.collection(), refused.id()),
        (Some("_counter"), Some("seats"))
    );
    assert_eq!(seats.add(2).await.unwrap_err().code(), "SB-COUNTER-BOUNDS");
    assert_eq!(seats.set(4).await.unwrap_err().code(), "SB-COUNTER-BOUNDS");
    assert_eq!(other.counter("seats").get().await.unwrap(), 2);
    // Bounds are the handle's.
    assert_eq!(other.counter("seats").add(5).await.unwrap(), 7);
    assert_eq!(seats.add(-1).await.unwrap(), 6);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_refused_because_of_a_value_of_the_past() {
    let world = World::new(6);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let seats = one.counter("seats").at_least(0);
    seats.set(1).await.unwrap();
    seats.decrement().await.unwrap();
    // The first program believes that it is 0.
    other.counter("seats").add(5).await.unwrap();
    let (left, cost) = cost(&one, seats.decrement()).await;
    assert_eq!(left.unwrap(), 4);
    assert_eq!((cost.gets, cost.puts()), (1, 1), "{cost:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_seat_is_sold_once() {
    let world = World::new(7);
    world.open(0).await.counter("seats").set(7).await.unwrap();
    let mut sellers = Vec::new();
    for client in 1..=4 {
        let store = LatentStore::random(world.store.clone(), Latencies::CONTRACT, client);
        let db = world.builder(client, Arc::new(store)).open().await.unwrap();
        sellers.push(db);
    }
    let selling = sellers.iter().map(|db| async move {
        let seats = db.counter("seats").at_least(0);
        join_all((0..5).map(|_| seats.decrement())).await
    });
    let sold: Vec<_> = join_all(selling).await.into_iter().flatten().collect();
    let mut left: Vec<i64> = sold
        .iter()
        .filter_map(|sold| sold.as_ref().ok().copied())
        .collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4, 5, 6]);
    let refused = sold.into_iter().filter_map(Result::err);
    assert!(
        refused
            .map(|error| error.code())
            .all(|code| code == "SB-COUNTER-BOUNDS")
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_between_two_resets_is_in_one_of_them() {
    let world = World::new(8);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let mut drained = 0;
    for _ in 0..5 {
        let visits = one.counter("visits");
        let more = join_all((0..7).map(|_| visits.increment()));
        let (more, reset) = tokio::join!(more, async { other.counter("visits").reset().await });
        assert!(more.into_iter().all(|one| one.is_ok()));
        drained += reset.unwrap();
    }
    drained += one.counter("visits").reset().await.unwrap();
    assert_eq!(drained, 35);
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_before_the_put_has_changed_nothing() {
    let world = World::new(9);
    let store = LatentStore::exact(world.store.clone(), Latencies::CONTRACT);
    let db = world.builder(1, Arc::new(store)).open().await.unwrap();
    let visits = db.counter("visits");
    let mut sent = tokio::spawn({
        let visits = visits.clone();
        async move { visits.add(1).await }
    });
    tokio::time::sleep(Duration::from_millis(15)).await;
    let mut waits = tokio::spawn({
        let visits = visits.clone();
        async move { visits.add(100).await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    waits.abort();
    assert!((&mut waits).await.unwrap_err().is_cancelled());
    (&mut sent).await.unwrap().unwrap();
    assert_eq!(visits.increment().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn names_are_as_ids() {
    let db = World::new(10).open(1).await;
    let unnamed = db.counter("").increment().await.unwrap_err();
    assert_eq!(
        (unnamed.kind(), unnamed.code()),
        (ErrorKind::Invalid, "SB-INVALID-ID")
    );
    assert_eq!(
        db.sequence("").next().await.unwrap_err().code(),
        "SB-INVALID-ID"
    );
    db.counter("A/1").increment().await.unwrap();
    assert_eq!(db.counter("a/1").get().await.unwrap(), 0);
    assert_eq!(db.list_counters().await.unwrap()[0].name, "A/1");
}

#[tokio::test(start_paused = true)]
async fn a_closed_and_a_read_only_database_count_nothing() {
    let world = World::new(11);
    let db = world.open(1).await;
    let (visits, numbers) = (db.counter("visits"), db.sequence("numbers"));
    visits.increment().await.unwrap();
    numbers.next().await.unwrap();
    db.close().await;
    assert_eq!(visits.increment().await.unwrap_err().code(), "SB-CLOSED");
    assert_eq!(numbers.next().await.unwrap_err().code(), "SB-CLOSED");
    let builder = world.builder(2, world.store.clone()).read_only(true);
    let reader = builder.open().await.unwrap();
    assert_eq!(reader.counter("visits").get().await.unwrap(), 1);
    let refused = reader.counter("visits").increment().await.unwrap_err();
    assert_eq!(refused.code(), "SB-READ-ONLY");
    assert_eq!(
        reader.sequence("numbers").next().await.unwrap_err().code(),
        "SB-READ-ONLY"
    );
}

#[tokio::test(start_paused = true)]
async fn an_audit_lists_values_ages_and_what_is_worth_a_look() {
    let world = World::new(12);
    let db = world.open(1).await;
    db.counter("fine").add(7).await.unwrap();
    db.counter("large").add(1_000_001).await.unwrap();
    db.counter("low").add(-1).await.unwrap();
    db.counter("none").add(1).await.unwrap();
    db.counter("none").reset().await.unwrap();
    db.counter("bound").at_most(5).set(5).await.unwrap();
    tokio::time::sleep(Duration::from_secs(90)).await;
    db.counter("bound").add(1).await.unwrap();
    let all = db.list_counters().await.unwrap();
    let seen: Vec<_> = all
        .iter()
        .map(|info| (&*info.name, info.value, info.age.as_secs(), &*info.flags))
        .collect();
    assert_eq!(
        seen,
        [
            ("bound", 6, 0, &[CounterFlag::OutOfBounds][..]),
            ("fine", 7, 90, &[]),
            ("large", 1_000_001, 90, &[CounterFlag::Large]),
            ("low", -1, 90, &[CounterFlag::Negative]),
            ("none", 0, 90, &[CounterFlag::Zero]),
        ]
    );
    let flagged = db.list_counters().above(6).only_flagged().await.unwrap();
    let flagged: Vec<_> = flagged.iter().map(|info| &*info.name).collect();
    assert_eq!(flagged, ["bound", "fine", "large", "low", "none"]);
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_too_many_says_so_and_a_stream_gives_them() {
    use futures::TryStreamExt;
    let world = World::new(13);
    let limits = Limits {
        collect: 3,
        ..Limits::default()
    };
    let builder = world.builder(1, world.store.clone()).limits(limits);
    let db = builder.open().await.unwrap();
    for name in ["a", "b", "c", "d"] {
        db.counter(name).increment().await.unwrap();
        db.sequence(name).next().await.unwrap();
    }
    assert_eq!(db.list_counters().await.unwrap_err().code(), "SB-TOO-MANY");
    assert_eq!(db.list_sequences().await.unwrap_err().code(), "SB-TOO-MANY");
    let all: Vec<_> = db.list_counters().stream().try_collect().await.unwrap();
    assert_eq!(all.len(), 4);
    let all: Vec<_> = db.list_sequences().stream().try_collect().await.unwrap();
    assert_eq!(all.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_repair_needs_a_reason_and_that_nothing_changed_meanwhile() {
    let world = World::new(14);
    let db = world.open(1).await;
    db.counter("visits").add(-5).await.unwrap();
    let seen = db.list_counters().await.unwrap().remove(0);
    let unexplained = db.repair_counter(&seen, 0, " ").await.unwrap_err();
    assert_eq!(unexplained.kind(), ErrorKind::Invalid);
    db.counter("visits").increment().await.unwrap();
    let conflict = db
        .repair_counter(&seen, 0, "import ran twice")
        .await
        .unwrap_err();
    assert_eq!(
        (conflict.kind(), conflict.code()),
        (ErrorKind::Conflict, "SB-REVISION")
    );
    assert_eq!(db.counter("visits").get().await.unwrap(), -4);
    let seen = db.list_counters().await.unwrap().remove(0);
    db.repair_counter(&seen, 12, "import ran twice")
        .await
        .unwrap();
    assert_eq!(db.counter("visits").increment().await.unwrap(), 13);
    let repaired = db.list_counters().await.unwrap().remove(0).repair.unwrap();
    assert_eq!((&*repaired.reason, repaired.was), ("import ran twice", -4));
}
