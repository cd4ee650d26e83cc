//! What the verbs do inside of a transaction.

use smarterbase::{Error, Result, prelude::*};

use super::{check, invariant_objects, open, plan_of, users};
use crate::{
    cost::Note,
    user::{User, id},
};

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
