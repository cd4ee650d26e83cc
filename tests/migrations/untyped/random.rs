//! Random conditions on JSON, by indexes and by a scan.

use std::sync::Arc;

use proptest::{
    prelude::{Just, Strategy, any, prop, prop_oneof},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use serde_json::{Value, json};
use smarterbase::prelude::*;
use smarterbase_core::db::{JsonCollection, JsonDocument, JsonQuery};
use smarterbase_testkit::{MemoryIndex, sweep::World};

use super::{Member, TEAM, member, members, tool};

/// One condition, as a tool asks for it and as anybody would judge it.
#[derive(Clone, Debug)]
enum Ask {
    Plan(&'static str),
    Tag(&'static str),
    Email(&'static str),
    Badge(u32),
    Team,
    NoTeam,
    Joined(u32, u32),
    Score(f32),
    Level(i16, i16),
    Note,
}

impl Ask {
    fn add<'q>(&self, query: JsonQuery<'q>) -> JsonQuery<'q> {
        let year = |year: &u32| format!("{year}-01-01T00:00:00Z");
        match self {
            Self::Plan(plan) => query.eq("plan", plan),
            Self::Tag(tag) => query.has("tags", tag),
            Self::Email(email) => query.eq("email", email),
            Self::Badge(badge) => query.eq("badge", badge),
            Self::Team => query.eq("team", &TEAM),
            Self::NoTeam => query.eq("team", &Value::Null),
            Self::Joined(from, to) => query
                .at_least("joined", &year(from))
                .below("joined", &year(to)),
            Self::Score(score) => query.above("score", score),
            Self::Level(least, most) => query.at_least("level", least).at_most("level", most),
            Self::Note => query.has("notes", &"n"),
        }
    }

    fn holds(&self, member: &Value) -> bool {
        let list_has = |field: &str, element: &str| {
            let mut list = member[field].as_array().into_iter().flatten();
            list.any(|one| one == element)
        };
        let year = member["joined"].as_str().unwrap()[..4]
            .parse::<u32>()
            .unwrap();
        let level = member["level"].as_i64().unwrap();
        match self {
            Self::Plan(plan) => member["plan"] == *plan,
            Self::Tag(tag) => list_has("tags", tag),
            Self::Email(email) => member["email"] == *email,
            Self::Badge(badge) => member["badge"] == *badge,
            Self::Team => member["team"] == json!(TEAM),
            Self::NoTeam => member["team"].is_null(),
            Self::Joined(from, to) => year >= *from && year < *to,
            #[allow(clippy::cast_possible_truncation, reason = "the field is an f32")]
            Self::Score(score) => member["score"].as_f64().unwrap() as f32 > *score,
            Self::Level(least, most) => level >= i64::from(*least) && level <= i64::from(*most),
            Self::Note => list_has("notes", "n"),
        }
    }
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        prop_oneof![Just("Free"), Just("Pro")].prop_map(Ask::Plan),
        prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(Ask::Tag),
        prop_oneof![Just("m1@Example.org"), Just("m1@example.org"), Just("x")].prop_map(Ask::Email),
        (0..4_u32).prop_map(Ask::Badge),
        Just(Ask::Team),
        Just(Ask::NoTeam),
        (2020..2024_u32, 2020..2024_u32).prop_map(|(from, to)| Ask::Joined(from, to)),
        prop_oneof![Just(0.0_f32), Just(0.1), Just(0.3)].prop_map(Ask::Score),
        (-2..3_i16, -2..3_i16).prop_map(|(least, most)| Ask::Level(least, most)),
        Just(Ask::Note),
    ]
}

/// Tags, plan, team, year, score in tenths, level, note.
type DrawnMember = (u32, bool, bool, u32, u8, i16, bool);

fn drawn_members() -> impl Strategy<Value = Vec<Value>> {
    let one = (
        0..4_u32,
        any::<bool>(),
        any::<bool>(),
        2020..2024_u32,
        0..4_u8,
        -2..3_i16,
        any::<bool>(),
    );
    prop::collection::vec(one, 1..14).prop_map(|drawn| {
        let drawn = drawn.into_iter().enumerate();
        let make = |(number, drawn): (usize, DrawnMember)| {
            let (tag, pro, team, year, score, level, note) = drawn;
            members(
                &format!("m{number}"),
                json!({
                    "plan": if pro { "Pro" } else { "Free" },
                    "badge": (number < 4).then_some(number),
                    "tags": (0..tag).map(|tag| ["a", "b", "c"][tag as usize]).collect::<Vec<_>>(),
                    "team": team.then_some(TEAM),
                    "joined": format!("{year}-03-01T00:00:00Z"),
                    "score": f32::from(score) / 10.0,
                    "level": level,
                    "notes": if note { vec!["n"] } else { vec![] },
                }),
            )
        };
        drawn.map(make).collect()
    })
}

/// The same from the indexes of the type, and where none is ready; a program with the type and a tool wrote by turns.
#[test]
fn random_conditions_on_json_give_the_same_from_indexes_and_from_a_scan() {
    let mut runner = TestRunner::deterministic();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let mut by_index = 0;
    for _ in 0..40 {
        let drawn = drawn_members().new_tree(&mut runner).unwrap().current();
        let asks = prop::collection::vec(prop::collection::vec(ask(), 1..4), 12);
        let asks = asks.new_tree(&mut runner).unwrap().current();
        by_index += runtime.block_on(check_asks(&drawn, &asks));
    }
    assert!(by_index > 200, "only {by_index} questions used an index");
}

/// How many of the questions an index answered.
async fn check_asks(drawn: &[Value], asks: &[Vec<Ask>]) -> usize {
    let world = World::new(5);
    let db = world.open(0).await;
    Member::create(&db, member("ada")).await.unwrap();
    Member::delete(&db, &"ada".to_owned()).await.unwrap();
    let with_index = tool(&world, "members").await;
    for (position, one) in drawn.iter().enumerate() {
        match position % 2 {
            0 => drop(with_index.create(one).await.unwrap()),
            _ => drop(
                Member::create(&db, serde_json::from_value::<Member>(one.clone()).unwrap())
                    .await
                    .unwrap(),
            ),
        }
    }
    db.close().await;
    // Without the backend of its indexes a program that only reads has to scan.
    let blind = world.builder(2, world.store.clone()).read_only(true);
    let elsewhere = MemoryIndex::new();
    elsewhere.take_away(true);
    let blind = blind.index(Arc::new(elsewhere)).open().await.unwrap();
    let by_scan = blind.collection("members").await.unwrap();
    let (mut by_index, tool_db) = (0, world.open(3).await);
    let with_index = tool_db.collection("members").await.unwrap();
    for asked in asks {
        let holds = |member: &&Value| asked.iter().all(|ask| ask.holds(member));
        let mut expected: Vec<_> = drawn
            .iter()
            .filter(holds)
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        expected.sort_by_key(|id| format!("{id}.json"));
        let before = tool_db.request_counts().snapshot();
        let found = pages(&with_index, asked).await;
        let requests = tool_db.request_counts().snapshot() - before;
        assert_eq!(found, expected, "by an index: {asked:?}");
        assert_eq!(
            pages(&by_scan, asked).await,
            expected,
            "by a scan: {asked:?}"
        );
        by_index += usize::from(requests.gets < drawn.len() as u64);
    }
    by_index
}

async fn pages(collection: &JsonCollection, asked: &[Ask]) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let mut query = asked
            .iter()
            .fold(collection.list(), |query, ask| ask.add(query));
        if let Some(cursor) = after.take() {
            query = query.after(cursor);
        }
        let page = query.page(3).await.unwrap();
        ids.extend(page.items.iter().map(JsonDocument::id));
        match page.next {
            Some(next) => after = Some(next),
            None => return ids,
        }
    }
}
