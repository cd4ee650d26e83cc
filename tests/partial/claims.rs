//! Unique values that some documents only hold: who holds one, and when it is free.

use smarterbase::{Result, prelude::*};
use smarterbase_testkit::{invariant, sweep::World};

use crate::member::{Member, id};

/// A member whose handle is that of Ada.
fn ada_too(key: &str) -> Member {
    Member {
        handle: "@ADA".to_owned(),
        ..Member::new(key)
    }
}

async fn holder(db: &Db) -> Option<String> {
    let found = Member::find_by_active_handle(db, "@ada").await.unwrap();
    found.map(|member| member.id.clone())
}

async fn assert_sound(world: &World) {
    let db = world.open(99).await;
    let mut wrong = invariant::damage::<Member>(&*world.store).await;
    wrong.extend(invariant::wrong_answers::<Member>(&db, &*world.store).await);
    assert_eq!(wrong, Vec::<String>::new());
}

async fn set_active(tx: &Tx, key: &str, active: bool) -> Result<()> {
    let mut member = Member::get(tx, &id(key)).required().await?;
    member.active = active;
    member.save(tx).await
}

#[tokio::test(start_paused = true)]
async fn a_value_is_held_while_the_predicate_holds() {
    let world = World::new(1);
    let db = world.open(0).await;
    let mut ada = Member::create(&db, Member::new("ada")).await.unwrap();
    let mut bob = Member::create(&db, ada_too("bob").inactive())
        .await
        .unwrap();
    Member::create(&db, ada_too("cy").inactive()).await.unwrap();
    assert_eq!(holder(&db).await.as_deref(), Some("ada"));

    bob.active = true;
    let taken = bob.save(&db).await.unwrap_err();
    assert_eq!(
        (taken.kind(), taken.code()),
        (ErrorKind::Unique, "SB-UNIQUE")
    );
    assert!(taken.to_string().contains("held by members/ada"), "{taken}");

    ada.active = false;
    ada.save(&db).await.unwrap();
    assert_eq!(holder(&db).await, None, "released by the save that left");
    bob.save(&db).await.unwrap();
    assert_eq!(holder(&db).await.as_deref(), Some("bob"));
    let back = Member::update(&db, &id("ada"), |ada| {
        ada.active = true;
        Ok(())
    });
    assert_eq!(back.await.unwrap_err().kind(), ErrorKind::Unique);
    Member::delete(&db, &id("bob")).await.unwrap();
    Member::upsert(&db, Member::new("ada")).await.unwrap();
    assert_eq!(holder(&db).await.as_deref(), Some("ada"));
    db.close().await;
    assert_sound(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_transaction_moves_a_value_from_who_leaves_to_who_enters() {
    let world = World::new(1);
    let db = world.open(0).await;
    Member::create(&db, Member::new("ada")).await.unwrap();
    Member::create(&db, ada_too("bob").inactive())
        .await
        .unwrap();
    db.transaction(|tx| async move {
        set_active(&tx, "bob", true).await?;
        set_active(&tx, "ada", false).await
    })
    .await
    .unwrap();
    assert_eq!(holder(&db).await.as_deref(), Some("bob"));
    let both = db
        .transaction(|tx| async move { set_active(&tx, "ada", true).await })
        .await;
    assert_eq!(both.unwrap_err().kind(), ErrorKind::Unique);
    db.close().await;
    assert_sound(&world).await;
}

#[tokio::test(start_paused = true)]
async fn of_many_who_enter_at_once_one_holds_the_value() {
    let world = World::new(1);
    let db = world.open(0).await;
    for number in 0..8 {
        let member = ada_too(&format!("m{number}")).inactive();
        Member::create(&db, member).await.unwrap();
    }
    let entering = (0..8).map(|number| {
        let db = &db;
        async move {
            let key = format!("m{number}");
            let entered = Member::update(db, &key, |member| {
                member.active = true;
                Ok(())
            });
            entered.await.map(drop)
        }
    });
    let results = futures::future::join_all(entering).await;
    let refused = results.iter().filter_map(|result| result.as_ref().err());
    assert_eq!(refused.clone().count(), 7);
    assert!(
        refused
            .map(Error::kind)
            .all(|kind| kind == ErrorKind::Unique)
    );
    db.close().await;
    assert_sound(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_computed_value_can_be_unique() {
    let db = World::new(1).open(0).await;
    let points = |key: &str, age: u32| Member {
        age,
        bonus: 100 - age,
        ..Member::new(key)
    };
    Member::create(&db, points("child", 9)).await.unwrap();
    Member::create(&db, points("ada", 30)).await.unwrap();
    let taken = Member::create(&db, points("bob", 40)).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Unique);
    assert!(
        taken
            .to_string()
            .contains("\"points\" is held by members/ada"),
        "{taken}"
    );
    let found = Member::find_by_adult_points(&db, 100_u32).await.unwrap();
    assert_eq!(found.unwrap().id, "ada");
    let by_handle = Member::query(&db).filter(|_| Member::INDEXES.by_adult_points.eq(100_u32));
    assert_eq!(by_handle.one().await.unwrap().id, "ada");
}
