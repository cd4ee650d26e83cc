//! Partial and computed definitions: what is in them, who may ask them, and what they cost.

use smarterbase::prelude::*;
use smarterbase_testkit::sweep::World;

use crate::member::{Member, id};

#[tokio::test(start_paused = true)]
async fn a_document_is_in_a_partial_index_while_its_predicate_holds() {
    let db = World::new(1).open(0).await;
    let mut ada = Member::create(&db, Member::new("ada")).await.unwrap();
    Member::create(&db, Member::new("bob").inactive())
        .await
        .unwrap();
    let active = async || {
        let found = Member::query(&db)
            .filter(|_| Member::INDEXES.by_active_team.eq(("red", 30_u32)))
            .await;
        found
            .unwrap()
            .iter()
            .map(|member| member.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(active().await, ["ada"]);
    ada.active = false;
    ada.save(&db).await.unwrap();
    assert!(active().await.is_empty());
    Member::update(&db, &id("bob"), |bob| {
        bob.active = true;
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(active().await, ["bob"]);
    assert_eq!(
        Member::find_by_active_team(&db, "red", 30_u32)
            .await
            .unwrap()
            .len(),
        1
    );
}
