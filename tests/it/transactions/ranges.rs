//! Documents that come into a range, or go, while a transaction runs.

use std::sync::atomic::{AtomicU32, Ordering};

use smarterbase::{Result, prelude::*};

use super::{check, open, plan_of, users};
use crate::user::{User, id};

/// The later read is of a version that the earlier range does not show, and it does not change any more.
#[tokio::test(start_paused = true)]
async fn a_document_that_came_into_a_range_before_it_was_read_is_missing_there() {
    let (world, db) = open().await;
    users(&db, &["ada"]).await;
    let runs = &AtomicU32::new(0);
    let (db_ref, others) = (&db, &world.open(2).await);
    let plans = db
        .snapshot(|tx| async move {
            let pros = User::count_by_plan(&tx, "pro").await?;
            if runs.fetch_add(1, Ordering::Relaxed) == 0 {
                upgrade(others, "ada").await?;
            }
            let ada = User::get(&tx, &id("ada")).required().await?;
            Ok((pros, ada.plan.clone()))
        })
        .await
        .unwrap();
    assert_eq!(plans, (1, id("pro")));
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    assert_eq!(plan_of(db_ref, "ada").await.as_deref(), Some("pro"));
}

#[tokio::test(start_paused = true)]
async fn a_document_that_came_into_a_range_before_it_was_written_is_missing_there() {
    let (world, db) = open().await;
    users(&db, &["ada"]).await;
    let runs = &AtomicU32::new(0);
    let others = &world.open(2).await;
    let pros = db
        .transaction(|tx| async move {
            let pros = User::count_by_plan(&tx, "pro").await?;
            if runs.fetch_add(1, Ordering::Relaxed) == 0 {
                upgrade(others, "ada").await?;
            }
            let mut ada = User::get(&tx, &id("ada")).required().await?;
            ada.age += 1;
            ada.save(&tx).await?;
            Ok(pros)
        })
        .await
        .unwrap();
    assert_eq!((pros, runs.load(Ordering::Relaxed)), (1, 2));
    check(&world, db).await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_was_created_after_a_list_and_then_read_is_missing_there() {
    let (world, db) = open().await;
    users(&db, &["ada"]).await;
    let runs = &AtomicU32::new(0);
    let others = &world.open(2).await;
    let seen = db
        .snapshot(|tx| async move {
            let listed = User::list(&tx).await?.len();
            if runs.fetch_add(1, Ordering::Relaxed) == 0 {
                User::create(others, User::new("eve")).await?;
            }
            Ok((listed, User::exists(&tx, &id("eve")).await?))
        })
        .await
        .unwrap();
    assert_eq!((seen, runs.load(Ordering::Relaxed)), ((2, true), 2));
}

/// A transaction that moves a document out of a range that it read, and into another, is alone.
#[tokio::test(start_paused = true)]
async fn what_a_transaction_moves_between_its_own_ranges_is_no_conflict() {
    let (world, db) = open().await;
    users(&db, &["ada", "eve"]).await;
    db.transaction(|tx| async move {
        User::find_by_plan(&tx, "pro").await?;
        for mut user in User::find_by_plan(&tx, "free").await? {
            user.plan = id("pro");
            user.save(&tx).await?;
        }
        User::list(&tx).await.map(drop)
    })
    .await
    .unwrap();
    assert_eq!(db.transaction_counts().conflicts, 0);
    assert_eq!(User::count_by_plan(&db, "pro").await.unwrap(), 2);
    check(&world, db).await;
}

async fn upgrade(db: &Db, key: &str) -> Result<()> {
    let upgraded = User::update(db, &id(key), |user| {
        user.plan = id("pro");
        Ok(())
    });
    upgraded.await.map(drop)
}
