//! Locks by users: one holder at a time, its deadline, its lease, its end, and who is listed.

use std::{sync::Arc, time::Duration};

use smarterbase::{Limits, LockLimits, prelude::*};
use smarterbase_core::{
    port::Clock,
    store::{MemoryStore, Requests},
};
use smarterbase_testkit::{Fault, FaultStore, sweep::World};
use tokio::time::timeout;

pub(crate) const LEASE: Duration = Duration::from_secs(30);

pub(crate) fn second() -> Duration {
    Duration::from_secs(1)
}

#[tokio::test(start_paused = true)]
async fn a_lock_has_one_holder_and_the_next_token_is_greater() {
    let world = World::new(1);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let first = one.lock("report").await.unwrap();
    assert!(other.lock("report").try_once().await.unwrap().is_none());
    assert!(one.lock("report").try_once().await.unwrap().is_none());
    let token = first.fencing_token();
    first.release().await.unwrap();
    let second = other.lock("report").await.unwrap();
    assert!(second.fencing_token() > token);
    assert_eq!(second.name(), "report");
}

#[tokio::test(start_paused = true)]
async fn two_names_are_two_locks() {
    let db = World::new(2).open(1).await;
    let _one = db.lock("a").await.unwrap();
    let _other = db.lock("A").try_once().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_uncontended_lock_costs_a_get_and_two_puts_and_then_two_puts() {
    let world = World::new(3);
    let db = world.open(1).await;
    let first = cost(&db, "x").await;
    assert_eq!((first.gets, first.puts()), (1, 2), "{first:?}");
    assert_eq!(first.creates, 1, "{first:?}");
    let again = cost(&db, "x").await;
    assert_eq!((again.gets, again.puts()), (0, 2), "{again:?}");
    tokio::time::sleep(LEASE).await;
    let later = cost(&db, "x").await;
    assert_eq!((later.gets, later.puts()), (1, 2), "{later:?}");
}

async fn cost(db: &Db, name: &str) -> Requests {
    let before = db.request_counts().snapshot();
    db.lock(name).await.unwrap().release().await.unwrap();
    let cost = db.request_counts().snapshot() - before;
    assert_eq!(cost.lists + cost.deletes + cost.conditional_deletes, 0);
    cost
}

#[tokio::test(start_paused = true)]
async fn a_deadline_passes_and_names_the_lock_and_not_the_holder() {
    let world = World::new(5);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let _held = one.lock("nightly").holder("secret host").await.unwrap();
    let begun = world.clock.elapsed();
    let refused = other
        .lock("nightly")
        .deadline(Duration::from_millis(20))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert_eq!(refused.code(), "SB-LOCK-HELD");
    assert_eq!(
        (refused.collection(), refused.id()),
        (Some("_lock"), Some("nightly"))
    );
    assert!(!refused.to_string().contains("secret"), "{refused}");
    assert_eq!(world.clock.elapsed() - begun, Duration::from_millis(20));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_guard_releases_the_lock() {
    let world = World::new(6);
    let (one, other) = (world.open(1).await, world.open(2).await);
    drop(one.lock("x").await.unwrap());
    one.close().await;
    assert!(other.lock("x").try_once().await.unwrap().is_some());
}

#[test]
fn a_guard_that_is_dropped_outside_of_a_runtime_releases_the_lock() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let db = runtime.block_on(async {
        let store = Arc::new(MemoryStore::new());
        Db::builder().store(store).open().await.unwrap()
    });
    let guard = runtime.block_on(async { db.lock("x").await.unwrap() });
    drop(guard);
    runtime.block_on(async {
        let again = db.lock("x").deadline(Duration::from_secs(5)).await.unwrap();
        again.release().await.unwrap();
    });
    let left = runtime.block_on(async { db.lock("x").await.unwrap() });
    drop(runtime);
    // Nobody is there to release it: that must not panic.
    drop(left);
}

#[tokio::test(start_paused = true)]
async fn a_holder_renews_for_as_long_as_it_holds() {
    let world = World::new(9);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let guard = one.lock("x").await.unwrap();
    let before = one.request_counts().snapshot();
    let refused = other
        .lock("x")
        .deadline(LEASE * 4 + second())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "SB-LOCK-HELD");
    assert!(!guard.is_lost());
    let cost = one.request_counts().snapshot() - before;
    assert_eq!((cost.gets, cost.puts()), (0, 12));
    guard.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_holder_is_followed_after_its_lease_and_not_before() {
    let world = World::new(10);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let token = die_with("x", &one).await;
    let begun = world.clock.elapsed();
    let next = other.lock("x").await.unwrap();
    let waited = world.clock.elapsed() - begun;
    assert!(waited >= LEASE, "{waited:?}");
    assert!(waited < LEASE + second(), "{waited:?}");
    assert!(next.fencing_token() > token);
}

/// A process that holds the lock and is gone, with everything that ran in it.
async fn die_with(name: &str, db: &Db) -> u64 {
    let guard = db.lock(name).await.unwrap();
    let token = guard.fencing_token();
    // Closed databases renew nothing, and a guard that is forgotten releases nothing.
    db.clone().close().await;
    std::mem::forget(guard);
    token
}

#[tokio::test(start_paused = true)]
async fn tries_of_one_process_take_over_once_the_first_one_is_a_lease_ago() {
    let world = World::new(11);
    let (one, other) = (world.open(1).await, world.open(2).await);
    die_with("x", &one).await;
    assert!(other.lock("x").try_once().await.unwrap().is_none());
    tokio::time::sleep(LEASE / 2).await;
    assert!(other.lock("x").try_with_retry(3).await.unwrap().is_none());
    tokio::time::sleep(LEASE / 2).await;
    assert!(other.lock("x").try_once().await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn retries_end_with_their_number_and_zero_of_them_is_one_try() {
    let world = World::new(12);
    let (one, other) = (world.open(1).await, world.open(2).await);
    assert!(one.lock("free").try_with_retry(0).await.unwrap().is_some());
    let _held = one.lock("x").await.unwrap();
    let before = other.request_counts().snapshot();
    assert!(other.lock("x").try_with_retry(4).await.unwrap().is_none());
    let cost = other.request_counts().snapshot() - before;
    assert_eq!((cost.gets, cost.puts()), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_released_by_force_is_lost_at_the_next_renewal() {
    let world = World::new(13);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let guard = one.lock("x").holder("host-1").await.unwrap();
    let released = other.force_release("x").await.unwrap().unwrap();
    assert_eq!(released.holder.as_deref(), Some("host-1"));
    assert_eq!(released.fencing_token, guard.fencing_token());
    assert_eq!(other.force_release("x").await.unwrap(), None);
    assert!(!guard.is_lost(), "it could not know yet");
    timeout(LEASE / 2, guard.lost()).await.unwrap();
    assert!(guard.is_lost());
    let error = guard.release().await.unwrap_err();
    assert_eq!(error.code(), "SB-LOCK-LOST");
}

#[tokio::test(start_paused = true)]
async fn locks_are_listed_with_their_holders_and_ages() {
    let world = World::new(14);
    let db = world.open(1).await;
    let other = world.open(2).await;
    let _a = db
        .lock("b/2")
        .holder("host-1")
        .lease(LEASE / 3)
        .await
        .unwrap();
    tokio::time::sleep(second() * 8).await;
    let _b = other.lock("a").await.unwrap();
    db.lock("free").await.unwrap().release().await.unwrap();
    let listed = db.list_locks().await.unwrap();
    let names: Vec<&str> = listed.iter().map(|lock| lock.name.as_str()).collect();
    assert_eq!(names, ["a", "b/2"]);
    assert_eq!(listed[1].holder.as_deref(), Some("host-1"));
    assert_eq!(listed[0].holder, None);
    assert_eq!((listed[1].age, listed[1].lease), (second() * 8, LEASE / 3));
    assert!(listed[1].renewed.unwrap() > listed[1].acquired);
    assert_ne!(listed[0].process, listed[1].process);
    assert_eq!(
        db.inspect_lock("b/2").await.unwrap().as_ref(),
        Some(&listed[1])
    );
    assert_eq!(db.inspect_lock("free").await.unwrap(), None);
    assert_eq!(db.inspect_lock("never").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn more_locks_than_a_page_are_streamed_and_more_than_a_call_may_collect_are_refused() {
    use futures::TryStreamExt;
    let world = World::new(15);
    let db = world.open(1).await;
    let mut guards = Vec::new();
    for number in 0..1_003 {
        guards.push(db.lock(format!("{number:04}")).await.unwrap());
    }
    let listed: Vec<_> = db.list_locks().stream().try_collect().await.unwrap();
    assert_eq!(listed.len(), 1_003);
    assert!(listed.iter().map(|lock| &lock.name).is_sorted());
    assert_eq!(db.list_locks().await.unwrap_err().code(), "SB-TOO-MANY");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_refused_before_any_request() {
    let world = World::new(18);
    let db = world.open(1).await;
    let before = db.request_counts().snapshot();
    for (wrong, code) in [
        (db.lock(""), "SB-INVALID-ID"),
        (db.lock("a".repeat(201)), "SB-INVALID-ID"),
        (db.lock("x").lease(Duration::from_millis(99)), "SB-INVALID"),
        (db.lock("x").lease(Duration::from_secs(3_601)), "SB-INVALID"),
        (db.lock("x").holder("h".repeat(201)), "SB-INVALID"),
    ] {
        let error = wrong.await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    assert_eq!(db.request_counts().snapshot() - before, Requests::default());
    let store = world.store.clone();
    let reader = world
        .builder(2, store)
        .read_only(true)
        .open()
        .await
        .unwrap();
    assert_eq!(reader.lock("x").await.unwrap_err().code(), "SB-READ-ONLY");
    assert_eq!(
        reader.force_release("x").await.unwrap_err().code(),
        "SB-READ-ONLY"
    );
    db.clone().close().await;
    assert_eq!(db.lock("x").await.unwrap_err().code(), "SB-CLOSED");
}

#[tokio::test(start_paused = true)]
async fn closing_ends_the_waiting_and_a_guard_that_outlives_it_is_lost_after_its_lease() {
    let world = World::new(19);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let guard = one.lock("x").await.unwrap();
    let waiting = tokio::spawn({
        let other = other.clone();
        async move { other.lock("x").await.map(drop) }
    });
    tokio::time::sleep(second()).await;
    other.close().await;
    assert_eq!(waiting.await.unwrap().unwrap_err().code(), "SB-CLOSED");
    one.close().await;
    assert!(!guard.is_lost());
    timeout(LEASE, guard.lost()).await.unwrap();
    // Nobody took it meanwhile, so it was held until now.
    guard.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_limits_of_a_database_are_the_lease_and_the_deadline() {
    let world = World::new(20);
    let limits = Limits {
        locks: LockLimits {
            lease: second() * 3,
            deadline: second() * 2,
        },
        ..Limits::default()
    };
    let opening = world.builder(1, world.store.clone()).limits(limits);
    let db = opening.open().await.unwrap();
    let _held = db.lock("x").await.unwrap();
    assert_eq!(
        db.inspect_lock("x").await.unwrap().unwrap().lease,
        second() * 3
    );
    let begun = world.clock.elapsed();
    assert!(db.lock("x").await.is_err());
    assert_eq!(world.clock.elapsed() - begun, second() * 2);
}

#[tokio::test(start_paused = true)]
async fn a_process_whose_release_failed_does_not_wait_for_its_own_lease() {
    let world = World::new(27);
    let other = world.open(2).await;
    // Opening, looking, taking; the release is refused.
    let faults = Arc::new(FaultStore::at(world.store.clone(), 3, Fault::Deny));
    let db = world.builder(1, faults.clone()).open().await.unwrap();
    let guard = db.lock("x").await.unwrap();
    assert_eq!(guard.release().await.unwrap_err().code(), "SB-DENIED");
    assert!(faults.was_hit());
    assert!(other.lock("x").try_once().await.unwrap().is_none());
    let again = db.lock("x").try_once().await.unwrap().unwrap();
    drop(again);
    db.close().await;
    assert!(other.lock("x").try_once().await.unwrap().is_some());
}
