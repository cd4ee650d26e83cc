//! What can be asked for, and what is told of it: one test by name for each, where no other file has it.

use std::{sync::Arc, time::Duration};

use smarterbase::{Predicate, Residual, prelude::*};
use smarterbase_core::operation::profile::{Access, Prices};
use smarterbase_testkit::sweep::{Latencies, LatentStore, World};

use crate::user::User;

/// User `number` of 20: ages upwards, every fourth without a team, every fifth with tag `fifth`.
fn user(number: u32) -> User {
    let team = (!number.is_multiple_of(4)).then(|| {
        if number.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        }
        .to_owned()
    });
    let tags: &[&str] = if number.is_multiple_of(5) {
        &["all", "fifth"]
    } else {
        &["all"]
    };
    User {
        age: number,
        team,
        ..User::new(&format!("u{number:02}")).tags(tags)
    }
}

async fn filled(world: &World) -> Db {
    let db = world.open(0).await;
    for number in 0..20 {
        User::create(&db, user(number)).await.unwrap();
    }
    db
}

/// The ages of those that meet a condition, by id.
async fn ages(db: &Db, condition: Predicate<User, Residual>) -> Vec<u32> {
    let found = User::query(db).scan().filter(|_| condition).await.unwrap();
    found.iter().map(|user| user.age).collect()
}

