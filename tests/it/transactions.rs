//! What a transaction does for its caller.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use smarterbase::{Error, Limits, Result, TransactionLimits, prelude::*};
use smarterbase_core::{
    document::Version,
    format::{Key, Prefix},
    port::{
        Attempt as PutAttempt, Capabilities, CasStore, Changed, Expect, ListPage, Object,
        StoreError,
    },
};
use smarterbase_testkit::{Fault, FaultStore, invariant, sweep::World};

use tokio::sync::Notify;

use crate::{
    cost::Note,
    user::{User, id},
};

async fn open() -> (World, Db) {
    let world = World::new(1);
    let db = world.open(1).await;
    (world, db)
}

async fn users(db: &Db, ids: &[&str]) {
    for id in ids {
        User::create(db, User::new(id)).await.unwrap();
    }
}

async fn plan_of(db: &Db, key: &str) -> Option<String> {
    User::get(db, &id(key))
        .await
        .unwrap()
        .map(|user| user.plan.clone())
}

async fn check(world: &World, db: Db) {
    let wrong = invariant::wrong_answers::<User>(&db, &*world.store).await;
    assert!(wrong.is_empty(), "{wrong:?}");
    db.close().await;
    let damage = invariant::damage::<User>(&*world.store).await;
    assert!(damage.is_empty(), "{damage:?}");
}

#[tokio::test(start_paused = true)]
async fn documents_of_two_types_change_together() {
    let (world, db) = open().await;
    users(&db, &["ada"]).await;
    let note = db
        .transaction(|tx| async move {
            let mut ada = User::get(&tx, &id("ada")).required().await?;
            ada.plan = "pro".into();
            ada.save(&tx).await?;
            let text = format!("{} is {}", ada.id, ada.plan);
            Note::create(&tx, Note { id: id("n1"), text }).await
        })
        .await
        .unwrap();
    assert_eq!(note.text, "ada is pro");
    assert_eq!(plan_of(&db, "ada").await.as_deref(), Some("pro"));
    let stored = Note::get(&db, &id("n1")).required().await.unwrap();
    assert_eq!((stored.revision(), stored.text.as_str()), (1, "ada is pro"));
    assert_eq!(User::find_by_plan(&db, "pro").await.unwrap().len(), 1);
    assert!(User::find_by_plan(&db, "free").await.unwrap().is_empty());
    check(&world, db).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_a_transaction_that_fails() {
    let (world, db) = open().await;
    users(&db, &["ada", "eve"]).await;
    let objects = invariant_objects(&world).await;
    #[derive(Debug, PartialEq)]
    struct Overdrawn;
    impl std::fmt::Display for Overdrawn {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("overdrawn")
        }
    }
    impl std::error::Error for Overdrawn {}
    let failed = db
        .transaction(|tx| async move {
            User::update(&tx, &id("ada"), |ada| {
                ada.plan = "pro".into();
                Ok(())
            })
            .await?;
            User::delete(&tx, &id("eve")).await?;
            Err::<(), _>(Error::abort(Overdrawn))
        })
        .await
        .unwrap_err();
    assert_eq!(failed.downcast::<Overdrawn>().unwrap(), Overdrawn);
    assert_eq!(invariant_objects(&world).await, objects);
    check(&world, db).await;
}

