//! Queries: pages concatenate, every way of answering gives the same, cursors belong to their query.

use futures::{TryStreamExt, future::BoxFuture};
use proptest::prelude::{Strategy, prop};
use serde_json::json;
use smarterbase::{Cursor, Limits, Page, Result, prelude::*};
use smarterbase_core::{format::Key, port::Expect};
use smarterbase_testkit::sweep::World;

use crate::user::User;

/// A way to ask for one page.
type Ask = fn(&Db, usize, Option<Cursor>) -> BoxFuture<'_, Result<Page<User>>>;

macro_rules! ask {
    (|$db:ident| $request:expr) => {
        |$db, size, after| $request.page(size).after_opt(after).into_future()
    };
}

/// A question: how to ask it, which users match, and by what they are ordered besides their id.
struct Question {
    name: &'static str,
    ask: Ask,
    matches: fn(&User) -> bool,
    order: fn(&User) -> (u32, Option<String>),
    descending: bool,
}

fn unordered(_: &User) -> (u32, Option<String>) {
    (0, None)
}

fn questions() -> Vec<Question> {
    let question = |name, ask: Ask, matches| Question {
        name,
        ask,
        matches,
        order: unordered,
        descending: false,
    };
    let by_age = |user: &User| (user.age, None);
    vec![
        question("plan", ask!(|db| User::find_by_plan(db, "p0")), |user| {
            user.plan == "p0"
        }),
        Question {
            descending: true,
            ..question(
                "plan, descending",
                ask!(|db| User::find_by_plan(db, "p0").descending()),
                |user| user.plan == "p0",
            )
        },
        question(
            "one of a list",
            ask!(|db| User::find_by_tags(db, "a")),
            |user| user.tags.iter().any(|tag| tag == "a"),
        ),
        question(
            "a composite",
            ask!(|db| User::find_by_team_age(db, "red", 3)),
            |user| user.team.as_deref() == Some("red") && user.age == 3,
        ),
        question(
            "a composite with none",
            ask!(|db| User::find_by_team_age(db, None, 3)),
            |user| user.team.is_none() && user.age == 3,
        ),
        Question {
            order: by_age,
            ..question(
                "a composite range",
                ask!(|db| User::find_by_team_age_in(db, "red", 2..5)),
                |user| user.team.as_deref() == Some("red") && (2..5).contains(&user.age),
            )
        },
        Question {
            order: by_age,
            ..question(
                "a range",
                ask!(|db| User::find_by_age_in(db, 2..=6)),
                |user| (2..=6).contains(&user.age),
            )
        },
        Question {
            order: by_age,
            descending: true,
            ..question(
                "a range, descending",
                ask!(|db| User::find_by_age_in(db, 3..).descending()),
                |user| user.age >= 3,
            )
        },
        Question {
            order: by_age,
            ..question(
                "an order",
                ask!(|db| User::query(db).order_by(|user| user.age.asc())),
                |_| true,
            )
        },
        Question {
            order: by_age,
            descending: true,
            ..question(
                "a descending order",
                ask!(|db| User::query(db).order_by(|user| user.age.desc())),
                |_| true,
            )
        },
    ]
}

impl Question {
    fn expected(&self, users: &[User]) -> Vec<String> {
        let mut matching: Vec<_> = users.iter().filter(|user| (self.matches)(user)).collect();
        matching.sort_by_key(|user| ((self.order)(user), format!("{}.json", user.id)));
        if self.descending {
            matching.reverse();
        }
        matching.iter().map(|user| user.id.clone()).collect()
    }

    async fn answer(&self, db: &Db, size: usize) -> Vec<String> {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = (self.ask)(db, size, after).await.unwrap();
            assert!(
                page.items.len() == size || page.next.is_none(),
                "a short page is the last one"
            );
            ids.extend(page.items.iter().map(|user| user.id.clone()));
            match page.next {
                None => return ids,
                next => after = next,
            }
        }
    }

    async fn check(&self, db: &Db, users: &[User], size: usize, way: &str) {
        let answer = self.answer(db, size).await;
        assert_eq!(
            answer,
            self.expected(users),
            "{} by {way}, pages of {size}",
            self.name
        );
    }
}