#[tokio::test(start_paused = true)]
async fn every_comparison_selects_what_it_says() {
    let db = filled(&World::new(1)).await;
    let user = User::FIELDS;
    let cases: Vec<(&str, Predicate<User, Residual>, Vec<u32>)> = vec![
        ("eq", user.age.eq(3_u32).residual(), vec![3]),
        (
            "ne",
            user.age.ne(3_u32),
            (0..20).filter(|age| *age != 3).collect(),
        ),
        ("lt", user.age.lt(3_u32).residual(), vec![0, 1, 2]),
        ("le", user.age.le(3_u32).residual(), vec![0, 1, 2, 3]),
        ("gt", user.age.gt(17_u32).residual(), vec![18, 19]),
        ("ge", user.age.ge(17_u32).residual(), vec![17, 18, 19]),
        (
            "between",
            user.age.between(4_u32, 6_u32).residual(),
            vec![4, 5, 6],
        ),
        ("within", user.age.within(4_u32..6).residual(), vec![4, 5]),
        (
            "is_in",
            user.age.is_in([9_u32, 2, 99]).residual(),
            vec![2, 9],
        ),
        (
            "is_none",
            user.team.is_none().residual(),
            vec![0, 4, 8, 12, 16],
        ),
        (
            "is_some",
            (user.team.is_some() & user.age.lt(4_u32)).residual(),
            vec![1, 2, 3],
        ),
        (
            "starts_with",
            user.team.starts_with("ev"),
            vec![2, 6, 10, 14, 18],
        ),
        (
            "contains_text",
            user.team.contains_text("ve"),
            vec![2, 6, 10, 14, 18],
        ),
        ("has", user.tags.has("fifth").residual(), vec![0, 5, 10, 15]),
        ("!", !user.age.ge(2_u32), vec![0, 1]),
        (
            "|",
            (user.age.eq(1_u32) | user.tags.has("fifth")).residual(),
            vec![0, 1, 5, 10, 15],
        ),
        // `None` is another value than any team, and below none of them.
        (
            "ne of None",
            (user.team.ne("odd") & user.age.lt(5_u32)).residual(),
            vec![0, 2, 4],
        ),
        (
            "lt of None",
            (user.team.lt("f") & user.age.lt(5_u32)).residual(),
            vec![2],
        ),
    ];
    for (name, condition, expected) in cases {
        assert_eq!(ages(&db, condition).await, expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_those_of_documents_that_match_and_cost_their_reads() {
    let db = filled(&World::new(1)).await;
    let keys = User::query(&db)
        .filter(|user| user.tags.has("fifth") & user.age.gt(0_u32))
        .keys()
        .explain()
        .await
        .unwrap();
    assert_eq!(keys.result, ["u05", "u10", "u15"]);
    assert_eq!(
        (keys.profile.requests.gets, keys.profile.candidates),
        (4, 4)
    );
    let in_order = User::query(&db).order_by(|user| user.age.desc()).keys();
    assert_eq!(in_order.await.unwrap().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_page_is_refilled_after_candidates_that_do_not_match_and_short_only_at_the_end() {
    let db = filled(&World::new(1)).await;
    let query =
        || User::query(&db).filter(|user| user.tags.has("all") & user.email.contains_text("u1"));
    let first = query().page(6).explain().await.unwrap();
    let ages: Vec<_> = first.result.items.iter().map(|user| user.age).collect();
    assert_eq!(ages, [10, 11, 12, 13, 14, 15]);
    assert!(first.profile.dropped >= 10, "{}", first.profile.dropped);
    let rest = query()
        .page(6)
        .after(first.result.next.unwrap())
        .await
        .unwrap();
    let ages: Vec<_> = rest.items.iter().map(|user| user.age).collect();
    assert_eq!(ages, [16, 17, 18, 19]);
    assert!(rest.next.is_none());
}

#[tokio::test(start_paused = true)]
async fn matches_are_sorted_within_the_budget_and_refused_beyond() {
    let db = filled(&World::new(1)).await;
    let sorted = || {
        User::query(&db)
            .filter(|user| user.tags.has("fifth"))
            .order_by(|user| user.email.desc())
    };
    let found = sorted().budget(4).await.unwrap();
    let ages: Vec<_> = found.iter().map(|user| user.age).collect();
    assert_eq!(ages, [15, 10, 5, 0]);
    let refused = sorted().budget(3).await.unwrap_err();
    assert_eq!(refused.code(), "SB-BUDGET");
}

#[tokio::test(start_paused = true)]
async fn slow_queries_full_scans_and_percentiles_are_reported() {
    let world = World::new(1);
    filled(&world).await.close().await;
    let latent = Arc::new(LatentStore::exact(world.store.clone(), Latencies::CONTRACT));
    let db = world.builder(1, latent).open().await.unwrap();
    User::find_by_plan(&db, "nobody").await.unwrap();
    db.profiler().clear();
    // 10 ms for a GET, 25 ms for a LIST.
    for _ in 0..98 {
        User::find_by_plan(&db, "nobody").await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(User::find_by_age(&db, 7_u32).await.unwrap().len(), 1);
    }
    User::query(&db).scan().retain(|_| true).await.unwrap();
    let milliseconds = Duration::from_millis;
    assert_eq!(db.profiler().slow(milliseconds(26)).len(), 3);
    let scans = db.profiler().full_scans();
    assert_eq!((scans.len(), scans[0].requests.gets), (1, 20));
    let summary = db.profiler().summary();
    let by_index = summary
        .iter()
        .find(|kind| kind.access == Access::IndexOrder)
        .unwrap();
    assert_eq!((by_index.queries, by_index.requests), (100, 102));
    let percentiles = (by_index.p50, by_index.p95, by_index.p99);
    assert_eq!(
        percentiles,
        (milliseconds(25), milliseconds(25), milliseconds(35))
    );
}

#[tokio::test(start_paused = true)]
async fn a_price_table_prices_every_request() {
    let world = World::new(1);
    filled(&world).await.close().await;
    let prices = Prices {
        gets: 1e6,
        puts: 2e6,
        lists: 3e6,
        deletes: 4e6,
    };
    let builder = world.builder(1, world.store.clone()).prices(prices);
    let db = builder.open().await.unwrap();
    User::find_by_plan(&db, "nobody").await.unwrap();
    let found = User::find_by_age(&db, 7_u32).explain().await.unwrap();
    assert!(
        (found.profile.price - (1.0 + 3.0)).abs() < 1e-9,
        "{}",
        found.profile.price
    );
    let mut user = found.result.into_iter().next().unwrap();
    user.age = 8;
    // Two entries and the document; then two entries leave.
    let saved = user.save(&db).explain().await.unwrap();
    assert!(
        (saved.profile.price - (3.0 * 2.0 + 2.0 * 4.0)).abs() < 1e-9,
        "{}",
        saved.profile.price
    );
}
