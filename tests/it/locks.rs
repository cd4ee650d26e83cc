//! Locks by users: one holder at a time, in order, through crashes, and with fencing.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use smarterbase::{Limits, LockLimits, prelude::*};
use smarterbase_core::{
    document::KeyText,
    format::{
        Envelope, Nonce, envelope,
        path::{self, EncodedId},
    },
    port::{Attempt, Clock, Expect, LockQueue, LockQueueError, QueuedLock},
    store::{MemoryStore, Requests},
};
use smarterbase_testkit::{
    Fault, FaultStore, MemoryLockQueue,
    sweep::{Latencies, LatentStore, World},
};
use tokio::time::timeout;

use crate::user::{User, id};

const LEASE: Duration = Duration::from_secs(30);

fn second() -> Duration {
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
async fn waiters_of_one_process_hand_the_lock_on_with_one_put_each_in_their_order() {
    let world = World::new(4);
    let db = world.open(1).await;
    let first = db.lock("x").await.unwrap();
    let waiting: Vec<_> = (0..5).map(|number| spawn_waiter(&db, number)).collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let before = db.request_counts().snapshot();
    first.release().await.unwrap();
    let mut tokens = Vec::new();
    for (number, waiter) in waiting.into_iter().enumerate() {
        let (waited, token) = waiter.await.unwrap();
        assert_eq!(waited, number);
        tokens.push(token);
    }
    let cost = db.request_counts().snapshot() - before;
    assert_eq!((cost.gets, cost.puts()), (0, 6), "{cost:?}");
    assert!(tokens.is_sorted(), "{tokens:?}");
    tokens.dedup();
    assert_eq!(tokens.len(), 5);
}

fn spawn_waiter(db: &Db, number: usize) -> tokio::task::JoinHandle<(usize, u64)> {
    let db = db.clone();
    tokio::spawn(async move {
        let guard = db.lock("x").await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let token = guard.fencing_token();
        guard.release().await.unwrap();
        (number, token)
    })
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
async fn a_waiter_that_goes_away_leaves_the_lock_to_the_next_one() {
    let world = World::new(7);
    let db = world.open(1).await;
    let first = db.lock("x").await.unwrap();
    let impatient = tokio::spawn({
        let db = db.clone();
        async move { db.lock("x").deadline(second()).await.is_err() }
    });
    let patient = spawn_waiter(&db, 2);
    let aborted = spawn_waiter(&db, 3);
    assert!(impatient.await.unwrap());
    aborted.abort();
    first.release().await.unwrap();
    assert_eq!(patient.await.unwrap().0, 2);
    assert!(db.lock("x").try_once().await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_while_it_takes_the_lock_gives_it_back() {
    let world = World::new(8);
    let slow = Arc::new(LatentStore::exact(world.store.clone(), Latencies::CONTRACT));
    let db = world.builder(1, slow).open().await.unwrap();
    let other = world.open(2).await;
    for milliseconds in 0..60 {
        let taking = async { db.lock("x").await.unwrap().release().await };
        drop(timeout(Duration::from_millis(milliseconds), taking).await);
        let next = other.lock("x").deadline(second() * 2).await.unwrap();
        next.release().await.unwrap();
    }
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
async fn several_locks_are_taken_in_order_or_not_at_all() {
    let world = World::new(16);
    let (one, other) = (world.open(1).await, world.open(2).await);
    let held = one.locks(["b", "a", "b"]).await.unwrap();
    let names: Vec<String> = held.iter().map(|guard| guard.name()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(held.get("b").is_some() && held.get("c").is_none() && !held.is_lost());
    let refused = other
        .locks(["0", "a"])
        .deadline(second())
        .await
        .unwrap_err();
    assert_eq!((refused.code(), refused.id()), ("SB-LOCK-HELD", Some("a")));
    other.close().await;
    assert!(one.lock("0").try_once().await.unwrap().is_some());
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn those_who_want_the_same_locks_in_any_order_never_wait_for_each_other() {
    let world = World::new(17);
    let mut tasks = Vec::new();
    for client in 0..4 {
        let db = world.open(client).await;
        for names in [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]] {
            let db = db.clone();
            tasks.push(tokio::spawn(async move {
                for _ in 0..5 {
                    let held = db.locks(names).deadline(second() * 600).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    held.release().await.unwrap();
                }
            }));
        }
    }
    for task in tasks {
        timeout(second() * 900, task).await.unwrap().unwrap();
    }
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

/// Adds a visit under the lock, fenced by it.
async fn visit(db: &Db, guard: &smarterbase::LockGuard) -> smarterbase::Result<u32> {
    db.transaction(|tx| async move {
        tx.fenced_by(guard)?;
        let mut ada = User::get(&tx, &id("ada")).required().await?;
        ada.marks.push(1);
        ada.save(&tx).await?;
        Ok(tx.attempt())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_fenced_transaction_commits_while_the_lock_is_held_also_across_renewals() {
    let world = World::new(21);
    let db = world.open(1).await;
    User::create(&db, User::new("ada")).await.unwrap();
    let guard = db.lock("x").await.unwrap();
    visit(&db, &guard).await.unwrap();
    tokio::time::sleep(LEASE * 3).await;
    assert_eq!(visit(&db, &guard).await.unwrap(), 1);
    let before = db.request_counts().snapshot();
    visit(&db, &guard).await.unwrap();
    db.clone().close().await;
    let cost = db.request_counts().snapshot() - before;
    // The document is read, is put with its intent, the lock is asked for, and the document is put.
    assert_eq!((cost.gets, cost.puts()), (2, 2), "{cost:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fenced_transaction_conflicts_at_once_when_the_lock_has_moved_on() {
    let world = World::new(22);
    let (one, other) = (world.open(1).await, world.open(2).await);
    User::create(&one, User::new("ada")).await.unwrap();
    let guard = one.lock("x").await.unwrap();
    other.force_release("x").await.unwrap();
    let error = visit(&one, &guard).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Conflict, "SB-LOCK-LOST")
    );
    assert_eq!(error.id(), Some("x"));
    assert_eq!(one.transaction_counts().conflicts, 1, "it is not run again");
    // Whoever comes next holds another revision, also when it is the same process.
    let next = one.lock("y").await.unwrap();
    let moved = one.lock("x").deadline(second()).await;
    assert_eq!(
        moved.unwrap_err().code(),
        "SB-LOCK-HELD",
        "the guard was not dropped yet"
    );
    assert!(visit(&one, &guard).await.is_err());
    visit(&one, &next).await.unwrap();
    let marks = User::get(&one, &id("ada"))
        .required()
        .await
        .unwrap()
        .marks
        .len();
    assert_eq!(marks, 1);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_and_an_error_of_the_closure_heed_the_fence_too() {
    let world = World::new(23);
    let (one, other) = (world.open(1).await, world.open(2).await);
    User::create(&one, User::new("ada")).await.unwrap();
    let guard = one.lock("x").await.unwrap();
    let guard = &guard;
    let look = || {
        one.snapshot(|tx| async move {
            tx.fenced_by(guard)?;
            User::get(&tx, &id("ada")).await.map(drop)
        })
    };
    look().await.unwrap();
    other.force_release("x").await.unwrap();
    assert_eq!(look().await.unwrap_err().code(), "SB-LOCK-LOST");
    let foreign = World::new(24).open(1).await;
    let wrong = foreign
        .transaction(|tx| async move { tx.fenced_by(guard) })
        .await;
    assert_eq!(wrong.unwrap_err().code(), "SB-INVALID");
}

#[tokio::test(start_paused = true)]
async fn transactions_that_escalate_never_lock_the_lock_that_fences_them() {
    let world = World::new(25);
    let slow = |seed| {
        Arc::new(LatentStore::random(
            world.store.clone(),
            Latencies::CONTRACT,
            seed,
        ))
    };
    let db = world.builder(1, slow(1)).open().await.unwrap();
    User::create(&db, User::new("ada")).await.unwrap();
    User::create(&db, User::new("eve")).await.unwrap();
    let guard = Arc::new(db.lock("x").lease(second()).await.unwrap());
    let mut tasks = Vec::new();
    for client in 2..6 {
        let rival = world.builder(client, slow(client)).open().await.unwrap();
        let guard = guard.clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..20 {
                rival_write(&rival, &guard).await.unwrap();
            }
            rival.transaction_counts().escalated
        }));
    }
    let mut escalated = 0;
    for task in tasks {
        escalated += task.await.unwrap();
    }
    assert!(escalated > 0, "nothing was put to the test");
    assert!(!guard.is_lost());
    Arc::into_inner(guard).unwrap().release().await.unwrap();
}

async fn rival_write(db: &Db, guard: &smarterbase::LockGuard) -> smarterbase::Result<()> {
    db.transaction(|tx| async move {
        tx.fenced_by(guard)?;
        for name in ["ada", "eve"] {
            let mut user = User::get(&tx, &id(name)).required().await?;
            user.marks.push(1);
            user.save(&tx).await?;
        }
        Ok(())
    })
    .await
}

/// Puts the lock document again as it is, as somebody does who gives up a put of his own.
async fn touch(world: &World, name: &str) {
    let key = path::lock(&EncodedId::encode(&KeyText(name.to_owned())).unwrap());
    let object = world.store.get(&key).await.unwrap().unwrap();
    let opened = envelope::open(&object.bytes).unwrap();
    let touched = Envelope {
        put: Nonce::from_random([3; 13]),
        ..opened.envelope
    };
    let expect = Expect::Exactly(object.version);
    let put = world
        .store
        .put(&key, &expect, touched.seal(&opened.body))
        .await;
    assert!(matches!(put, Attempt::Applied(_)), "{put:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_somebody_put_again_as_it_was_is_still_held() {
    let world = World::new(26);
    let (one, other) = (world.open(1).await, world.open(2).await);
    User::create(&one, User::new("ada")).await.unwrap();
    let guard = one.lock("x").await.unwrap();
    touch(&world, "x").await;
    assert_eq!(visit(&one, &guard).await.unwrap(), 1);
    assert_eq!(
        other
            .lock("x")
            .deadline(LEASE * 3)
            .await
            .unwrap_err()
            .code(),
        "SB-LOCK-HELD"
    );
    assert!(!guard.is_lost());
    touch(&world, "x").await;
    guard.release().await.unwrap();
    let next = other.lock("x").try_once().await.unwrap().unwrap();
    touch(&world, "x").await;
    let waiting = tokio::spawn(async move { other.lock("x").await.map(|_| ()) });
    tokio::time::sleep(Duration::from_millis(1)).await;
    next.release().await.unwrap();
    waiting.await.unwrap().unwrap();
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

#[tokio::test(start_paused = true)]
async fn a_holder_without_a_store_knows_that_it_lost_the_lock_before_others_have_it() {
    let world = World::new(28);
    let other = world.open(2).await;
    let faults = (3..10_000).map(|call| (call, Fault::FailBefore));
    let faults = Arc::new(FaultStore::with_faults(world.store.clone(), faults));
    let db = world.builder(1, faults).open().await.unwrap();
    let guard = db.lock("x").await.unwrap();
    let taken = tokio::spawn(async move { other.lock("x").await.unwrap() });
    timeout(LEASE, guard.lost()).await.unwrap();
    assert!(!taken.is_finished());
    let next = timeout(second() * 2, taken).await.unwrap().unwrap();
    assert!(next.fencing_token() > guard.fencing_token());
    assert_eq!(visit(&db, &guard).await.unwrap_err().code(), "SB-LOCK-LOST");
}

fn shared_queue(world: &World) -> Arc<MemoryLockQueue> {
    Arc::new(MemoryLockQueue::new(world.clock.clone()))
}

async fn open_with(world: &World, client: u64, queue: &Arc<MemoryLockQueue>) -> Db {
    let builder = world.builder(client, world.store.clone());
    builder.lock_queue(queue.clone()).open().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn with_a_queue_processes_come_in_their_order_and_at_once() {
    let world = World::new(29);
    let queue = shared_queue(&world);
    let first = open_with(&world, 0, &queue).await;
    let held = first.lock("x").await.unwrap();
    let mut waiting = Vec::new();
    for client in 1..6 {
        let db = open_with(&world, client, &queue).await;
        waiting.push(spawn_waiter(&db, usize::try_from(client).unwrap()));
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
    let released = world.clock.elapsed();
    held.release().await.unwrap();
    let mut tokens = Vec::new();
    for waiter in waiting {
        tokens.push(waiter.await.unwrap().1);
    }
    assert!(tokens.is_sorted(), "{tokens:?}");
    // Five sections of 10 ms, and nothing in between.
    let took = world.clock.elapsed() - released;
    assert!(took < Duration::from_millis(60), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_gives_up_wakes_the_one_behind_it() {
    let world = World::new(30);
    let queue = shared_queue(&world);
    let holder = world.open(0).await;
    let (one, other) = (
        open_with(&world, 1, &queue).await,
        open_with(&world, 2, &queue).await,
    );
    let held = holder.lock("x").await.unwrap();
    let first = spawn_waiter(&one, 1);
    tokio::time::sleep(Duration::from_millis(250)).await;
    let second = tokio::spawn(async move {
        drop(other.lock("x").await.unwrap());
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    // It has no queue, so nobody is woken.
    held.release().await.unwrap();
    first.abort();
    timeout(Duration::from_millis(50), second)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_wrong_for_ever_delays_and_does_not_stop() {
    let world = World::new(31);
    let queue = shared_queue(&world);
    let db = open_with(&world, 1, &queue).await;
    let lock = QueuedLock {
        database: Nonce::parse(db.database_id()).unwrap(),
        name: "x".to_owned(),
    };
    let nobody = Nonce::from_random([9; 13]);
    queue.enter(&lock, nobody, second() * 3_600).await.unwrap();
    let guard = db.lock("x").deadline(second() * 3).await.unwrap();
    assert!(world.clock.elapsed() >= second());
    guard.release().await.unwrap();
    assert!(
        db.lock("x").try_once().await.unwrap().is_some(),
        "a try does not queue"
    );
}

#[tokio::test(start_paused = true)]
async fn a_process_with_many_waiters_leaves_the_lock_to_others() {
    for has_queue in [true, false] {
        let world = World::new(32);
        let queue = shared_queue(&world);
        let (busy, lonely) = match has_queue {
            true => (
                open_with(&world, 1, &queue).await,
                open_with(&world, 2, &queue).await,
            ),
            false => (world.open(1).await, world.open(2).await),
        };
        let crowd: Vec<_> = (0..20)
            .map(|number| {
                let busy = busy.clone();
                tokio::spawn(async move {
                    for _ in 0..40 {
                        spawn_waiter(&busy, number).await.unwrap();
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let asked = world.clock.elapsed();
        let guard = lonely.lock("x").await.unwrap();
        let waited = world.clock.elapsed() - asked;
        guard.release().await.unwrap();
        // The crowd takes 8 s in all; its turn is 20 sections of 10 ms with a queue, and 200 ms at a time without.
        let most = if has_queue { 500 } else { 3_000 };
        println!("queue: {has_queue}, waited {waited:?}");
        assert!(
            waited < Duration::from_millis(most),
            "queue: {has_queue}, {waited:?}"
        );
        for one in crowd {
            one.await.unwrap();
        }
    }
}

/// A queue that is slow to hear that somebody leaves.
#[derive(Debug)]
struct SlowToLeave(Arc<MemoryLockQueue>);

#[async_trait]
impl LockQueue for SlowToLeave {
    async fn enter(
        &self,
        lock: &QueuedLock,
        waiter: Nonce,
        keep: Duration,
    ) -> Result<u64, LockQueueError> {
        self.0.enter(lock, waiter, keep).await
    }

    async fn wait(&self, waiter: Nonce, longest: Duration) {
        self.0.wait(waiter, longest).await;
    }

    async fn leave(
        &self,
        lock: &QueuedLock,
        waiter: Nonce,
        passes_on: bool,
    ) -> Result<(), LockQueueError> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.0.leave(lock, waiter, passes_on).await
    }

    async fn wake(&self, lock: &QueuedLock) -> Result<(), LockQueueError> {
        self.0.wake(lock).await
    }

    async fn waiting(&self, lock: &QueuedLock) -> Result<u64, LockQueueError> {
        self.0.waiting(lock).await
    }
}

#[tokio::test(start_paused = true)]
async fn who_releases_before_its_place_is_given_up_does_not_wake_itself() {
    let world = World::new(33);
    let queue = shared_queue(&world);
    let slow = Arc::new(SlowToLeave(queue.clone()));
    let builder = world.builder(1, world.store.clone());
    let one = builder.lock_queue(slow).open().await.unwrap();
    let other = open_with(&world, 2, &queue).await;
    let held = one.lock("x").await.unwrap();
    let waiting = tokio::spawn(async move { drop(other.lock("x").await.unwrap()) });
    tokio::time::sleep(Duration::from_millis(10)).await;
    held.release().await.unwrap();
    timeout(Duration::from_millis(100), waiting)
        .await
        .unwrap()
        .unwrap();
}
