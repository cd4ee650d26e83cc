//! Which index answers a query, and what that costs: each form of query by name.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, TryStreamExt};
use smarterbase::{Limits, Result, prelude::*};
use smarterbase_core::{
    operation::{
        outage::Fallback,
        profile::{Access, Complexity, Explained, Prices},
    },
    port::Clock,
    store::layer::Requests,
};
use smarterbase_testkit::sweep::{Latencies, LatentStore, World};

use crate::user::User;

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "posts", index(fields(author, published), name = by_author_date, range))]
struct Post {
    #[key]
    id: String,
    author: String,
    published: u32,
    #[index]
    status: String,
    #[index(each)]
    tags: Vec<String>,
    #[index(range)]
    score: u32,
    #[unique(lower)]
    slug: String,
    title: String,
    note: Option<String>,
}

/// Post `number` of 40: 4 authors, 2 statuses, a tag for each tenth, scores downwards.
fn post(number: u32) -> Post {
    Post {
        id: format!("p{number:03}"),
        author: format!("a{}", number % 4),
        published: number,
        status: if number.is_multiple_of(20) {
            "draft"
        } else {
            "live"
        }
        .to_owned(),
        tags: vec!["all".to_owned(), format!("t{}", number % 10)],
        score: 1_000 - number,
        slug: format!("Post-{number}"),
        title: format!("The {number}th post"),
        note: number.is_multiple_of(8).then(|| format!("note {number}")),
    }
}

async fn posts(count: u32) -> Db {
    let world = World::new(1);
    let db = world.open(0).await;
    futures::stream::iter(0..count)
        .for_each_concurrent(32, |number| {
            let db = &db;
            async move { drop(Post::create(db, post(number)).await.unwrap()) }
        })
        .await;
    db
}

fn ids(found: &[Stored<Post>]) -> Vec<&str> {
    found.iter().map(|post| post.id.as_str()).collect()
}

fn reads(gets: u64, lists: u64, requests: &Requests) {
    assert_eq!(
        (requests.gets, requests.lists),
        (gets, lists),
        "{requests:?}"
    );
}

fn assert_plan<R>(explained: &Explained<R>, access: Access, complexity: Complexity, plan: &str) {
    let profile = &explained.profile;
    assert_eq!((profile.access, profile.complexity), (access, complexity));
    assert!(profile.plan.contains(plan), "{}", profile.plan);
}

