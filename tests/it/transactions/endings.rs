//! What is left when a transaction has ended.

use std::time::Duration;

use smarterbase::prelude::*;

use super::{check, invariant_objects, open, plan_of, users};
use crate::user::{User, id};

#[tokio::test(start_paused = true)]
async fn every_object_is_clean_after_the_transactions_end() {
    let (world, db) = open().await;
    users(&db, &["ada", "bob"]).await;
    for _ in 0..3 {
        db.transaction(|tx| async move {
            for key in ["ada", "bob"] {
                User::update(&tx, &id(key), |user| {
                    user.age += 1;
                    Ok(())
                })
                .await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    }
    db.close().await;
    let objects = invariant_objects(&world).await;
    assert!(
        objects.iter().all(|object| !object.starts_with("_tx/")),
        "{objects:?}"
    );
    for key in ["ada", "bob"] {
        let key = smarterbase_core::format::Key::from_stored(format!("users/{key}.json"));
        let object = world.store.get(&key).await.unwrap().unwrap();
        let text = std::str::from_utf8(&object.bytes).unwrap();
        assert!(
            !text.contains("intent") && text.contains("\"rev\":4"),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_a_transaction_after_its_closure_ended_does_not_stop_its_commit() {
    let (world, db) = open().await;
    users(&db, &["ada", "bob"]).await;
    let commit = db.transaction(|tx| async move {
        for key in ["ada", "bob"] {
            User::update(&tx, &id(key), |user| {
                user.plan = "pro".into();
                Ok(())
            })
            .await?;
        }
        Ok(())
    });
    let mut running = Box::pin(commit.into_future());
    let _ = tokio::time::timeout(Duration::ZERO, &mut running).await;
    drop(running);
    let plans = [plan_of(&db, "ada").await, plan_of(&db, "bob").await];
    assert_eq!(plans[0], plans[1]);
    check(&world, db).await;
}