fn users() -> impl Strategy<Value = Vec<User>> {
    let user = (
        0..2_u8,
        0..8_u32,
        prop::collection::vec(0..3_u8, 0..4),
        prop::option::of(prop::bool::ANY),
    );
    prop::collection::vec(user, 0..14).prop_map(|users| {
        let numbered = users.into_iter().enumerate();
        let make =
            |(number, (plan, age, tags, team)): (usize, (u8, u32, Vec<u8>, Option<bool>))| User {
                plan: format!("p{plan}"),
                age,
                tags: tags
                    .iter()
                    .map(|tag| ["a", "b", "c"][usize::from(*tag)].to_owned())
                    .collect(),
                team: team.map(|red| if red { "red" } else { "blue" }.to_owned()),
                ..User::new(&format!("u{}", number * 5 % 14))
            };
        numbered.map(make).collect()
    })
}

fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(future);
}

async fn put_by_hand(world: &World, user: &User) {
    let key = Key::from_stored(format!("users/{}.json", user.id));
    world
        .store
        .put(&key, &Expect::Absent, json!(user).to_string().into())
        .await;
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]

    #[test]
    fn every_way_of_answering_gives_what_a_plain_evaluation_gives(users in users(), size in 1..6_usize) {
        run(async {
            // On the index.
            let world = World::new(1);
            let db = world.open(0).await;
            for user in &users {
                User::create(&db, user.clone()).await.unwrap();
            }
            for question in questions() {
                question.check(&db, &users, size, "index").await;
            }
            // Without any catalog: a scan.
            let world = World::new(2);
            world.open(0).await.close().await;
            for user in &users {
                put_by_hand(&world, user).await;
            }
            let reader = world.builder(1, world.store.clone()).read_only(true).open().await.unwrap();
            for question in questions() {
                question.check(&reader, &users, size, "scan").await;
            }
            // While it is being built, and rebuilt.
            let db = world.open(2).await;
            for question in questions() {
                question.check(&db, &users, size, "scan while building").await;
            }
            db.rebuild_indexes::<User>().await.unwrap();
            for question in questions() {
                question.check(&db, &users, size, "rebuilt index").await;
            }
        });
    }
}

async fn db_with(users: usize) -> (World, Db) {
    let world = World::new(1);
    let db = world.open(0).await;
    for number in 0..users {
        User::create(&db, User::new(&format!("u{number:02}")))
            .await
            .unwrap();
    }
    (world, db)
}

