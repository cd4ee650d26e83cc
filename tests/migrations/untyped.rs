//! Documents without their type, beside programs that have it.

mod conditions;
mod random;
mod schema;
mod verbs;

use serde_json::{Value, json};
use smarterbase::{Result, prelude::*};
use smarterbase_core::db::JsonCollection;
use smarterbase_testkit::sweep::World;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(
    name = "members",
    schema_dir = "tests/migrations/schema/members",
    index(fields(team, level), name = by_team_level, range)
)]
struct Member {
    #[key]
    id: String,
    #[unique(lower)]
    email: String,
    #[unique]
    badge: Option<u32>,
    #[index]
    plan: Plan,
    #[index(range)]
    joined: Timestamp,
    #[index(range)]
    score: f32,
    #[index(each)]
    tags: Vec<String>,
    team: Option<Uuid>,
    level: i16,
    address: Option<Address>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[embedded(schema_dir = "tests/migrations/schema/members")]
enum Plan {
    Free,
    Pro,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[embedded(schema_dir = "tests/migrations/schema/members")]
struct Address {
    city: String,
    zip: Option<u32>,
}

/// The keys are numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "visits", schema_dir = "tests/migrations/schema/members")]
struct Visit {
    #[key]
    number: u64,
    page: String,
}

const TEAM: Uuid = Uuid::from_u128(7);

fn member(id: &str) -> Member {
    Member {
        id: id.to_owned(),
        email: format!("{id}@Example.org"),
        badge: None,
        plan: Plan::Free,
        joined: "2026-11-20T14:52:11.12Z".parse().unwrap(),
        score: 0.1,
        tags: vec!["a".to_owned(), "b".to_owned()],
        team: None,
        level: -3,
        address: None,
        notes: Vec::new(),
    }
}

/// The same as JSON, with other values in some places.
fn members(id: &str, changes: Value) -> Value {
    let mut members = serde_json::to_value(member(id)).unwrap();
    // The type has a default for it, which a tool does not know.
    members["notes"] = json!([]);
    for (name, value) in changes.as_object().unwrap() {
        members[name] = value.clone();
    }
    members
}

async fn open() -> (World, Db) {
    let world = World::new(5);
    let db = world.open(0).await;
    Member::create(&db, member("ada")).await.unwrap();
    (world, db)
}

async fn tool(world: &World, name: &str) -> JsonCollection {
    let db = world.open(1).await;
    db.collection(name).await.unwrap()
}

fn ids(found: &[Stored<Member>]) -> Vec<&str> {
    found.iter().map(|member| &*member.id).collect()
}

fn refusal<R>(result: Result<R>) -> (ErrorKind, &'static str) {
    let error = result.map(drop).expect_err("refused");
    (error.kind(), error.code())
}
