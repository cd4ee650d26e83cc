//! Documents without their type, beside programs that have it.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{
    prelude::{Just, Strategy, any, prop, prop_oneof},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use serde_json::{Value, json};
use smarterbase::{Error, Result, prelude::*};
use smarterbase_core::{
    db::{JsonCollection, JsonDocument, JsonQuery},
    operation::{outage::Fallback, profile::Access},
};
use smarterbase_testkit::{MemoryIndex, invariant, sweep::World};
use uuid::Uuid;

use crate::{
    tasks::{LooseTask, OldTask, old, sealed},
    world::{assert_sound, json, paths, put, swap, text},
};

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

/// The keys are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "tickets", schema_dir = "tests/migrations/schema/members")]
struct Ticket {
    #[key(auto)]
    id: Id<Ticket>,
    #[index]
    subject: String,
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

#[tokio::test(start_paused = true)]
async fn what_a_tool_creates_is_found_by_every_index_of_the_type() {
    let (world, db) = open().await;
    let tool = tool(&world, "members").await;
    assert_eq!(tool.read_only_reason(), None);
    let changes = json!({"badge": 7, "plan": "Pro", "joined": "2027-01-01T00:00:00Z", "score": 0.7,
        "tags": ["b", "c", "b"], "team": TEAM, "level": 300, "address": {"city": "Ulm"}});
    let eve = tool.create(&members("eve", changes)).await.unwrap();
    assert_eq!((eve.id(), eve.revision()), ("eve".to_owned(), 1));

    let typed = Member::get(&db, &"eve".to_owned())
        .required()
        .await
        .unwrap();
    assert_eq!(
        (typed.badge, typed.plan.clone(), typed.score),
        (Some(7), Plan::Pro, 0.7_f32)
    );
    let by_email = Member::find_by_email(&db, "EVE@example.ORG").await.unwrap();
    assert_eq!(by_email.as_deref(), Some(&*typed));
    let by_badge = Member::find_by_badge(&db, 7_u32).await.unwrap();
    assert_eq!(by_badge.as_deref(), Some(&*typed));
    assert_eq!(
        ids(&Member::find_by_plan(&db, Plan::Pro).await.unwrap()),
        ["eve"]
    );
    assert_eq!(
        ids(&Member::find_by_score(&db, 0.7_f32).await.unwrap()),
        ["eve"]
    );
    assert_eq!(
        ids(&Member::find_by_tags(&db, "b").await.unwrap()),
        ["ada", "eve"]
    );
    let since = "2026-12-01T00:00:00Z".parse::<Timestamp>().unwrap();
    assert_eq!(
        ids(&Member::find_by_joined_in(&db, since..).await.unwrap()),
        ["eve"]
    );
    let team = Member::find_by_team_level_in(&db, TEAM, 0_i16..)
        .await
        .unwrap();
    assert_eq!(ids(&team), ["eve"]);
    db.close().await;
    assert_sound::<Member>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn typed_and_untyped_programs_write_one_collection_and_see_each_others_conflicts() {
    let (world, db) = open().await;
    let tool = tool(&world, "members").await;
    let taken = tool
        .create(&members("ada", json!({"email": "x@y.z"})))
        .await;
    assert_eq!(refusal(taken), (ErrorKind::Conflict, "SB-EXISTS"));
    let taken = tool
        .create(&members("eve", json!({"email": "ADA@example.org"})))
        .await;
    assert_eq!(refusal(taken), (ErrorKind::Unique, "SB-UNIQUE"));

    let seen = tool.get("ada").await.unwrap().unwrap();
    let mut typed = Member::get(&db, &"ada".to_owned())
        .required()
        .await
        .unwrap();
    typed.plan = Plan::Pro;
    typed.save(&db).await.unwrap();
    let late = tool.save(&seen, &members("ada", json!({"level": 1}))).await;
    assert_eq!(refusal(late), (ErrorKind::Conflict, "SB-REVISION"));
    assert_eq!(
        refusal(tool.remove(&seen).await),
        (ErrorKind::Conflict, "SB-REVISION")
    );
    let late = tool
        .save_at("ada", 1, &members("ada", json!({"level": 1})))
        .await;
    assert_eq!(refusal(late), (ErrorKind::Conflict, "SB-REVISION"));

    let changes = json!({"level": 1, "email": "countess@example.org", "tags": []});
    let saved = tool
        .save_at("ada", 2, &members("ada", changes))
        .await
        .unwrap();
    assert_eq!(saved.revision(), 3);
    typed.level = 5;
    assert_eq!(
        refusal(typed.save(&db).await),
        (ErrorKind::Conflict, "SB-REVISION")
    );
    // The old address is free, and the new one taken.
    Member::create(
        &db,
        Member {
            id: "bob".to_owned(),
            ..member("ada")
        },
    )
    .await
    .unwrap();
    let taken = Member {
        email: "Countess@example.org".to_owned(),
        ..member("zoe")
    };
    assert_eq!(
        refusal(Member::create(&db, taken).await),
        (ErrorKind::Unique, "SB-UNIQUE")
    );
    assert_eq!(ids(&Member::find_by_tags(&db, "a").await.unwrap()), ["bob"]);

    tool.remove(&saved).await.unwrap();
    assert!(!Member::exists(&db, &"ada".to_owned()).await.unwrap());
    assert!(tool.delete("bob").await.unwrap());
    assert!(!tool.delete("bob").await.unwrap());
    // Over the tombstones, by both.
    tool.create(&members("bob", json!({}))).await.unwrap();
    Member::create(&db, member("ada")).await.unwrap();
    db.close().await;
    assert_sound::<Member>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_tool_and_a_program_race_for_one_value_and_one_wins() {
    for seed in 0..6 {
        let world = World::new(seed);
        let db = world.open(0).await;
        Member::create(&db, member("ada")).await.unwrap();
        let tool = tool(&world, "members").await;
        let badge = |id: &str| Member {
            badge: Some(9),
            ..member(id)
        };
        let json = members("eve", json!({"badge": 9}));
        let (typed, untyped) = tokio::join!(
            async { Member::create(&db, badge("bob")).await.map(drop) },
            async { tool.create(&json).await.map(drop) },
        );
        let results = [typed, untyped];
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let lost = results.into_iter().find_map(Result::err);
        assert_eq!(lost.map(|error| error.kind()), Some(ErrorKind::Unique));
        db.close().await;
        assert_sound::<Member>(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn json_that_is_not_what_the_type_says_is_refused_by_name_and_without_its_value() {
    let (world, db) = open().await;
    let tool = tool(&world, "members").await;
    let before = invariant::dump(&*world.store).await;
    for (changes, named) in [
        (json!({"level": 40_000}), "`level`"),
        (json!({"plan": "s3cr3t"}), "`plan`"),
        (json!({"joined": "s3cr3t"}), "`joined`"),
        (json!({"tags": ["a", 17]}), "`tags[1]`"),
        (
            json!({"address": {"city": "Ulm", "zip": "s3cr3t"}}),
            "`address.zip`",
        ),
        (
            json!({"address": {"city": "Ulm", "s3cr3t": 1}}),
            "`address`",
        ),
        (json!({"email": null}), "`email`"),
        (json!({"id": 3}), "`id`"),
        (json!({"_sb": {}}), "`_sb`"),
    ] {
        let error = tool.create(&members("eve", changes)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{named}: {error}");
        let text = format!("{error} {error:?}");
        assert!(
            text.contains(named) && !text.contains("s3cr3t"),
            "{named}: {text}"
        );
    }
    let mut without = members("eve", json!({}));
    without.as_object_mut().unwrap().remove("level");
    let error = tool.create(&without).await.unwrap_err();
    assert!(error.to_string().contains("`level` is missing"), "{error}");
    assert_eq!(refusal(tool.create(&json!([1])).await).1, "SB-INVALID");
    let ada = tool.get("ada").await.unwrap().unwrap();
    let moved = tool.save(&ada, &members("eve", json!({}))).await;
    assert_eq!(refusal(moved), (ErrorKind::Invalid, "SB-INVALID-ID"));
    assert_eq!(invariant::dump(&*world.store).await, before);
    let shown = format!("{ada:?}");
    assert!(!shown.contains("Example.org"), "{shown}");
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_save_keeps_what_it_does_not_change_to_the_last_digit() {
    let (world, db) = open().await;
    let stored = text(&world, "members/ada.json").await;
    // A member of a newer program, with a number that no double holds, and members in an order of their own.
    let number = "3.14159265358979323846264338327950288";
    let newer = stored.replace(r#""level":-3"#, &format!(r#""pi":{number},"level":-3"#));
    swap(&world, "members/ada.json", &newer).await;
    let tool = tool(&world, "members").await;
    let ada = tool.get("ada").await.unwrap().unwrap();
    let unchanged: Value = ada.decode().unwrap();
    let same = tool.save(&ada, &unchanged).await.unwrap();
    assert_eq!(same.revision(), 1);
    assert_eq!(text(&world, "members/ada.json").await, newer);

    let mut changed = unchanged.clone();
    changed["plan"] = "Pro".into();
    changed["nick"] = "Countess".into();
    let saved = tool.save(&same, &changed).await.unwrap();
    let body = saved.json();
    assert!(
        body.contains(&format!(r#""pi":{number},"level":-3"#)),
        "{body}"
    );
    assert!(body.ends_with(r#","nick":"Countess"}"#), "{body}");
    // What the type leaves out when it is empty may stay out; what it has may not be taken away.
    assert!(!body.contains("notes"), "{body}");
    changed.as_object_mut().unwrap().remove("level");
    assert_eq!(refusal(tool.save(&saved, &changed).await).1, "SB-INVALID");
    let typed = Member::get(&db, &"ada".to_owned())
        .required()
        .await
        .unwrap();
    assert_eq!((typed.plan.clone(), typed.level), (Plan::Pro, -3));
    db.close().await;
    assert_sound::<Member>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn conditions_on_json_select_what_a_plain_evaluation_does() {
    let (world, db) = open().await;
    let tool = tool(&world, "members").await;
    for (position, id) in ["b", "c", "d", "e", "f"].into_iter().enumerate() {
        let changes = json!({"level": position, "plan": if position % 2 == 0 { "Pro" } else { "Free" },
            "tags": [format!("t{position}")], "address": {"city": format!("c{position}")},
            "joined": format!("202{position}-01-01T00:00:00.000Z")});
        tool.create(&members(id, changes)).await.unwrap();
    }
    tool.delete("f").await.unwrap();
    let found = async |query: JsonQuery<'_>| {
        let found = query.all().await.unwrap();
        found
            .iter()
            .map(|document| document.id())
            .collect::<Vec<_>>()
            .concat()
    };
    assert_eq!(found(tool.list()).await, "adabcde");
    assert_eq!(found(tool.list().eq("plan", &"Pro")).await, "bd");
    assert_eq!(
        found(tool.list().eq("plan", &"Pro").at_least("level", &1)).await,
        "d"
    );
    assert_eq!(
        found(tool.list().above("level", &1).at_most("level", &2.5)).await,
        "d"
    );
    assert_eq!(found(tool.list().below("level", &0)).await, "ada");
    assert_eq!(found(tool.list().has("tags", &"t1")).await, "c");
    assert_eq!(found(tool.list().eq("address.city", &"c3")).await, "e");
    assert_eq!(
        found(tool.list().eq("address.city", &Value::Null)).await,
        "ada"
    );
    // A time is a time, however it is written; a number in text is no number.
    assert_eq!(
        found(tool.list().eq("joined", &"2021-01-01T01:00:00+01:00")).await,
        "c"
    );
    assert_eq!(found(tool.list().at_least("unknown", &0)).await, "");
    assert_eq!(
        refusal(tool.list().at_least("email", &0).all().await).1,
        "SB-INVALID-VALUE"
    );
    assert_eq!(
        refusal(tool.list().eq("joined", &"soon").all().await).1,
        "SB-INVALID-VALUE"
    );

    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let query = tool.list().above("level", &-1);
        let query = match after.take() {
            Some(cursor) => query.after(cursor),
            None => query,
        };
        let page = query.page(2).await.unwrap();
        pages.push(
            page.items
                .iter()
                .map(|document| document.id())
                .collect::<String>(),
        );
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(pages, ["bc", "de"]);
    // The cursor of a typed listing is one of this collection too.
    let page = Member::list(&db).page(3).await.unwrap();
    let rest = tool.list().after(page.next.unwrap()).page(9).await.unwrap();
    assert_eq!(rest.items.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn conditions_read_no_more_than_the_budget() {
    let (world, db) = open().await;
    for number in 0..40 {
        Member::create(&db, member(&format!("m{number}")))
            .await
            .unwrap();
    }
    let limits = smarterbase::Limits {
        scan_documents: 10,
        ..smarterbase::Limits::default()
    };
    let small = world
        .builder(1, world.store.clone())
        .limits(limits)
        .open()
        .await
        .unwrap();
    let tool = small.collection("members").await.unwrap();
    let refused = tool.list().eq("level", &77).page(1).await;
    assert_eq!(refusal(refused), (ErrorKind::Refused, "SB-BUDGET"));
    assert_eq!(tool.list().all().await.unwrap().len(), 41);
}

#[tokio::test(start_paused = true)]
async fn inside_a_transaction_untyped_and_typed_verbs_see_each_other() {
    let (world, db) = open().await;
    let tool = db.collection("members").await.unwrap();
    let aborted = db
        .transaction(|tx| {
            let tool = tool.within(&tx);
            async move {
                tool.create(&members("eve", json!({"badge": 1}))).await?;
                let eve = Member::get(&tx, &"eve".to_owned()).required().await?;
                assert_eq!(eve.badge, Some(1));
                assert_eq!(tool.list().all().await?.len(), 2);
                assert_eq!(Member::list(&tx).await?.len(), 2);
                Err::<(), _>(Error::abort("no"))
            }
        })
        .await;
    assert_eq!(refusal(aborted).0, ErrorKind::Aborted);
    assert!(!tool.exists("eve").await.unwrap());

    db.transaction(|tx| {
        let tool = tool.within(&tx);
        async move {
            let ada = tool.get("ada").await?.expect("it is there");
            let ada = tool
                .save(&ada, &members("ada", json!({"badge": 1, "plan": "Pro"})))
                .await?;
            tool.save(&ada, &members("ada", json!({"badge": 2, "plan": "Pro"})))
                .await?;
            let mut bob = member("bob");
            bob.badge = Some(1);
            Member::create(&tx, bob).await?;
            tool.create(&members("eve", json!({"badge": 3}))).await?;
            Ok(())
        }
    })
    .await
    .unwrap();
    let badges = Member::list(&db).await.unwrap();
    let badges: BTreeMap<&str, Option<u32>> = badges
        .iter()
        .map(|member| (&*member.id, member.badge))
        .collect();
    assert_eq!(
        badges,
        [("ada", Some(2)), ("bob", Some(1)), ("eve", Some(3))].into()
    );
    db.close().await;
    assert_sound::<Member>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn keys_of_every_kind_are_made_read_and_kept() {
    let world = World::new(5);
    let db = world.open(0).await;
    let first = Ticket {
        id: Id::auto(),
        subject: "one".to_owned(),
    };
    Ticket::create(&db, first).await.unwrap();
    let tickets = tool(&world, "tickets").await;
    let made = tickets.create(&json!({"subject": "two"})).await.unwrap();
    let id: Id<Ticket> = made.id().parse().unwrap();
    let typed = Ticket::get(&db, &id).required().await.unwrap();
    assert_eq!((typed.id, &*typed.subject), (id, "two"));
    assert_eq!(Ticket::find_by_subject(&db, "two").await.unwrap().len(), 1);
    assert_eq!(refusal(tickets.get("two").await).0, ErrorKind::Invalid);

    Visit::create(
        &db,
        Visit {
            number: 3,
            page: "/".to_owned(),
        },
    )
    .await
    .unwrap();
    let visits = tool(&world, "visits").await;
    visits
        .create(&json!({"number": 12, "page": "/a"}))
        .await
        .unwrap();
    assert_eq!(Visit::get(&db, &12).required().await.unwrap().page, "/a");
    let three = visits.get("3").await.unwrap().unwrap();
    assert_eq!(three.id(), "00000000000000000003");
    visits.save(&three, &json!({"page": "/b"})).await.unwrap();
    let three = Visit::get(&db, &3).required().await.unwrap();
    assert_eq!((three.number, &*three.page), (3, "/b"));
    assert_eq!(
        refusal(visits.create(&json!({"page": "/c"})).await).0,
        ErrorKind::Invalid
    );
    db.close().await;
    assert_sound::<Ticket>(&world).await;
    assert_sound::<Visit>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_published_schema_a_collection_is_only_read() {
    let world = World::new(5);
    let db = world.open(0).await;
    let loose = LooseTask {
        id: "a".to_owned(),
        slug: "s".to_owned(),
        title: "t".to_owned(),
        hours: "8".to_owned(),
    };
    LooseTask::create(&db, loose).await.unwrap();
    put(&world, "tasks/b.json", r#"{"by": "hand", "hours": 9}"#).await;
    let tasks = tool(&world, "tasks").await;
    let reason = tasks.read_only_reason().unwrap();
    assert!(
        reason.contains("no version of its type is published"),
        "{reason}"
    );
    assert_eq!(tasks.list().all().await.unwrap().len(), 2);
    assert_eq!(
        tasks.list().eq("hours", &9).all().await.unwrap()[0].id(),
        "b"
    );
    let a = tasks.get("a").await.unwrap().unwrap();
    let read_only = (ErrorKind::Refused, "SB-READ-ONLY");
    assert_eq!(
        refusal(tasks.save(&a, &json!({"id": "a"})).await),
        read_only
    );
    assert_eq!(refusal(tasks.create(&json!({"id": "c"})).await), read_only);
    assert_eq!(refusal(tasks.delete("a").await), read_only);
    assert_eq!(
        refusal(db.collection("nothing").await).0,
        ErrorKind::NotFound
    );
    assert_eq!(refusal(db.collection("../x").await).0, ErrorKind::Invalid);
    // JSON in a folder that no program ever opened.
    put(&world, "loose/x.json", r#"{"n": 1}"#).await;
    let folder = db.collection("loose").await.unwrap();
    assert_eq!(
        folder.list().at_least("n", &1).all().await.unwrap().len(),
        1
    );
    assert!(folder.read_only_reason().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_document_of_another_version_is_read_and_never_written() {
    let world = World::new(5);
    let db = world.open(0).await;
    OldTask::create(&db, old("a")).await.unwrap();
    let tasks = tool(&world, "tasks").await;
    let a = tasks.get("a").await.unwrap().unwrap();
    tasks
        .save(
            &a,
            &json!({"id": "a", "slug": "slug-a", "title": "New", "hours": "9"}),
        )
        .await
        .unwrap();
    assert_eq!(OldTask::find_by_title(&db, "New").await.unwrap().len(), 1);

    // The next version is published; its renamed field keeps its index.
    let next = world.open(2).await;
    sealed::Task::get(&next, &"a".to_owned()).await.unwrap();
    let tasks = tool(&world, "tasks").await;
    assert_eq!(tasks.schema().unwrap().version, 2);
    let a = tasks.get("a").await.unwrap().unwrap();
    assert_eq!(a.meta().schema_version, 1);
    assert!(a.json().contains("\"title\":\"New\""));
    let other_version = (ErrorKind::Unsupported, "SB-UNSUPPORTED-SCHEMA");
    let today = |id: &str| json!({"id": id, "slug": id, "name": id, "hours": 1, "done": false});
    assert_eq!(refusal(tasks.save(&a, &today("a")).await), other_version);
    assert_eq!(refusal(tasks.remove(&a).await), other_version);
    assert_eq!(refusal(tasks.delete("a").await), other_version);
    tasks.create(&today("b")).await.unwrap();
    let found = sealed::Task::find_by_name(&next, "b").await.unwrap();
    assert_eq!(found.len(), 1);
    // A program migrates it, and then it is written.
    sealed::Task::update(&next, &"a".to_owned(), |task| {
        task.done = true;
        Ok(())
    })
    .await
    .unwrap();
    let a = tasks.get("a").await.unwrap().unwrap();
    tasks.save(&a, &today("a")).await.unwrap();
    assert_eq!(
        sealed::Task::find_by_name(&next, "a").await.unwrap().len(),
        1
    );
    db.close().await;
    next.close().await;
    assert_sound::<sealed::Task>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn an_index_that_json_does_not_give_refuses_writes_and_stays_in_use() {
    let (world, db) = open().await;
    let tool = tool(&world, "members").await;
    // Another program has declared an index that this handle does not know.
    let catalog = "_sys/collection/members.json";
    let mut value: Value = json(&world, catalog).await;
    let definitions = value["definitions"].as_object_mut().unwrap();
    let (name, mut entry) = definitions
        .iter()
        .find(|(name, _)| name.starts_with("level-") || name.starts_with("plan-"))
        .map(|(name, entry)| (name.clone(), entry.clone()))
        .unwrap();
    let text = entry["text"]
        .as_str()
        .unwrap()
        .replace("}]", r#","collation":"de"}]"#);
    entry["text"] = text.into();
    entry["number"] = 99.into();
    definitions.insert(format!("{name}0"), entry);
    swap(&world, catalog, &value.to_string()).await;
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;

    let refused = (ErrorKind::Refused, "SB-DEFINITION");
    assert_eq!(
        refusal(tool.create(&members("eve", json!({}))).await),
        refused
    );
    let again = world.open(3).await.collection("members").await.unwrap();
    assert_eq!(refusal(again.delete("ada").await), refused);
    assert!(again.get("ada").await.unwrap().is_some());
    let after: Value = json(&world, catalog).await;
    let state = &after["definitions"][format!("{name}0")]["backends"]["objects"]["state"];
    assert_eq!(state, "ready");
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_schema_that_an_older_build_published_is_completed_by_the_next_program() {
    let (world, db) = open().await;
    let path = "_schema/members/1.json";
    let mut value = json(&world, path).await;
    value
        .as_object_mut()
        .unwrap()
        .remove("untyped")
        .expect("it is published");
    swap(&world, path, &value.to_string()).await;
    let tool = tool(&world, "members").await;
    let reason = tool.read_only_reason().unwrap();
    assert!(reason.contains("an older build"), "{reason}");
    assert_eq!(refusal(tool.delete("ada").await).1, "SB-READ-ONLY");
    assert!(tool.get("ada").await.unwrap().is_some());
    db.close().await;
    // The next program of this build says it, once.
    for client in [4, 5] {
        let next = world.open(client).await;
        Member::get(&next, &"ada".to_owned()).await.unwrap();
        next.close().await;
    }
    let published = paths(&world, "_schema/members/").await;
    assert_eq!(published.len(), 2, "{published:?}");
    let tool = world.open(6).await.collection("members").await.unwrap();
    tool.create(&members("eve", json!({"plan": "Pro"})))
        .await
        .unwrap();
    assert!(tool.delete("ada").await.unwrap());
    assert_sound::<Member>(&world).await;
}

/// The program of a later day: the same version, one more index, and history.
mod later {
    use smarterbase::prelude::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
    #[document(
        name = "visits",
        schema_dir = "tests/migrations/schema/members",
        history
    )]
    pub(super) struct Visit {
        #[key]
        pub(super) number: u64,
        #[index]
        pub(super) page: String,
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_program_declares_later_holds_for_tools_too() {
    let world = World::new(5);
    let db = world.open(0).await;
    let visit = |number| Visit {
        number,
        page: "/".to_owned(),
    };
    Visit::create(&db, visit(1)).await.unwrap();
    db.close().await;
    let db = world.open(1).await;
    db.rebuild_indexes::<later::Visit>().await.unwrap();
    let visits = db.collection("visits").await.unwrap();
    visits
        .create(&json!({"number": 2, "page": "/a"}))
        .await
        .unwrap();
    let one = visits.get("1").await.unwrap().unwrap();
    visits
        .save(&one, &json!({"number": 1, "page": "/a"}))
        .await
        .unwrap();
    let found = later::Visit::find_by_page(&db, "/a").await.unwrap();
    assert_eq!(found.len(), 2);
    let history = later::Visit::history(&db, &1).await.unwrap();
    assert_eq!(history.len(), 2);
    db.close().await;
    assert_sound::<later::Visit>(&world).await;
}

/// Stored as text, in lower case once it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[serde(from = "String", into = "String")]
struct Lowered(String);

impl From<String> for Lowered {
    fn from(text: String) -> Self {
        Self(text.to_lowercase())
    }
}

impl From<Lowered> for String {
    fn from(lowered: Lowered) -> Self {
        lowered.0
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "labels", schema_dir = "tests/migrations/schema/members")]
struct Label {
    #[key]
    id: String,
    #[unique]
    text: Lowered,
}

#[tokio::test(start_paused = true)]
async fn a_unique_value_that_code_makes_of_json_refuses_writes() {
    let world = World::new(5);
    let db = world.open(0).await;
    let label = Label {
        id: "a".to_owned(),
        text: Lowered("a".to_owned()),
    };
    Label::create(&db, label).await.unwrap();
    let labels = tool(&world, "labels").await;
    let taken = labels.create(&json!({"id": "b", "text": "A"})).await;
    assert_eq!(refusal(taken), (ErrorKind::Refused, "SB-DEFINITION"));
    assert!(labels.get("a").await.unwrap().is_some());
    db.close().await;
    assert_sound::<Label>(&world).await;
}

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

#[tokio::test(start_paused = true)]
async fn a_condition_on_json_reads_what_an_index_names_and_nothing_else() {
    let (world, db) = open().await;
    for number in 0..40 {
        let plan = if number % 10 == 0 {
            Plan::Pro
        } else {
            Plan::Free
        };
        let level = number;
        let team = Some(TEAM);
        let one = Member {
            plan,
            level,
            team,
            ..member(&format!("m{number}"))
        };
        Member::create(&db, one).await.unwrap();
    }
    let tool_db = world.open(1).await;
    let tool = tool_db.collection("members").await.unwrap();
    // The catalog is read once per 5 s, not per query.
    assert!(tool.list().eq("plan", &"None").all().await.is_ok());
    let cost = async |query: JsonQuery<'_>| {
        let before = tool_db.request_counts().snapshot();
        let found = query.all().await.unwrap().len();
        let requests = tool_db.request_counts().snapshot() - before;
        (found, requests.gets, requests.lists)
    };
    assert_eq!(cost(tool.list().eq("plan", &"Pro")).await, (4, 4, 1));
    assert_eq!(
        cost(tool.list().eq("email", &"m7@Example.org")).await,
        (1, 2, 0)
    );
    // The index over both fields.
    let both = || {
        tool.list()
            .eq("team", &TEAM)
            .at_least("level", &35)
            .below("level", &38)
    };
    assert_eq!(cost(both()).await, (3, 3, 1));
    // Text that an index folds has another order there, and `null` may be a default.
    assert_eq!(cost(tool.list().at_least("email", &"m8")).await, (2, 41, 1));
    assert_eq!(cost(tool.list().eq("team", &Value::Null)).await, (1, 41, 1));
    // Inside of a transaction its own documents are among them.
    let counted = tool_db
        .transaction(|tx| {
            let tool = tool.within(&tx);
            async move {
                tool.create(&members("new", json!({"plan": "Pro"}))).await?;
                tool.delete("m10").await?;
                let found = tool.list().eq("plan", &"Pro").all().await?;
                Ok(found.iter().map(|one| one.id()).collect::<Vec<_>>())
            }
        })
        .await;
    assert_eq!(counted.unwrap(), ["m0", "m20", "m30", "new"]);
}

#[tokio::test(start_paused = true)]
async fn conditions_on_json_tell_their_plan_and_scan_only_where_they_may() {
    let (world, db) = open().await;
    for number in 0..20 {
        let plan = if number < 2 { Plan::Pro } else { Plan::Free };
        let one = member(&format!("m{number:02}"));
        Member::create(&db, Member { plan, ..one }).await.unwrap();
    }
    let tool_db = world.open(1).await;
    let tool = tool_db.collection("members").await.unwrap();
    let by_index = tool
        .list()
        .eq("plan", &"Pro")
        .all()
        .explain()
        .await
        .unwrap();
    let profile = by_index.profile;
    assert_eq!(by_index.result.len(), 2);
    assert_eq!((profile.operation, profile.collection), ("list", "members"));
    assert_eq!(profile.access, Access::IndexCandidates);
    assert!(
        profile.plan.contains("plan (one value)"),
        "{}",
        profile.plan
    );
    assert_eq!(profile.condition, "(plan =), by id");
    assert_eq!((profile.candidates, profile.fell_back), (2, false));
    let unique = tool.list().eq("email", &"m07@example.org");
    let unique = unique.page(5).explain().await.unwrap().profile;
    assert_eq!(unique.access, Access::UniqueValue);
    let listed = tool.list().page(5).explain().await.unwrap().profile;
    assert_eq!((listed.access, listed.fell_back), (Access::Keys, false));
    let residual = || {
        tool.list()
            .at_least("email", &"m")
            .fallback(Fallback::Never)
    };
    let residual = residual().page(5).explain().await.unwrap().profile;
    assert_eq!((residual.access, residual.fell_back), (Access::Scan, false));

    // Without the backend of its indexes a program that only reads has to scan.
    let world = World::new(6);
    let builder = world.builder(0, world.store.clone());
    let elsewhere = builder.index(Arc::new(MemoryIndex::new())).open().await;
    let elsewhere = elsewhere.unwrap();
    for id in ["a", "b", "c"] {
        let plan = if id == "c" { Plan::Free } else { Plan::Pro };
        let one = member(id);
        let created = Member::create(&elsewhere, Member { plan, ..one });
        created.await.unwrap();
    }
    let blind = world.builder(2, world.store.clone()).read_only(true);
    let blind_db = blind.open().await.unwrap();
    let blind = blind_db.collection("members").await.unwrap();
    let scan = blind
        .list()
        .eq("plan", &"Pro")
        .all()
        .explain()
        .await
        .unwrap();
    assert_eq!(scan.result.len(), 2);
    let seen = (scan.profile.access, scan.profile.fell_back);
    assert_eq!(seen, (Access::Scan, true));
    assert_eq!(blind_db.profiler().fallbacks().len(), 1);
    let never = blind.list().eq("plan", &"Pro").fallback(Fallback::Never);
    let refused = never.all().await.unwrap_err();
    assert_eq!(refused.code(), "SB-INDEX-UNAVAILABLE");
    assert_eq!(refused.collection(), Some("members"));
}

#[tokio::test(start_paused = true)]
async fn conditions_on_fields_that_a_step_touched_are_scanned_for() {
    let world = World::new(5);
    let db = world.open(0).await;
    OldTask::create(&db, old("a")).await.unwrap();
    db.close().await;
    let next = world.open(1).await;
    for (id, name, hours) in [("b", "Title a", 8), ("c", "Other", 9)] {
        let task = sealed::Task {
            id: id.to_owned(),
            slug: format!("slug-{id}"),
            name: name.to_owned(),
            hours,
            done: false,
        };
        sealed::Task::create(&next, task).await.unwrap();
    }
    // The type migrates the older document, whose JSON has neither this name nor this number.
    assert_eq!(
        sealed::Task::find_by_hours(&next, 8_u32)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        sealed::Task::find_by_name(&next, "Title a")
            .await
            .unwrap()
            .len(),
        2
    );
    let tool_db = world.open(2).await;
    let tool = tool_db.collection("tasks").await.unwrap();
    assert!(
        tool.list()
            .eq("slug", &"none")
            .all()
            .await
            .unwrap()
            .is_empty()
    );
    let cost = async |query: JsonQuery<'_>| {
        let before = tool_db.request_counts().snapshot();
        let found = query.all().await.unwrap();
        let requests = tool_db.request_counts().snapshot() - before;
        let ids: String = found.iter().map(JsonDocument::id).collect();
        (ids, requests.gets, requests.lists)
    };
    assert_eq!(
        cost(tool.list().eq("hours", &8)).await,
        ("b".to_owned(), 3, 1)
    );
    assert_eq!(
        cost(tool.list().eq("name", &"Title a")).await,
        ("b".to_owned(), 3, 1)
    );
    // What no step touched is in the index as it is in the JSON of every version.
    assert_eq!(
        cost(tool.list().eq("slug", &"slug-a")).await,
        ("a".to_owned(), 2, 0)
    );
}