#[tokio::test(start_paused = true)]
async fn an_index_over_two_fields_takes_a_prefix_and_a_range() {
    let db = posts(40).await;
    let found = Post::query(&db)
        .filter(|post| post.author.eq("a1") & post.published.within(9..=21))
        .explain()
        .await
        .unwrap();
    assert_eq!(ids(&found.result), ["p009", "p013", "p017", "p021"]);
    let plan = "by-author-date (a range)";
    assert_plan(&found, Access::IndexCandidates, Complexity::Results, plan);
    reads(4, 1, &found.profile.requests);
    assert_eq!((found.profile.candidates, found.profile.dropped), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn an_index_over_two_fields_gives_its_last_one_in_order() {
    let db = posts(40).await;
    let found = Post::query(&db)
        .filter(|post| post.author.eq("a1"))
        .order_by(|post| post.published.asc())
        .limit(3)
        .explain()
        .await
        .unwrap();
    assert_eq!(ids(&found.result), ["p001", "p005", "p009"]);
    let plan = "by-author-date";
    assert_plan(&found, Access::IndexOrder, Complexity::Results, plan);
    reads(4, 1, &found.profile.requests);
}

#[tokio::test(start_paused = true)]
async fn of_two_indexes_the_one_with_fewer_entries_finds_the_documents() {
    let db = posts(40).await;
    let found = Post::query(&db)
        .filter(|post| post.status.eq("draft") & post.tags.has("all"))
        .explain()
        .await
        .unwrap();
    assert_eq!(ids(&found.result), ["p000", "p020"]);
    assert_plan(
        &found,
        Access::IndexCandidates,
        Complexity::Results,
        "status (one value)",
    );
    // Two estimates, one page of entries, two documents.
    reads(2, 3, &found.profile.requests);
}

#[tokio::test(start_paused = true)]
async fn a_union_of_three_values_merges_their_entries_by_id() {
    let db = posts(40).await;
    let found = Post::query(&db)
        .filter(|post| post.author.is_in(["a3", "a0", "a1"]) & post.published.lt(6_u32))
        .explain()
        .await
        .unwrap();
    assert_eq!(ids(&found.result), ["p000", "p001", "p003", "p004", "p005"]);
    let union = Post::query(&db)
        .filter(|post| post.status.eq("draft") | post.tags.has("t7") | post.author.eq("nobody"))
        .explain()
        .await
        .unwrap();
    assert_eq!(
        ids(&union.result),
        ["p000", "p007", "p017", "p020", "p027", "p037"]
    );
    reads(6, 3, &union.profile.requests);
    let none = Post::query(&db).filter(|post| post.status.is_in([""; 0]));
    assert!(none.await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_list_index_finds_an_element() {
    let db = posts(40).await;
    let found = Post::query(&db)
        .filter(|post| post.tags.has("t3") & post.tags.has("all"))
        .await
        .unwrap();
    assert_eq!(ids(&found), ["p003", "p013", "p023", "p033"]);
}

#[tokio::test(start_paused = true)]
async fn a_unique_value_is_found_by_its_claim() {
    let db = posts(40).await;
    let found = Post::query(&db)
        .filter(|post| post.slug.eq("POST-7") & post.tags.has("all") & post.score.gt(3_u32))
        .explain()
        .await
        .unwrap();
    assert_eq!(ids(&found.result), ["p007"]);
    assert_plan(
        &found,
        Access::UniqueValue,
        Complexity::Constant,
        "unique value",
    );
    reads(2, 0, &found.profile.requests);
    let other = Post::query(&db).filter(|post| post.slug.eq("post-7") & post.tags.has("t8"));
    assert!(other.await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn unique_values_are_part_of_a_union() {
    let db = posts(40).await;
    let found = Post::query(&db)
        .filter(|post| post.slug.is_in(["post-3", "POST-31", "none"]) | post.status.eq("draft"))
        .explain()
        .await
        .unwrap();
    assert_eq!(ids(&found.result), ["p000", "p003", "p020", "p031"]);
    let plan = "the holder of a unique value";
    assert_plan(&found, Access::IndexCandidates, Complexity::Results, plan);
    // Three claims and four documents.
    reads(7, 1, &found.profile.requests);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_an_index_reads_one_document_more_than_it_gives() {
    let db = posts(400).await;
    let page = Post::query(&db)
        .filter(|post| post.author.eq("a1"))
        .page(50);
    let page = page.explain().await.unwrap();
    assert_eq!(page.result.items.len(), 50);
    assert_eq!(
        page.profile.requests.gets,
        51 + 2,
        "and the cursor keys, which were not there"
    );
}

#[tokio::test(start_paused = true)]
async fn few_matches_are_sorted_however_large_the_index_in_the_order_is() {
    let db = posts(1_000).await;
    let query = || {
        Post::query(&db)
            .filter(|post| post.status.eq("draft") & post.score.gt(0_u32))
            .order_by(|post| post.score.asc())
    };
    let found = query().limit(2).explain().await.unwrap();
    assert_eq!(found.result.len(), 2);
    assert_plan(
        &found,
        Access::IndexCandidates,
        Complexity::Matches,
        "status",
    );
}

#[tokio::test(start_paused = true)]
async fn a_budget_holds_for_candidates_that_do_not_match() {
    let db = posts(400).await;
    let rare = || {
        Post::query(&db).filter(|post| post.tags.has("all") & post.title.contains_text("The 399th"))
    };
    assert_eq!(ids(&rare().await.unwrap()), ["p399"]);
    assert_eq!(rare().budget(100).await.unwrap_err().code(), "SB-BUDGET");
    let streamed: Result<Vec<_>> = rare().budget(100).stream().try_collect().await;
    assert_eq!(streamed.unwrap_err().code(), "SB-BUDGET");
}

#[tokio::test(start_paused = true)]
async fn what_an_index_finds_is_sorted_by_another_field() {
    let db = posts(40).await;
    let sorted = || {
        Post::query(&db)
            .filter(|post| post.tags.has("t7"))
            .order_by(|post| post.title.desc())
    };
    let found = sorted().explain().await.unwrap();
    assert_eq!(ids(&found.result), ["p007", "p037", "p027", "p017"]);
    assert_plan(&found, Access::IndexCandidates, Complexity::Matches, "tags");
    let skipped: Vec<_> = sorted().stream().skip(2).try_collect().await.unwrap();
    assert_eq!(ids(&skipped), ["p027", "p017"]);
}

#[tokio::test(start_paused = true)]
async fn an_index_in_the_order_is_used_where_many_match() {
    let db = posts(40).await;
    let found = Post::query(&db)
        .filter(|post| post.tags.has("all"))
        .order_by(|post| post.score.asc())
        .limit(2)
        .explain()
        .await
        .unwrap();
    assert_eq!(ids(&found.result), ["p039", "p038"]);
    assert_plan(&found, Access::IndexOrder, Complexity::Results, "score");
    reads(3, 3, &found.profile.requests);
}

#[tokio::test(start_paused = true)]
async fn a_substring_is_looked_for_in_what_an_index_finds_or_in_a_scan() {
    let db = posts(40).await;
    let found = Post::query(&db)
        .filter(|post| post.status.eq("draft") & post.title.contains_text("20th"))
        .explain()
        .await
        .unwrap();
    assert_eq!(ids(&found.result), ["p020"]);
    assert_eq!((found.profile.candidates, found.profile.dropped), (2, 1));
    let scanned = Post::query(&db)
        .scan()
        .filter(|post| post.title.contains_text("3th"))
        .explain()
        .await
        .unwrap();
    assert_eq!(ids(&scanned.result), ["p003", "p013", "p023", "p033"]);
    assert_plan(
        &scanned,
        Access::Scan,
        Complexity::Collection,
        "every document",
    );
    reads(40, 1, &scanned.profile.requests);
}

#[tokio::test(start_paused = true)]
async fn a_beginning_and_none_are_conditions_too() {
    let db = posts(40).await;
    let notes = Post::query(&db)
        .filter(|post| post.author.eq("a0") & post.note.starts_with("note 1"))
        .await
        .unwrap();
    assert_eq!(ids(&notes), ["p016"]);
    let none = Post::query(&db)
        .filter(|post| post.author.eq("a0") & post.note.is_none() & post.published.le(12_u32));
    assert_eq!(ids(&none.await.unwrap()), ["p004", "p012"]);
    let other = Post::query(&db)
        .filter(|post| post.author.eq("a0") & post.note.ne("note 8") & !post.published.gt(12_u32));
    assert_eq!(ids(&other.await.unwrap()), ["p000", "p004", "p012"]);
}

#[tokio::test(start_paused = true)]
async fn a_scan_takes_closures_and_comparisons() {
    let db = posts(40).await;
    let by_length = |left: &Post, right: &Post| right.title.len().cmp(&left.title.len());
    let found = Post::query(&db)
        .scan()
        .retain(|post| post.published % 13 == 0)
        .sort_by(by_length)
        .limit(3)
        .await
        .unwrap();
    assert_eq!(ids(&found), ["p013", "p026", "p039"]);
    let refused = Post::query(&db).scan().budget(39).sort_by(by_length).await;
    assert_eq!(refused.unwrap_err().code(), "SB-BUDGET");
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_few_pass_in_the_order_of_an_index_has_a_budget() {
    let db = posts(40).await;
    let rare = || {
        Post::query(&db)
            .order_by(|post| post.score.asc())
            .filter(|post| post.title.contains_text("The 0th"))
    };
    assert_eq!(ids(&rare().limit(1).await.unwrap()), ["p000"]);
    let refused = rare().budget(20).limit(1).await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Refused, "SB-BUDGET")
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_the_only_and_any() {
    let db = posts(40).await;
    let drafts = || Post::query(&db).filter(|post| post.status.eq("draft"));
    let nothing = || Post::query(&db).filter(|post| post.status.eq("gone"));
    let first = drafts().first().explain().await.unwrap();
    assert_eq!(first.result.unwrap().id, "p000");
    reads(2, 1, &first.profile.requests);
    assert!(nothing().first().await.unwrap().is_none());
    assert!(drafts().exists().await.unwrap() && !nothing().exists().await.unwrap());
    assert_eq!(drafts().one().await.unwrap_err().code(), "SB-TOO-MANY");
    assert_eq!(
        nothing().one().await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let one = drafts().filter(|post| post.published.gt(3_u32)).one().await;
    assert_eq!(one.unwrap().id, "p020");
}

#[tokio::test(start_paused = true)]
async fn counts_of_many_values_and_estimates() {
    let db = posts(40).await;
    let counts = Post::query(&db).counts(|post| post.status, ["live", "draft", "gone"]);
    assert_eq!(counts.await.unwrap(), [38, 2, 0]);
    let live = || Post::query(&db).filter(|post| post.status.eq("live"));
    let estimate = live().count_estimate().explain().await.unwrap();
    assert_eq!(estimate.result, 38);
    reads(0, 1, &estimate.profile.requests);
    let none = Post::query(&db)
        .scan()
        .filter(|post| post.title.eq("x"))
        .count_estimate();
    assert_eq!(none.await.unwrap_err().code(), "SB-BUDGET");
}

#[derive(Debug, PartialEq, Deserialize)]
struct Card {
    title: String,
    score: u32,
}

#[tokio::test(start_paused = true)]
async fn a_projection_gives_the_members_that_it_names() {
    let db = posts(40).await;
    let cards: Vec<Card> = Post::query(&db)
        .filter(|post| post.status.eq("draft"))
        .project::<Card>()
        .try_collect()
        .await
        .unwrap();
    let card = |title: &str, score| Card {
        title: title.to_owned(),
        score,
    };
    assert_eq!(
        cards,
        [card("The 0th post", 1_000), card("The 20th post", 980)]
    );
    let wrong: Result<Vec<u32>> = Post::query(&db)
        .filter(|post| post.status.eq("draft"))
        .project::<u32>()
        .try_collect()
        .await;
    let text = wrong.unwrap_err().to_string();
    assert!(!text.contains("draft") && text.contains("p000"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn work_on_every_document_is_bounded() {
    let db = posts(40).await;
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let count = Post::query(&db)
        .scan()
        .for_each_concurrent(3, |_| async {
            most.fetch_max(
                running.fetch_add(1, Ordering::Relaxed) + 1,
                Ordering::Relaxed,
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
            running.fetch_sub(1, Ordering::Relaxed);
            Ok(())
        })
        .await;
    assert_eq!((count.unwrap(), most.into_inner()), (40, 3));
}

#[tokio::test(start_paused = true)]
async fn a_finder_takes_more_conditions_and_another_order() {
    let db = posts(40).await;
    let found = Post::find_by_status(&db, "live")
        .filter(|post| post.author.eq("a2"))
        .order_by(|post| post.score.asc())
        .limit(2)
        .await
        .unwrap();
    assert_eq!(ids(&found), ["p038", "p034"]);
    let found = Post::find_by_score_in(&db, 990..).filter(|post| post.tags.has("t3"));
    assert_eq!(ids(&found.await.unwrap()), ["p003"]);
}

#[tokio::test(start_paused = true)]
async fn a_cursor_goes_on_after_the_plan_changed() {
    let db = posts(40).await;
    let query = || {
        Post::query(&db)
            .filter(|post| post.tags.has("all") & post.status.eq("live"))
            .order_by(|post| post.score.asc())
    };
    let mut seen = Vec::new();
    let (mut after, mut size) = (None, 1);
    loop {
        // A small page reads in order, a large one sorts what matches.
        let page = query().page(size).after_opt(after).await.unwrap();
        seen.extend(page.items.iter().map(|post| post.published));
        size += 5;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<u32> = (0..40).rev().filter(|number| number % 20 != 0).collect();
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn a_query_without_a_ready_index_says_that_it_fell_back() {
    let world = World::new(1);
    world.open(0).await.close().await;
    let reader = world.builder(1, world.store.clone()).read_only(true);
    let db = reader.open().await.unwrap();
    let found = Post::query(&db).filter(|post| post.status.eq("draft"));
    let found = found.explain().await.unwrap();
    assert_plan(
        &found,
        Access::Scan,
        Complexity::Collection,
        "every document",
    );
    assert!(found.profile.fell_back);
    assert_eq!(db.profiler().fallbacks().len(), 1);
}

/// A reader of a collection whose definitions nobody has built, and which therefore has to scan.
async fn unready(fallback: Fallback) -> Db {
    let world = World::new(1);
    world.open(0).await.close().await;
    let reader = world.builder(1, world.store.clone()).read_only(true);
    reader.fallback(fallback).open().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_finds_by_a_unique_value_that_is_not_built_says_that_it_scans_and_may_be_refused() {
    let db = unready(Fallback::Scan).await;
    let found = Post::find_by_slug(&db, "post-1").explain().await.unwrap();
    assert_plan(
        &found,
        Access::Scan,
        Complexity::Collection,
        "every document",
    );
    assert!(found.profile.fell_back);
    assert_eq!(db.profiler().fallbacks().len(), 1);
    let never = Post::find_by_slug(&db, "post-1").fallback(Fallback::Never);
    assert_eq!(never.await.unwrap_err().code(), "SB-INDEX-UNAVAILABLE");
    // By a query as well.
    let never = Post::query(&db)
        .filter(|post| post.slug.eq("post-1"))
        .fallback(Fallback::Never);
    assert_eq!(never.await.unwrap_err().code(), "SB-INDEX-UNAVAILABLE");

    let strict = unready(Fallback::Never).await;
    let refused = Post::find_by_slug(&strict, "post-1").await.unwrap_err();
    assert_eq!(refused.code(), "SB-INDEX-UNAVAILABLE");
    let scans = Post::find_by_slug(&strict, "post-1").fallback(Fallback::Scan);
    assert!(scans.await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_index_is_not_built_says_that_it_scans_and_may_be_refused() {
    let db = unready(Fallback::Scan).await;
    let ordered = || Post::query(&db).order_by(|post| post.score.desc());
    let found = ordered().explain().await.unwrap();
    assert_eq!(found.profile.access, Access::Scan);
    assert!(found.profile.fell_back);
    let never = ordered().fallback(Fallback::Never).await;
    assert_eq!(never.unwrap_err().code(), "SB-INDEX-UNAVAILABLE");
    // No index would give this one.
    let sorted = Post::query(&db).scan().order_by(|post| post.title.asc());
    let sorted = sorted.fallback(Fallback::Never).explain().await.unwrap();
    assert!(!sorted.profile.fell_back);
}

#[tokio::test(start_paused = true)]
async fn the_profiler_keeps_the_last_queries_with_their_prices_and_no_values() {
    let db = posts(40).await;
    assert!(db.profiler().recent().is_empty());
    for _ in 0..1_005 {
        let found = Post::query(&db).filter(|post| post.status.eq("a secret"));
        assert!(!found.exists().await.unwrap());
    }
    Post::find_by_slug(&db, "Post-1").await.unwrap().unwrap();
    Post::query(&db)
        .scan()
        .retain(|_| true)
        .count()
        .await
        .unwrap();
    let recent = db.profiler().recent();
    assert_eq!(recent.len(), 1_000);
    let summary = db.profiler().summary();
    let kinds: Vec<_> = summary
        .iter()
        .map(|kind| (kind.operation, kind.access, kind.queries))
        .collect();
    let expected = [
        ("count", Access::Scan, 1),
        ("find", Access::UniqueValue, 1),
        ("query", Access::IndexCandidates, 998),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(db.profiler().full_scans().len(), 1);
    assert!(!format!("{recent:?}").contains("secret"));
    let prices = Prices::default();
    let scan = recent.last().unwrap();
    assert!((prices.of(&scan.requests) - (40.0 * 0.4 + 5.0) / 1e6).abs() < 1e-12);
    db.profiler().clear();
    assert!(db.profiler().recent().is_empty());
}

/// A database on a store with these latencies, with so many posts, and 64 reads at the same time.
async fn latent(count: u32, latencies: Latencies) -> (World, Db) {
    let world = World::new(1);
    let db = world.open(0).await;
    futures::stream::iter(0..count)
        .for_each_concurrent(64, |number| {
            let db = &db;
            async move { drop(Post::create(db, post(number)).await.unwrap()) }
        })
        .await;
    db.close().await;
    let store = Arc::new(LatentStore::exact(world.store.clone(), latencies));
    let limits = Limits {
        concurrent_reads: 64,
        ..Limits::default()
    };
    let db = world.builder(1, store).limits(limits).open().await.unwrap();
    // The catalog is read once per 5 s, not per query.
    assert!(
        !Post::query(&db)
            .filter(|post| post.status.eq(""))
            .exists()
            .await
            .unwrap()
    );
    (world, db)
}

const TEN: Latencies = Latencies {
    get: Duration::from_millis(10),
    put: Duration::from_millis(20),
    list: Duration::from_millis(10),
};

#[tokio::test(start_paused = true)]
async fn a_hundred_hits_take_as_long_as_two_waves_of_reads_and_one_list() {
    let (world, db) = latent(400, TEN).await;
    let began = world.clock.elapsed();
    let found = Post::query(&db).filter(|post| post.author.eq("a3")).await;
    assert_eq!(found.unwrap().len(), 100);
    assert_eq!(world.clock.elapsed() - began, Duration::from_millis(30));
}

#[tokio::test(start_paused = true)]
async fn a_scan_of_a_thousand_filtered_and_sorted_takes_less_than_300_ms() {
    let (world, db) = latent(1_000, Latencies::CONTRACT).await;
    let began = world.clock.elapsed();
    let found = Post::query(&db)
        .scan()
        .filter(|post| post.note.is_some() & post.title.ne("The 8th post"))
        .order_by(|post| post.title.desc())
        .limit(10)
        .await;
    assert_eq!(found.unwrap().len(), 10);
    let took = world.clock.elapsed() - began;
    assert!(took <= Duration::from_millis(300), "{took:?}");
}

/// The user of other tests: fields without an index of their own that lead one.
#[tokio::test(start_paused = true)]
async fn a_field_that_leads_an_index_over_several_answers_equality() {
    let world = World::new(1);
    let db = world.open(0).await;
    let mut ada = User::new("ada");
    ada.team = Some("red".into());
    User::create(&db, ada).await.unwrap();
    User::create(&db, User::new("alan")).await.unwrap();
    let found = User::query(&db)
        .filter(|user| user.team.eq("red") | user.team.is_none())
        .explain()
        .await
        .unwrap();
    assert_eq!(found.result.len(), 2);
    assert_plan(
        &found,
        Access::IndexCandidates,
        Complexity::Results,
        "by-team-age (a range)",
    );
}
