//! Hot documents: many workers, and nobody has to try again.

use std::{sync::Arc, time::Duration};

use smarterbase::{Result, prelude::*};
use smarterbase_testkit::sweep::World;

use super::users;
use crate::user::{User, id};

/// Workers of several processes, in effect: each has a handle of its own, and latencies differ.
async fn increments(workers: u64, act: impl AsyncFn(&Db) -> Result<()>) -> u64 {
    let world = World::new(3);
    let db = world.open(0).await;
    users(&db, &["ada", "eve"]).await;
    let mut running = Vec::new();
    for number in 1..=workers {
        let latencies = smarterbase_testkit::sweep::Latencies::CONTRACT;
        let latent =
            smarterbase_testkit::sweep::LatentStore::random(world.store.clone(), latencies, number);
        let db = world
            .builder(number, Arc::new(latent))
            .open()
            .await
            .unwrap();
        running.push(async {
            let db = db;
            for _ in 0..10 {
                act(&db).await.unwrap();
            }
            db.close().await;
        });
    }
    futures::future::join_all(running).await;
    let ada = User::get(&db, &id("ada")).required().await.unwrap();
    u64::from(ada.age) - 30
}

#[tokio::test(start_paused = true)]
async fn no_update_of_32_workers_needs_a_retry_of_its_caller() {
    let total = increments(32, async |db| {
        let updated = User::update(db, &id("ada"), |ada| {
            ada.age += 1;
            Ok(())
        });
        updated.await.map(drop)
    });
    assert_eq!(total.await, 320);
}

#[tokio::test(start_paused = true)]
async fn no_transaction_of_8_workers_on_two_hot_documents_needs_a_retry_of_its_caller() {
    let total = increments(8, async |db| {
        db.transaction(|tx| async move {
            for key in ["ada", "eve"] {
                let mut user = User::get(&tx, &id(key)).required().await?;
                user.age += 1;
                user.save(&tx).await?;
            }
            Ok(())
        })
        .await
    });
    assert_eq!(total.await, 80);
}

/// Workers of one process on a store far away: how long they took together, and how often they sent a next version.
async fn in_turns(
    workers: u32,
    each: u32,
    act: impl AsyncFn(&Db) -> Result<()>,
) -> (Duration, u64) {
    let world = World::new(3);
    let latencies = smarterbase_testkit::sweep::Latencies::CONTRACT;
    let store = smarterbase_testkit::sweep::LatentStore::exact(world.store.clone(), latencies);
    let db = world.builder(0, Arc::new(store)).open().await.unwrap();
    users(&db, &["ada", "eve"]).await;
    let swaps = || db.request_counts().snapshot().swaps;
    let (begun, sent) = (tokio::time::Instant::now(), swaps());
    let working = (0..workers).map(async |_| {
        for _ in 0..each {
            act(&db).await.unwrap();
        }
    });
    futures::future::join_all(working).await;
    let took = begun.elapsed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sent = swaps() - sent;
    let ada = User::get(&db, &id("ada")).required().await.unwrap();
    assert_eq!(ada.age - 30, workers * each);
    db.close().await;
    (took, sent)
}

/// Per transaction: what the one before left is finished 20 ms, two reads 20 ms, intents 20 ms, the record 20 ms.
#[tokio::test(start_paused = true)]
async fn transactions_of_one_process_on_hot_documents_take_turns() {
    let (took, swaps) = in_turns(32, 3, async |db| {
        db.transaction(|tx| async move {
            for key in ["ada", "eve"] {
                let mut user = User::get(&tx, &id(key)).required().await?;
                user.age += 1;
                user.save(&tx).await?;
            }
            Ok(())
        })
        .await
    })
    .await;
    assert_eq!(
        swaps,
        96 * 4,
        "two intents and two versions each, none in vain"
    );
    assert!(took < Duration::from_millis(96 * 80 + 200), "{took:?}");
}

/// Per update: a read 10 ms, the entry of the new age 20 ms, the put 20 ms.
#[tokio::test(start_paused = true)]
async fn updates_of_one_process_on_a_hot_document_take_turns() {
    let (took, swaps) = in_turns(32, 3, async |db| {
        let updated = User::update(db, &id("ada"), |ada| {
            ada.age += 1;
            Ok(())
        });
        updated.await.map(drop)
    })
    .await;
    assert_eq!(swaps, 96, "some were in vain");
    assert!(took < Duration::from_millis(96 * 50 + 200), "{took:?}");
}
