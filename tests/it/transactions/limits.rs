//! What a transaction refuses, and what is too large for it.

use std::sync::Mutex;

use smarterbase::{Limits, TransactionLimits, prelude::*};
use smarterbase_testkit::sweep::World;

use super::{invariant_objects, open, users};
use crate::{
    cost::Note,
    user::{User, id},
};

#[tokio::test(start_paused = true)]
async fn a_tx_that_outlives_its_closure_is_refused() {
    let (_world, db) = open().await;
    users(&db, &["ada"]).await;
    let kept = Mutex::new(None);
    db.transaction(|tx| {
        *kept.lock().unwrap() = Some(tx.clone());
        async move { User::get(&tx, &id("ada")).await.map(drop) }
    })
    .await
    .unwrap();
    let tx = kept.into_inner().unwrap().unwrap();
    let refused = [
        User::get(&tx, &id("ada")).await.map(drop).unwrap_err(),
        User::create(&tx, User::new("bob"))
            .await
            .map(drop)
            .unwrap_err(),
        User::find_by_plan(&tx, "free").await.map(drop).unwrap_err(),
        User::find_by_email(&tx, "ada@example.org")
            .await
            .map(drop)
            .unwrap_err(),
        User::list(&tx).await.map(drop).unwrap_err(),
    ];
    for error in refused {
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Refused, "SB-TRANSACTION-ENDED")
        );
    }
    assert!(User::get(&db, &id("bob")).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_refuses_to_write() {
    let (_world, db) = open().await;
    let refused = db
        .snapshot(|tx| async move { User::create(&tx, User::new("ada")).await.map(drop) })
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Refused, "SB-READ-ONLY")
    );
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_is_too_large_is_refused() {
    let world = World::new(1);
    let limits = Limits {
        transactions: TransactionLimits {
            reads: 5,
            writes: 2,
            bytes: 10_000,
            ..TransactionLimits::default()
        },
        ..Limits::default()
    };
    let db = world
        .builder(1, world.store.clone())
        .limits(limits)
        .open()
        .await
        .unwrap();
    let write = |most: usize| {
        let db = db.clone();
        async move {
            db.transaction(|tx| async move {
                for number in 0..most {
                    Note::create(
                        &tx,
                        Note {
                            id: format!("{most}-{number}"),
                            text: id("t"),
                        },
                    )
                    .await?;
                }
                Ok(())
            })
            .await
        }
    };
    write(2).await.unwrap();
    assert_eq!(write(3).await.unwrap_err().code(), "SB-BUDGET");
    let notes = ["a", "b", "c"].map(|key| Note {
        id: id(key),
        text: id("t"),
    });
    let answers = db.transaction(|tx| {
        let notes = notes.clone();
        async move { Note::create_many(&tx, notes).await }
    });
    let answers = answers.await.unwrap();
    let is_refused: Vec<bool> = answers.iter().map(std::result::Result::is_err).collect();
    assert_eq!(is_refused, [false, false, true]);
    assert!(
        !Note::exists(&db, &id("c")).await.unwrap(),
        "it was answered that it is not written"
    );
    let large = db
        .transaction(|tx| async move {
            Note::create(
                &tx,
                Note {
                    id: id("large"),
                    text: "x".repeat(20_000),
                },
            )
            .await
            .map(drop)
        })
        .await;
    assert_eq!(large.unwrap_err().code(), "SB-BUDGET");
    let reading = db
        .transaction(|tx| async move {
            for number in 0..9 {
                Note::get(&tx, &number.to_string()).await?;
            }
            Ok(())
        })
        .await;
    assert_eq!(reading.unwrap_err().code(), "SB-BUDGET");
}

#[tokio::test(start_paused = true)]
async fn large_bodies_are_staged_and_nothing_of_it_stays() {
    let world = World::new(1);
    let limits = Limits {
        transactions: TransactionLimits {
            staged_from: 100,
            ..TransactionLimits::default()
        },
        ..Limits::default()
    };
    let db = world
        .builder(1, world.store.clone())
        .limits(limits)
        .open()
        .await
        .unwrap();
    let text = "x".repeat(1_000);
    let large = text.as_str();
    db.transaction(|tx| async move {
        for key in ["a", "b"] {
            Note::create(
                &tx,
                Note {
                    id: id(key),
                    text: large.to_owned(),
                },
            )
            .await?;
        }
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(
        Note::get(&db, &id("b")).required().await.unwrap().text,
        text
    );
    db.close().await;
    let objects = invariant_objects(&world).await;
    let left = |prefix: &str| {
        objects
            .iter()
            .filter(|object| object.starts_with(prefix))
            .count()
    };
    assert_eq!((left("notes/"), left("_stage/"), left("_tx/")), (2, 0, 0));
}
