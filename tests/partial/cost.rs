//! What partial definitions cost, exactly.

use std::sync::Arc;

use smarterbase::prelude::*;
use smarterbase_testkit::{CallKind, FaultStore, sweep::World};

use crate::member::{Member, id};

/// Creates, swaps, removals and lists of `act`, and its reads.
async fn cost(prepared: Option<Member>, act: impl AsyncFnOnce(&Db)) -> [usize; 5] {
    let world = World::new(1);
    let store = Arc::new(FaultStore::recording(world.store.clone()));
    let db = world.builder(0, store.clone()).open().await.unwrap();
    Member::exists(&db, &id("nobody")).await.unwrap();
    Member::create(&db, Member::new("first")).await.unwrap();
    if let Some(member) = prepared {
        Member::create(&db, member).await.unwrap();
    }
    store.log().clear();
    act(&db).await;
    db.close().await;
    let log = store.log();
    [
        log.count(CallKind::Create),
        log.count(CallKind::Swap),
        log.count(CallKind::DeleteRetired),
        log.count(CallKind::List),
        log.count(CallKind::Get),
    ]
}

async fn set_active(db: &Db, active: bool) {
    let mut ada = Member::get(db, &id("ada")).required().await.unwrap();
    ada.active = active;
    ada.save(db).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_document_outside_of_a_predicate_costs_no_entry_and_no_claim() {
    let create = |member: Member| {
        cost(None, async move |db| {
            drop(Member::create(db, member).await.unwrap())
        })
    };
    // Name, points and two initials; the adult's plan and points; the team and the handle of the active; the document.
    assert_eq!(
        create(Member::new("ada")).await,
        [4 + 2 + 2 + 1, 0, 0, 0, 0]
    );
    assert_eq!(
        create(Member::new("ada").inactive()).await,
        [4 + 2 + 1, 0, 0, 0, 0]
    );
    let child = Member {
        age: 9,
        ..Member::new("ada").inactive()
    };
    assert_eq!(create(child).await, [4 + 1, 0, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_save_outside_of_a_predicate_touches_nothing_of_it() {
    let inactive = Member::new("ada").inactive();
    let save = cost(Some(inactive), async |db| {
        let mut ada = Member::get(db, &id("ada")).required().await.unwrap();
        ada.team = Some("blue".to_owned());
        ada.handle = "@other".to_owned();
        ada.save(db).await.unwrap();
    });
    assert_eq!(save.await, [0, 1, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_gives_back_an_entry_and_a_claim() {
    let save = cost(Some(Member::new("ada")), async |db| {
        set_active(db, false).await
    });
    // The document and its claim; the claim is read before.
    assert_eq!(save.await, [0, 2, 1, 0, 2]);
}

#[tokio::test(start_paused = true)]
async fn who_enters_puts_an_entry_and_a_claim() {
    let inactive = Member::new("ada").inactive();
    let save = cost(Some(inactive), async |db| set_active(db, true).await);
    assert_eq!(save.await, [2, 1, 0, 0, 1]);
}