#[tokio::test(start_paused = true)]
async fn a_tampered_cursor_is_invalid() {
    let (_, db) = db_with(3).await;
    let next = User::find_by_plan(&db, "free")
        .page(1)
        .await
        .unwrap()
        .next
        .unwrap();
    for position in [0, next.as_str().len() / 2, next.as_str().len() - 1] {
        let mut text = next.as_str().to_owned().into_bytes();
        text[position] = if text[position] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(text).unwrap();
        let refused = User::find_by_plan(&db, "free")
            .page(1)
            .after(tampered)
            .await
            .unwrap_err();
        assert_eq!(
            (refused.kind(), refused.code()),
            (ErrorKind::Invalid, "SB-INVALID-CURSOR")
        );
    }
    for text in ["", "x", "not a cursor at all", "😀"] {
        let refused = User::list(&db).page(1).after(text).await.unwrap_err();
        assert_eq!(refused.code(), "SB-INVALID-CURSOR");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_of_another_database_is_invalid() {
    let (_, db) = db_with(3).await;
    let (_, other) = {
        let world = World::new(77);
        let db = world.open(0).await;
        for number in 0..3 {
            User::create(&db, User::new(&format!("u{number:02}")))
                .await
                .unwrap();
        }
        (world, db)
    };
    let foreign = User::find_by_plan(&other, "free")
        .page(1)
        .await
        .unwrap()
        .next
        .unwrap();
    let refused = User::find_by_plan(&db, "free")
        .page(1)
        .after(foreign)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "SB-INVALID-CURSOR");
}

#[tokio::test(start_paused = true)]
async fn a_cursor_of_another_query_is_stale() {
    let (_, db) = db_with(3).await;
    let next = User::find_by_plan(&db, "free")
        .page(1)
        .await
        .unwrap()
        .next
        .unwrap();
    let refusals = [
        User::find_by_plan(&db, "pro")
            .page(1)
            .after(next.clone())
            .await
            .unwrap_err(),
        User::find_by_plan(&db, "free")
            .descending()
            .page(1)
            .after(next.clone())
            .await
            .unwrap_err(),
        User::find_by_tags(&db, "a")
            .page(1)
            .after(next.clone())
            .await
            .unwrap_err(),
        User::list(&db).page(1).after(next).await.unwrap_err(),
    ];
    for refused in refusals {
        assert_eq!(
            (refused.kind(), refused.code()),
            (ErrorKind::Invalid, "SB-STALE-CURSOR")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_goes_on_in_another_process_and_after_the_document_it_names_is_gone() {
    let (world, db) = db_with(5).await;
    let page = User::find_by_plan(&db, "free").page(2).await.unwrap();
    User::delete(&db, &"u01".to_owned()).await.unwrap();
    let other = world.open(9).await;
    let rest = User::find_by_plan(&other, "free")
        .page(10)
        .after(page.next.unwrap())
        .await
        .unwrap();
    let ids: Vec<_> = rest.items.iter().map(|user| user.id.as_str()).collect();
    assert_eq!(ids, ["u02", "u03", "u04"]);
}

#[tokio::test(start_paused = true)]
async fn a_read_only_database_gives_pages() {
    let (world, db) = db_with(5).await;
    db.close().await;
    let reader = world
        .builder(1, world.store.clone())
        .read_only(true)
        .open()
        .await
        .unwrap();
    let page = User::find_by_plan(&reader, "free").page(2).await.unwrap();
    let rest = User::find_by_plan(&reader, "free")
        .page(9)
        .after(page.next.unwrap())
        .await
        .unwrap();
    assert_eq!((page.items.len(), rest.items.len()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn pages_of_any_size_are_answered() {
    let (_, db) = db_with(3).await;
    assert_eq!(
        User::find_by_plan(&db, "free")
            .page(usize::MAX)
            .await
            .unwrap()
            .items
            .len(),
        3
    );
    assert_eq!(
        User::list(&db).page(usize::MAX).await.unwrap().items.len(),
        3
    );
    assert_eq!(
        User::find_by_plan(&db, "free")
            .page(0)
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn more_hits_than_one_call_may_collect_are_an_error_and_never_a_cut() {
    let world = World::new(1);
    let limits = Limits {
        collect: 5,
        scan_documents: 7,
        ..Limits::default()
    };
    let builder = world.builder(0, world.store.clone());
    let db = builder.limits(limits).open().await.unwrap();
    for number in 0..6 {
        User::create(&db, User::new(&format!("u{number}")))
            .await
            .unwrap();
    }
    let refusals = [
        User::find_by_plan(&db, "free").await.unwrap_err(),
        User::query(&db)
            .filter(|user| user.age.ge(1))
            .await
            .unwrap_err(),
        User::query(&db).scan().await.unwrap_err(),
        User::list(&db).await.unwrap_err(),
    ];
    for refused in refusals {
        assert_eq!(
            (refused.kind(), refused.code()),
            (ErrorKind::Refused, "SB-TOO-MANY")
        );
    }
    let streamed: Vec<_> = User::find_by_plan(&db, "free")
        .stream()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(streamed.len(), 6);
    for number in 6..8 {
        User::create(&db, User::new(&format!("u{number}")))
            .await
            .unwrap();
    }
    let refused = User::query(&db).scan().count().await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Refused, "SB-BUDGET")
    );
    assert_eq!(User::query(&db).scan().budget(8).count().await.unwrap(), 8);
}

#[tokio::test(start_paused = true)]
async fn deleting_by_an_index_takes_what_matches_and_nothing_else() {
    let (_, db) = db_with(4).await;
    User::update(&db, &"u02".to_owned(), |user| {
        user.plan = "pro".into();
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(User::delete_by_plan(&db, "free").await.unwrap(), 3);
    let left = User::list(&db).await.unwrap();
    assert_eq!(
        left.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(),
        ["u02"]
    );
}
