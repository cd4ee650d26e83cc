//! Fences: a transaction that a lock ties to its holder, and holders that lost the lock.

use std::{sync::Arc, time::Duration};

use smarterbase::{LockGuard, Result, prelude::*};
use smarterbase_core::{
    document::KeyText,
    format::{
        Envelope, Nonce, envelope,
        path::{self, EncodedId},
    },
    port::{Attempt, Expect},
};
use smarterbase_testkit::{
    Fault, FaultStore,
    sweep::{Latencies, LatentStore, World},
};
use tokio::time::timeout;

use crate::{
    locks::{LEASE, second},
    user::{User, id},
};

/// Adds a visit under the lock, fenced by it.
async fn visit(db: &Db, guard: &LockGuard) -> Result<u32> {
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

async fn rival_write(db: &Db, guard: &LockGuard) -> Result<()> {
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
