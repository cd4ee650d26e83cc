//! Waiting for locks: who comes next, in a process and between processes, and who goes away meanwhile.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use smarterbase::prelude::*;
use smarterbase_core::{
    format::Nonce,
    port::{Clock, LockQueue, LockQueueError, QueuedLock},
};
use smarterbase_testkit::{
    MemoryLockQueue,
    sweep::{Latencies, LatentStore, World},
};
use tokio::time::timeout;

use crate::locks::second;

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
