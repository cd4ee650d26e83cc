//! What is in a partial index, who asks it, and what a computed value answers.

use smarterbase::prelude::*;
use smarterbase_core::{
    format::Key,
    operation::profile::Access,
    port::{Attempt, Expect},
};
use smarterbase_testkit::sweep::World;

use crate::member::{Member, id};

async fn active(db: &Db) -> Vec<String> {
    let found = Member::query(db).filter(|_| Member::INDEXES.by_active_team.eq(("red", 30_u32)));
    ids(&found.await.unwrap())
}

fn ids(found: &[Stored<Member>]) -> Vec<String> {
    found.iter().map(|member| member.id.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_document_is_in_a_partial_index_while_its_predicate_holds() {
    let db = World::new(1).open(0).await;
    let mut ada = Member::create(&db, Member::new("ada")).await.unwrap();
    Member::create(&db, Member::new("bob").inactive())
        .await
        .unwrap();
    assert_eq!(active(&db).await, ["ada"]);
    ada.active = false;
    ada.save(&db).await.unwrap();
    assert!(active(&db).await.is_empty());
    Member::update(&db, &id("bob"), |bob| {
        bob.active = true;
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(active(&db).await, ["bob"]);
    Member::upsert(&db, Member::new("ada")).await.unwrap();
    assert_eq!(active(&db).await, ["ada", "bob"]);
    Member::overwrite(&db, Member::new("bob").inactive())
        .await
        .unwrap();
    assert_eq!(active(&db).await, ["ada"]);
    Member::delete(&db, &id("ada")).await.unwrap();
    assert!(active(&db).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn its_finders_give_its_documents_only() {
    let db = World::new(1).open(0).await;
    for (key, age, is_active) in [("a", 40, true), ("b", 20, true), ("c", 30, false)] {
        let member = Member {
            age,
            active: is_active,
            ..Member::new(key)
        };
        Member::create(&db, member).await.unwrap();
    }
    let of_red = Member::find_by_active_team_in(&db, "red", 20..=40);
    assert_eq!(ids(&of_red.await.unwrap()), ["b", "a"], "by age");
    let count = Member::count_by_active_team(&db, "red", 30_u32);
    assert_eq!(count.await.unwrap(), 0);
    let none = Member::delete_by_active_team(&db, "red", 30_u32);
    assert_eq!(none.await.unwrap(), 0);
    let adults = Member::find_by_plan_where_is_adult(&db, "free");
    assert_eq!(ids(&adults.await.unwrap()), ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_condition_on_the_bare_field_never_asks_a_partial_index() {
    let db = World::new(1).open(0).await;
    let child = Member {
        age: 9,
        ..Member::new("child")
    };
    Member::create(&db, child).await.unwrap();
    Member::create(&db, Member::new("ada").inactive())
        .await
        .unwrap();
    let by_plan = Member::query(&db)
        .scan()
        .filter(|member| member.plan.eq("free"));
    let by_plan = by_plan.explain().await.unwrap();
    assert_eq!(ids(&by_plan.result), ["ada", "child"]);
    assert_eq!(by_plan.profile.access, Access::Scan);
    let by_team = Member::query(&db)
        .scan()
        .filter(|member| member.team.eq("red") & member.age.eq(30_u32))
        .order_by(|member| member.age.asc());
    let by_team = by_team.explain().await.unwrap();
    assert_eq!(ids(&by_team.result), ["ada"]);
    assert_eq!(by_team.profile.access, Access::Scan);
    let by_handle = Member::query(&db)
        .scan()
        .filter(|member| member.handle.eq("@ada"));
    assert_eq!(ids(&by_handle.await.unwrap()), ["ada"]);
}

#[tokio::test(start_paused = true)]
async fn its_handle_joins_other_conditions_and_explains_itself() {
    let db = World::new(1).open(0).await;
    for (key, age) in [("a", 40), ("b", 20), ("c", 30)] {
        let member = Member {
            age,
            ..Member::new(key)
        };
        Member::create(&db, member).await.unwrap();
    }
    let found = Member::query(&db)
        .filter(|member| {
            Member::INDEXES.by_active_team.within(("red", 25..)) & member.last.eq("Lovelace")
        })
        .explain()
        .await
        .unwrap();
    assert_eq!(ids(&found.result), ["a", "c"]);
    assert_eq!(found.profile.access, Access::IndexCandidates);
    assert!(
        found.profile.plan.contains("active-team"),
        "{}",
        found.profile.plan
    );
    assert_eq!((found.profile.candidates, found.profile.dropped), (2, 0));
    let all = Member::query(&db).filter(|_| Member::INDEXES.by_active_team.any());
    assert_eq!(all.count().await.unwrap(), 3);
    let held = Member::query(&db)
        .filter(|_| {
            Member::INDEXES.by_active_handle.eq("@B") | Member::INDEXES.by_active_handle.eq("@c")
        })
        .explain()
        .await
        .unwrap();
    assert_eq!(ids(&held.result), ["b", "c"]);
    assert_eq!(held.profile.access, Access::IndexCandidates);
}

#[tokio::test(start_paused = true)]
async fn results_are_checked_against_the_predicate_too() {
    let world = World::new(1);
    let db = world.open(0).await;
    Member::create(&db, Member::new("ada")).await.unwrap();
    // A person edits the object; the entry stays behind.
    let key = Key::from_stored("members/ada.json");
    let object = world.store.get(&key).await.unwrap().unwrap();
    let text = String::from_utf8(object.bytes.to_vec()).unwrap();
    let edited = text.replace(r#""active":true"#, r#""active":false"#);
    assert_ne!(edited, text);
    let expect = Expect::Exactly(object.version);
    let put = world.store.put(&key, &expect, edited.into());
    assert!(matches!(put.await, Attempt::Applied(_)));
    assert!(active(&db).await.is_empty());
    let of_red = Member::find_by_active_team_in(&db, "red", ..);
    assert!(of_red.await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_computed_value_is_asked_like_a_field() {
    let db = World::new(1).open(0).await;
    for (key, age, bonus) in [("ada", 30, 5), ("bob", 20, 50), ("cy", 40, 1)] {
        let member = Member {
            age,
            bonus,
            ..Member::new(key)
        };
        Member::create(&db, member).await.unwrap();
    }
    let by_name = Member::find_by_full_name(&db, "ADA lovelace");
    assert_eq!(ids(&by_name.await.unwrap()), ["ada"]);
    let by_points = Member::find_by_points_in(&db, 36..);
    assert_eq!(ids(&by_points.await.unwrap()), ["cy", "bob"]);
    let ordered = Member::query(&db)
        .order_by(|member| member.points.desc())
        .explain();
    let ordered = ordered.await.unwrap();
    assert_eq!(ids(&ordered.result), ["bob", "cy", "ada"]);
    assert_eq!(ordered.profile.access, Access::IndexOrder);
    let held = Member::query(&db)
        .filter(|member| member.initials.has("b") & member.full_name.starts_with("BO"));
    assert_eq!(ids(&held.await.unwrap()), ["bob"]);
    let others = Member::query(&db)
        .scan()
        .filter(|member| member.points.ne(35_u32));
    assert_eq!(ids(&others.await.unwrap()), ["bob", "cy"]);

    let mut ada = Member::get(&db, &id("ada")).required().await.unwrap();
    ada.last = "King".to_owned();
    ada.save(&db).await.unwrap();
    let by_name = Member::find_by_full_name(&db, "ada lovelace");
    assert!(by_name.await.unwrap().is_empty());
    let by_name = Member::count_by_full_name(&db, "ada king");
    assert_eq!(by_name.await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_range_that_a_transaction_read_sees_a_document_enter() {
    let world = World::new(1);
    let (db, other) = (world.open(0).await, world.open(1).await);
    Member::create(&db, Member::new("ada")).await.unwrap();
    Member::create(&db, Member::new("bob").inactive())
        .await
        .unwrap();
    let runs = std::sync::atomic::AtomicU32::new(0);
    let counted = db
        .transaction(|tx| {
            let run = runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let other = other.clone();
            async move {
                let found = Member::find_by_active_team(&tx, "red", 30_u32).await?;
                if run == 0 {
                    let entered = Member::update(&other, &id("bob"), |bob| {
                        bob.active = true;
                        Ok(())
                    });
                    entered.await?;
                }
                let mut ada = Member::get(&tx, &id("ada")).required().await?;
                ada.plan = format!("{} active", found.len());
                ada.save(&tx).await?;
                let own = Member::find_by_active_team(&tx, "red", 30_u32).await?;
                Ok(own.len())
            }
        })
        .await
        .unwrap();
    assert_eq!(counted, 2);
    assert_eq!(runs.into_inner(), 2, "the first attempt missed bob");
    let ada = Member::get(&db, &id("ada")).required().await.unwrap();
    assert_eq!(ada.plan, "2 active");
}

#[tokio::test(start_paused = true)]
async fn a_transaction_sees_its_own_documents_enter_and_leave() {
    let db = World::new(1).open(0).await;
    Member::create(&db, Member::new("ada")).await.unwrap();
    Member::create(&db, Member::new("bob").inactive())
        .await
        .unwrap();
    let seen = db
        .transaction(|tx| async move {
            for (key, is_active) in [("ada", false), ("bob", true)] {
                let mut member = Member::get(&tx, &id(key)).required().await?;
                member.active = is_active;
                member.save(&tx).await?;
            }
            let own = Member::find_by_active_team(&tx, "red", 30_u32).await?;
            Ok(ids(&own))
        })
        .await
        .unwrap();
    assert_eq!(seen, ["bob"]);
    assert_eq!(active(&db).await, ["bob"]);
}

#[tokio::test(start_paused = true)]
async fn a_partial_index_gives_the_order_of_its_last_field_to_who_asks_by_its_handle() {
    let db = World::new(1).open(0).await;
    for age in 0..40 {
        let member = Member {
            age,
            active: age % 2 == 0,
            ..Member::new(&format!("m{:02}", 39 - age))
        };
        Member::create(&db, member).await.unwrap();
    }
    let oldest = Member::query(&db)
        .filter(|_| Member::INDEXES.by_active_team.within(("red", 10..)))
        .order_by(|member| member.age.desc())
        .limit(3)
        .explain()
        .await
        .unwrap();
    let ages: Vec<u32> = oldest.result.iter().map(|member| member.age).collect();
    assert_eq!(ages, [38, 36, 34]);
    assert_eq!(oldest.profile.access, Access::IndexOrder);
    let by_finder =
        Member::find_by_active_team_in(&db, "red", 10..).order_by(|member| member.age.asc());
    let by_finder = by_finder.limit(2).explain().await.unwrap();
    let ages: Vec<u32> = by_finder.result.iter().map(|member| member.age).collect();
    assert_eq!(ages, [10, 12]);
    assert_eq!(by_finder.profile.access, Access::IndexOrder);
}
