//! Unique values that change hands inside of a transaction.

use std::sync::Arc;

use smarterbase::prelude::*;
use smarterbase_testkit::FaultStore;

use super::{check, invariant_objects, open, plan_of, users};
use crate::user::{User, id};

#[tokio::test(start_paused = true)]
async fn unique_values_change_places_in_one_transaction() {
    let (world, db) = open().await;
    users(&db, &["ada", "eve"]).await;
    db.transaction(|tx| async move {
        let mut ada = User::get(&tx, &id("ada")).required().await?;
        let mut eve = User::get(&tx, &id("eve")).required().await?;
        std::mem::swap(&mut ada.email, &mut eve.email);
        ada.save(&tx).await?;
        eve.save(&tx).await
    })
    .await
    .unwrap();
    let holder = User::find_by_email(&db, "ada@example.org").await.unwrap();
    assert_eq!(holder.unwrap().id, "eve");
    let holder = User::find_by_email(&db, "eve@example.org").await.unwrap();
    assert_eq!(holder.unwrap().id, "ada");
    assert_eq!(db.transaction_counts().conflicts, 0);
    check(&world, db).await;
}

#[tokio::test(start_paused = true)]
async fn a_held_unique_value_fails_the_transaction_and_names_its_holder() {
    let (world, db) = open().await;
    users(&db, &["ada", "eve"]).await;
    let objects = invariant_objects(&world).await;
    let refused = db
        .transaction(|tx| async move {
            User::create(&tx, User::new("bob").email("ADA@example.org")).await?;
            User::create(&tx, User::new("cid")).await
        })
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unique);
    assert_eq!(refused.holder(), Some("users/ada"));
    assert_eq!(refused.field(), Some("email"));
    assert!(plan_of(&db, "cid").await.is_none());
    let twice = db
        .transaction(|tx| async move {
            User::create(&tx, User::new("bob").email("same@example.org")).await?;
            User::create(&tx, User::new("cid").email("same@example.org")).await
        })
        .await
        .unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::Unique);
    let now = invariant_objects(&world).await;
    let documents = |objects: &[String]| {
        let is_document =
            |object: &&String| object.starts_with("users/a") || object.starts_with("users/e");
        objects
            .iter()
            .filter(is_document)
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(documents(&now), documents(&objects));
    check(&world, db).await;
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_given_up_is_taken_by_a_touch_of_its_former_holder() {
    let (world, db) = open().await;
    users(&db, &["ada", "eve"]).await;
    // The claim of ada's first address is left behind, as by a process that died after the put.
    let store = Arc::new(FaultStore::recording(world.store.clone()));
    let dying = world.builder(7, store.clone()).open().await.unwrap();
    let mut ada = User::get(&dying, &id("ada")).required().await.unwrap();
    ada.email = "other@example.org".into();
    ada.save(&dying).await.unwrap();
    drop(dying);
    db.transaction(|tx| async move {
        let mut eve = User::get(&tx, &id("eve")).required().await?;
        eve.email = "ada@example.org".into();
        eve.save(&tx).await?;
        User::create(&tx, User::new("bob")).await.map(drop)
    })
    .await
    .unwrap();
    let holder = User::find_by_email(&db, "ada@example.org").await.unwrap();
    assert_eq!(holder.unwrap().id, "eve");
    check(&world, db).await;
}