/// The names of everything that is stored.
async fn invariant_objects(world: &World) -> Vec<String> {
    let everything = smarterbase_core::format::Prefix::new("");
    let page = world.store.list(&everything, None, 1_000).await.unwrap();
    page.objects
        .iter()
        .map(|object| format!("{} {:?}", object.key, object.version))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_transaction_reads_what_it_wrote() {
    let (world, db) = open().await;
    users(&db, &["ada", "bob", "eve"]).await;
    db.transaction(|tx| async move {
        let created = User::create(&tx, User::new("cid").plan("pro")).await?;
        assert_eq!(created.revision(), 1);
        let mut ada = User::get(&tx, &id("ada")).required().await?;
        ada.plan = "pro".into();
        ada.email = "new@example.org".into();
        ada.age = 70;
        ada.save(&tx).await?;
        User::delete(&tx, &id("eve")).await?;

        let pros: Vec<_> = User::find_by_plan(&tx, "pro").await?;
        let ids: Vec<&str> = pros.iter().map(|user| user.id.as_str()).collect();
        assert_eq!(ids, ["ada", "cid"]);
        let free = User::find_by_plan(&tx, "free").await?;
        assert_eq!(free.len(), 1);
        assert_eq!(free[0].id, "bob");
        assert_eq!(User::count_by_plan(&tx, "pro").await?, 2);
        let found = User::find_by_email(&tx, "new@example.org").await?.unwrap();
        assert_eq!(found.id, "ada");
        assert!(User::find_by_email(&tx, "ada@example.org").await?.is_none());
        assert!(User::find_by_email(&tx, "eve@example.org").await?.is_none());
        assert!(!User::exists(&tx, &id("eve")).await?);
        let all = User::list(&tx).await?;
        let all: Vec<&str> = all.iter().map(|user| user.id.as_str()).collect();
        assert_eq!(all, ["ada", "bob", "cid"]);
        let old = User::find_by_age_in(&tx, 40..).await?;
        assert_eq!(old.len(), 1);
        let page = User::query(&tx)
            .order_by(|user| user.age.desc())
            .page(2)
            .await?;
        let ids: Vec<&str> = page.items.iter().map(|user| user.id.as_str()).collect();
        assert_eq!(ids, ["ada", "cid"]);
        assert!(page.next.is_some());
        let scanned = User::query(&tx)
            .scan()
            .retain(|user| user.plan == "pro")
            .count()
            .await?;
        assert_eq!(scanned, 2);

        // The same document again, by the handle that the first write gave.
        ada.age = 71;
        ada.save(&tx).await?;
        assert_eq!(ada.revision(), 2);
        Ok(())
    })
    .await
    .unwrap();
    let ada = User::get(&db, &id("ada")).required().await.unwrap();
    assert_eq!((ada.revision(), ada.age), (2, 71));
    check(&world, db).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_transaction_gives_back_can_be_saved() {
    let (world, db) = open().await;
    users(&db, &["bob"]).await;
    let mut ada = db
        .transaction(|tx| async move {
            User::get(&tx, &id("bob")).required().await?;
            User::create(&tx, User::new("ada")).await
        })
        .await
        .unwrap();
    ada.plan = "pro".into();
    ada.save(&db).await.unwrap();
    assert_eq!(ada.revision(), 2);
    let again = db
        .transaction(|tx| async move {
            let users = [User::new("x"), User::new("y")];
            let created = User::create_many(&tx, users).await?;
            created.into_iter().collect::<Result<Vec<_>>>()
        })
        .await
        .unwrap();
    for user in again {
        user.remove(&db).await.unwrap();
    }
    check(&world, db).await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_was_loaded_before_is_saved_if_it_is_still_the_same() {
    let (world, db) = open().await;
    users(&db, &["ada", "bob"]).await;
    let loaded = User::get(&db, &id("ada")).required().await.unwrap();
    let save = |loaded: Stored<User>| {
        let db = db.clone();
        async move {
            db.transaction(|tx| {
                let mut ada = loaded.clone();
                async move {
                    User::get(&tx, &id("bob")).required().await?;
                    ada.marks.push(1);
                    ada.save(&tx).await
                }
            })
            .await
        }
    };
    save(loaded.clone()).await.unwrap();
    let stale = save(loaded).await.unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Conflict);
    assert_eq!(stale.code(), "SB-REVISION");
    check(&world, db).await;
}

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

#[tokio::test(start_paused = true)]
async fn creating_over_a_live_document_fails_and_over_a_tombstone_goes_on_counting() {
    let (world, db) = open().await;
    users(&db, &["ada", "eve"]).await;
    User::delete(&db, &id("eve")).await.unwrap();
    let exists = db
        .transaction(|tx| async move {
            Note::create(
                &tx,
                Note {
                    id: id("n"),
                    text: id("t"),
                },
            )
            .await?;
            User::create(&tx, User::new("ada")).await
        })
        .await
        .unwrap_err();
    assert_eq!(exists.code(), "SB-EXISTS");
    assert!(Note::get(&db, &id("n")).await.unwrap().is_none());
    let eve = db
        .transaction(|tx| async move {
            Note::create(
                &tx,
                Note {
                    id: id("n"),
                    text: id("t"),
                },
            )
            .await?;
            User::create(&tx, User::new("eve")).await
        })
        .await
        .unwrap();
    assert_eq!(eve.revision(), 3);
    check(&world, db).await;
}

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
async fn a_transaction_runs_again_when_others_were_faster() {
    let (world, db) = open().await;
    users(&db, &["ada", "bob"]).await;
    let runs = AtomicU32::new(0);
    let (db_ref, runs_ref) = (&db, &runs);
    db.transaction(|tx| async move {
        let ada = User::get(&tx, &id("ada")).required().await?;
        if runs_ref.fetch_add(1, Ordering::Relaxed) == 0 {
            User::update(db_ref, &id("ada"), |ada| {
                ada.marks.push(1);
                Ok(())
            })
            .await?;
        }
        let mut bob = User::get(&tx, &id("bob")).required().await?;
        bob.marks = ada.marks.clone();
        bob.save(&tx).await
    })
    .await
    .unwrap();
    assert_eq!(runs.into_inner(), 2);
    let bob = User::get(&db, &id("bob")).required().await.unwrap();
    assert_eq!(bob.marks, [1]);
    assert_eq!(db.transaction_counts().conflicts, 1);
    check(&world, db).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_of_reads_that_do_not_fit_together_never_comes_out() {
    let (world, db) = open().await;
    users(&db, &["ada", "bob"]).await;
    let runs = AtomicU32::new(0);
    let (db_ref, runs_ref) = (&db, &runs);
    let sum = db
        .snapshot(|tx| async move {
            let ada = User::get(&tx, &id("ada")).required().await?;
            if runs_ref.fetch_add(1, Ordering::Relaxed) == 0 {
                for key in ["ada", "bob"] {
                    User::update(db_ref, &id(key), |user| {
                        user.age += 1;
                        Ok(())
                    })
                    .await?;
                }
            }
            let bob = User::get(&tx, &id("bob")).required().await?;
            match ada.age == bob.age {
                true => Ok(ada.age + bob.age),
                false => Err(Error::abort(std::io::Error::other("impossible"))),
            }
        })
        .await
        .unwrap();
    assert_eq!(sum, 62);
    check(&world, db).await;
}

/// Whatever the store does to the check of what was read: an error that may only come of reads that do not fit together
/// does not come out unchecked.
#[tokio::test(start_paused = true)]
async fn an_error_that_could_not_be_checked_gives_way_to_the_failure_of_the_check() {
    let mut failed_checks = 0;
    for call in 0.. {
        let (world, clean) = open().await;
        users(&clean, &["ada", "bob"]).await;
        let store = FaultStore::at(world.store.clone(), call, Fault::Deny);
        let store = Arc::new(store);
        let Ok(db) = world.builder(2, store.clone()).open().await else {
            continue;
        };
        match sum_while_others_write(&db, &clean).await {
            Ok(sum) => assert_eq!(sum, 62),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Denied, "call {call}: {error}");
                failed_checks += 1;
            }
        }
        if !store.was_hit() {
            break;
        }
    }
    assert!(failed_checks > 2, "{failed_checks}");
}

/// Two users that are always of the same age are read while both grow older.
async fn sum_while_others_write(db: &Db, others: &Db) -> Result<u32> {
    let runs = &AtomicU32::new(0);
    db.snapshot(|tx| async move {
        let ada = User::get(&tx, &id("ada")).required().await?;
        if runs.fetch_add(1, Ordering::Relaxed) == 0 {
            others
                .transaction(|tx| async move { grow_older(&tx).await })
                .await?;
        }
        let bob = User::get(&tx, &id("bob")).required().await?;
        match ada.age == bob.age {
            true => Ok(ada.age + bob.age),
            false => Err(Error::abort(std::io::Error::other("impossible"))),
        }
    })
    .await
}

async fn grow_older(tx: &smarterbase::Tx) -> Result<()> {
    for key in ["ada", "bob"] {
        User::update(tx, &id(key), |user| {
            user.age += 1;
            Ok(())
        })
        .await?;
    }
    Ok(())
}

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

type StoreResult<T, E> = std::result::Result<T, E>;

/// A store in which the second look at one object, which was not there at the first, waits until another object was validated,
/// and until something happened then. A first look asks for anything but no version; a second one at nothing is a GET.
#[derive(Debug)]
struct LateSecondLook {
    inner: Arc<dyn CasStore>,
    late: Key,
    gets: AtomicU32,
    validated: (Key, Notify),
    reached: Notify,
    go_on: Notify,
}

impl LateSecondLook {
    fn new(world: &World, late: &str, validated: &str) -> Self {
        let key = |text: &str| Key::from_stored(format!("users/{text}.json"));
        Self {
            inner: world.store.clone(),
            late: key(late),
            gets: AtomicU32::new(0),
            validated: (key(validated), Notify::new()),
            reached: Notify::new(),
            go_on: Notify::new(),
        }
    }
}

#[async_trait::async_trait]
impl CasStore for LateSecondLook {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn get(&self, key: &Key) -> StoreResult<Option<Object>, StoreError> {
        if *key == self.late && self.gets.fetch_add(1, Ordering::Relaxed) == 0 {
            self.validated.1.notified().await;
            self.reached.notify_one();
            self.go_on.notified().await;
        }
        self.inner.get(key).await
    }
    async fn get_if_changed(
        &self,
        key: &Key,
        version: &Version,
    ) -> StoreResult<Changed, StoreError> {
        let answer = self.inner.get_if_changed(key, version).await;
        if *key == self.validated.0 && *version != Version::default() {
            self.validated.1.notify_one();
        }
        answer
    }
    async fn put(&self, key: &Key, expect: &Expect, body: bytes::Bytes) -> PutAttempt {
        self.inner.put(key, expect, body).await
    }
    async fn delete_if(&self, key: &Key, version: &Version) -> PutAttempt {
        self.inner.delete_if(key, version).await
    }
    async fn delete_retired(&self, key: &Key) -> StoreResult<(), StoreError> {
        self.inner.delete_retired(key).await
    }
    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> StoreResult<ListPage, StoreError> {
        self.inner.list(prefix, after, limit).await
    }
}

/// Without its tombstone's revision a snapshot would see ada's ten years nowhere: not yet hers, and not bob's any more.
#[tokio::test(start_paused = true)]
async fn a_document_that_came_and_went_since_it_was_not_there_is_a_conflict() {
    let (world, others) = open().await;
    users(&others, &["bob"]).await;
    let store = Arc::new(LateSecondLook::new(&world, "ada", "bob"));
    let db = world.builder(2, store.clone()).open().await.unwrap();
    let runs = &AtomicU32::new(0);
    let others = &others;
    // There are 30 years in all: bob's, or ten of them ada's.
    let looking = db.snapshot(|tx| async move {
        let ada = User::get(&tx, &id("ada")).await?.map_or(0, |ada| ada.age);
        if runs.fetch_add(1, Ordering::Relaxed) == 0 {
            others
                .transaction(|tx| async move { give_ada_ten_years(&tx).await })
                .await?;
        }
        let bob = User::get(&tx, &id("bob")).required().await?;
        Ok(ada + bob.age)
    });
    let meddling = async {
        store.reached.notified().await;
        let taking_back = others.transaction(|tx| async move { take_them_back(&tx).await });
        taking_back.await.unwrap();
        store.go_on.notify_one();
    };
    let (sum, ()) = tokio::join!(looking.into_future(), meddling);
    assert_eq!((sum.unwrap(), runs.load(Ordering::Relaxed)), (30, 2));
}

async fn give_ada_ten_years(tx: &smarterbase::Tx) -> Result<()> {
    let ada = User {
        age: 10,
        ..User::new("ada")
    };
    User::create(tx, ada).await?;
    age_bob(tx, |age| age - 10).await
}

async fn take_them_back(tx: &smarterbase::Tx) -> Result<()> {
    User::delete(tx, &id("ada")).await?;
    age_bob(tx, |age| age + 10).await
}

async fn age_bob(tx: &smarterbase::Tx, change: fn(u32) -> u32) -> Result<()> {
    let aged = User::update(tx, &id("bob"), |bob| {
        bob.age = change(bob.age);
        Ok(())
    });
    aged.await.map(drop)
}
