//! The safety rules about orders and long values (S22, S25, S26), on every way that a query can go.

use futures::TryStreamExt;
use smarterbase::{Cursor, prelude::*};
use smarterbase_core::{db::FindMany, operation::profile::Access};
use smarterbase_testkit::sweep::World;

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "stories", index(fields(shelf, title), name = by_shelf_title, range))]
struct Story {
    #[key]
    id: String,
    #[index]
    shelf: String,
    #[index(range)]
    title: String,
    #[index(each)]
    labels: Vec<String>,
}

/// The same without any index: everything is scanned.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "drafts")]
struct Draft {
    #[key]
    id: String,
    title: String,
}

async fn stories(titles: &[(&str, String)]) -> Db {
    let db = World::new(1).open(0).await;
    for (id, title) in titles {
        let (id, title) = ((*id).to_owned(), title.clone());
        let draft = Draft {
            id: id.clone(),
            title: title.clone(),
        };
        Draft::create(&db, draft).await.unwrap();
        let story = Story {
            id,
            shelf: "one".to_owned(),
            title,
            labels: vec!["a".to_owned(), "b".to_owned()],
        };
        Story::create(&db, story).await.unwrap();
    }
    db
}

/// One document per page, so that every cursor is used.
async fn pages<'a>(query: impl Fn() -> FindMany<'a, Story>) -> Vec<String> {
    let (mut ids, mut after): (Vec<String>, Option<Cursor>) = (Vec::new(), None);
    loop {
        let page = query().page(1).after_opt(after).await.unwrap();
        ids.extend(page.items.iter().map(|story| story.id.clone()));
        after = page.next;
        if after.is_none() {
            return ids;
        }
    }
}

async fn access(query: FindMany<'_, Story>) -> Access {
    query.limit(1).explain().await.unwrap().profile.access
}

/// The bytes of `<id>.json` decide: `%` (a blank), `-` and `.` stand before the `.` or the `j` of the ending, letters and digits behind
/// it. An order of ids alone would put `a` first.
#[tokio::test(start_paused = true)]
async fn s22_ids_come_in_one_order_from_listings_indexes_unions_and_cursors() {
    let expected = ["a b", "a-", "a.", "a", "a0", "ab"];
    let mut titles: Vec<_> = expected.iter().map(|id| (*id, "same".to_owned())).collect();
    titles.reverse();
    let db = stories(&titles).await;
    let listed: Vec<_> = Story::list(&db).stream().try_collect().await.unwrap();
    let listed: Vec<_> = listed.into_iter().map(|story| story.id.clone()).collect();
    assert_eq!(listed, expected);
    let one_value = || Story::query(&db).filter(|story| story.shelf.eq("one"));
    assert_eq!(access(one_value()).await, Access::IndexCandidates);
    assert_eq!(pages(one_value).await, expected);
    let union = || Story::query(&db).filter(|story| story.labels.has("b") | story.labels.has("a"));
    assert_eq!(pages(union).await, expected);
    let ordered = || Story::query(&db).order_by(|story| story.title.asc());
    assert_eq!(access(ordered()).await, Access::IndexOrder);
    assert_eq!(pages(ordered).await, expected);
    let scanned = || Story::query(&db).scan().retain(|_| true);
    assert_eq!(access(scanned()).await, Access::Scan);
    assert_eq!(pages(scanned).await, expected);
    let down = || Story::query(&db).order_by(|story| story.title.desc());
    let mut reversed = expected;
    reversed.reverse();
    assert_eq!(pages(down).await, reversed);
    let by_hand: Vec<_> = pages(|| Story::find_by_shelf(&db, "one")).await;
    assert_eq!(by_hand, expected);
}

/// Texts of 120 characters that differ in the last one: an entry keeps the first 96 bytes.
fn long(last: char) -> String {
    format!("{}{last}", "x".repeat(119))
}

#[tokio::test(start_paused = true)]
async fn s25_equality_and_ranges_beyond_the_cut_are_exact() {
    let titles: Vec<_> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|id| (id, long(id.chars().next().unwrap())))
        .collect();
    let db = stories(&titles).await;
    let ids = async |query: FindMany<'_, Story>| {
        let mut found: Vec<_> = query
            .await
            .unwrap()
            .iter()
            .map(|story| story.id.clone())
            .collect();
        found.sort();
        found.concat()
    };
    let by_title = || Story::query(&db);
    assert_eq!(
        ids(by_title().filter(|story| story.title.eq(long('b')))).await,
        "b"
    );
    let between = by_title().filter(|story| story.title.between(long('b'), long('c')));
    assert_eq!(ids(between).await, "bc");
    let above = by_title().filter(|story| story.title.gt(long('b')));
    assert_eq!(ids(above).await, "cd");
    let below = by_title().filter(|story| story.title.lt(long('b')));
    assert_eq!(ids(below).await, "a");
    let begins = by_title().filter(|story| story.title.starts_with(long('d')));
    assert_eq!(ids(begins).await, "d");
    assert_eq!(
        ids(Story::find_by_title_in(&db, long('b')..long('d'))).await,
        "bc"
    );
    // Behind another component a text is cut after 56 bytes.
    let behind = Story::find_by_shelf_title_in(&db, "one", long('c')..);
    assert_eq!(ids(behind).await, "cd");
}

#[tokio::test(start_paused = true)]
async fn s26_texts_that_are_equal_as_far_as_they_are_kept_have_one_order_everywhere() {
    let mut titles: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h"]
        .into_iter()
        .map(|id| (id, long(id.chars().next().unwrap())))
        .collect();
    titles.push(("before", "x".repeat(96)));
    titles.push(("last", "y".to_owned()));
    let db = stories(&titles).await;
    let by_index = || Story::query(&db).order_by(|story| story.title.asc());
    assert_eq!(access(by_index()).await, Access::IndexOrder);
    let by_index = pages(by_index).await;
    let sorted = Draft::query(&db).scan().order_by(|draft| draft.title.asc());
    let sorted = sorted.explain().await.unwrap();
    assert_eq!(sorted.profile.access, Access::Scan);
    let sorted: Vec<_> = sorted.result.iter().map(|draft| draft.id.clone()).collect();
    assert_eq!(by_index, sorted);
    // Fixed, and not that of the texts: these eight are equal in what is kept.
    assert_eq!((&*by_index[0], &*by_index[9]), ("before", "last"));
    assert!(!by_index.is_sorted(), "{by_index:?}");
    // What matches few documents is sorted, and stands in the same order.
    let few = Story::query(&db)
        .filter(|story| story.shelf.eq("one") & story.labels.has("a"))
        .order_by(|story| story.title.asc());
    let few: Vec<_> = few.stream().try_collect().await.unwrap();
    let few: Vec<_> = few.into_iter().map(|story| story.id.clone()).collect();
    assert_eq!(few, by_index);
}
