//! What a tool may do, by what is published of the collection.

use serde_json::{Value, json};
use smarterbase::prelude::*;
use smarterbase_testkit::sweep::World;

use super::{Member, Visit, members, open, refusal, tool};
use crate::{
    tasks::{LooseTask, OldTask, old, sealed},
    world::{assert_sound, json, paths, put, swap},
};

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
