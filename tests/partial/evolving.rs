//! Definitions that run code, over time: added to documents that are there, under another revision, over steps of a migration,
//! and beside programs that cannot run the code.

use serde_json::json;
use smarterbase::{Result, prelude::*};
use smarterbase_testkit::{invariant, sweep::World};

async fn assert_sound<T: Document>(world: &World) {
    let db = world.open(99).await;
    let mut wrong = invariant::damage::<T>(&*world.store).await;
    wrong.extend(invariant::wrong_answers::<T>(&db, &*world.store).await);
    db.close().await;
    assert_eq!(wrong, Vec::<String>::new());
}

/// The states of the definitions whose names begin so.
async fn states<T: Document>(db: &Db, start: &str) -> Vec<(String, &'static str)> {
    let definitions = db.definitions::<T>().await.unwrap();
    let wanted = definitions
        .into_iter()
        .filter(|definition| definition.name.starts_with(start));
    wanted
        .map(|definition| {
            let state = definition
                .state
                .unwrap_or_else(|| definition.backends["objects"]);
            (definition.name, state)
        })
        .collect()
}

/// The first version of a task, whose JSON a tool can write.
mod plain {
    use smarterbase::prelude::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
    #[document(name = "tasks", schema_dir = "tests/migrations/schema/tasks")]
    pub(crate) struct Task {
        #[key]
        pub(crate) id: String,
        #[unique]
        pub(crate) slug: String,
        #[index]
        pub(crate) title: String,
        pub(crate) hours: String,
    }
}

/// The same with definitions that run code; `$revision` stands for what the function does.
macro_rules! short_tasks {
    ($module:ident, $revision:literal, $most:literal) => {
        mod $module {
            use smarterbase::prelude::*;

            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
            #[document(
                                                name = "tasks",
                                                schema_dir = "tests/migrations/schema/tasks",
                                                computed(words: Vec<String>, index(each))
                                            )]
            pub(crate) struct Task {
                #[key]
                pub(crate) id: String,
                #[unique]
                pub(crate) slug: String,
                #[index]
                #[index(name = short_title, where(is_short, revision = $revision))]
                pub(crate) title: String,
                pub(crate) hours: String,
            }

            fn is_short(task: &Task) -> bool {
                task.title.len() <= $most
            }

            impl Task {
                fn words(&self) -> Vec<String> {
                    self.title.split(' ').map(str::to_owned).collect()
                }
            }
        }
    };
}
short_tasks!(short, 1, 4);
short_tasks!(longer, 2, 8);

/// The second version, whose function reads what a step makes.
mod second {
    use smarterbase::prelude::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
    #[document(
        name = "tasks",
        schema_dir = "tests/migrations/schema/tasks2",
        version = 2,
        migrate(1 => 2, rename(title => name), convert(hours, with = parse), add(done = false)),
        upgrade = write_back,
        computed(days: u32, index(range))
    )]
    pub(crate) struct Task {
        #[key]
        pub(crate) id: String,
        #[unique]
        pub(crate) slug: String,
        #[index(name = open, where = Self::is_open)]
        pub(crate) name: String,
        pub(crate) hours: u32,
        pub(crate) done: bool,
    }

    fn parse(old: String) -> Result<u32, std::num::ParseIntError> {
        old.parse()
    }

    impl Task {
        fn days(&self) -> u32 {
            self.hours / 8
        }

        fn is_open(&self) -> bool {
            !self.done && self.hours > 0
        }
    }
}

fn task(id: &str, title: &str) -> plain::Task {
    plain::Task {
        id: id.to_owned(),
        slug: format!("slug-{id}"),
        title: title.to_owned(),
        hours: "16".to_owned(),
    }
}

async fn with_tasks() -> (World, Db) {
    let world = World::new(3);
    let db = world.open(0).await;
    for (id, title) in [("a", "Plan"), ("b", "Write it"), ("c", "Publish it")] {
        plain::Task::create(&db, task(id, title)).await.unwrap();
    }
    (world, db)
}

#[tokio::test(start_paused = true)]
async fn definitions_that_run_code_are_built_over_documents_that_are_there() {
    let (world, db) = with_tasks().await;
    let found = short::Task::query(&db).filter(|_| short::Task::INDEXES.by_short_title.any());
    assert_eq!(found.count().await.unwrap(), 1, "by a scan");
    assert_eq!(
        states::<short::Task>(&db, "short-title-").await[0].1,
        "pending"
    );
    let report = db.rebuild_indexes::<short::Task>().await.unwrap();
    assert_eq!((report.built.len(), report.documents), (2, 3), "{report:?}");
    assert_eq!(
        states::<short::Task>(&db, "short-title-").await[0].1,
        "ready"
    );
    let found = short::Task::find_by_short_title(&db, "Plan")
        .explain()
        .await
        .unwrap();
    assert_eq!((found.result.len(), found.profile.candidates), (1, 1));
    let found = short::Task::find_by_words(&db, "it").await.unwrap();
    assert_eq!(found.len(), 2);
    db.close().await;
    assert_sound::<short::Task>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_raised_revision_is_another_index_that_is_built() {
    let (world, db) = with_tasks().await;
    db.rebuild_indexes::<short::Task>().await.unwrap();
    let before = states::<short::Task>(&db, "short-title-").await;
    let answer = async || {
        let found = longer::Task::query(&db).filter(|_| longer::Task::INDEXES.by_short_title.any());
        found.count().await.unwrap()
    };
    assert_eq!(answer().await, 2, "by a scan until it is built");
    let both = states::<longer::Task>(&db, "short-title-").await;
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both.contains(&before[0]), "the old one is what it was");
    db.rebuild_indexes::<longer::Task>().await.unwrap();
    assert_eq!(answer().await, 2);
    let states = states::<longer::Task>(&db, "short-title-").await;
    let old = states
        .iter()
        .find(|(name, _)| *name == before[0].0)
        .unwrap();
    assert_eq!(old.1, "down", "this program cannot keep it up");
    db.close().await;
    assert_sound::<longer::Task>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_program_that_does_not_know_the_definition_takes_it_out_of_use_first() {
    let (world, db) = with_tasks().await;
    db.rebuild_indexes::<short::Task>().await.unwrap();
    plain::Task::create(&world.open(1).await, task("d", "Go"))
        .await
        .unwrap();
    assert_eq!(
        states::<short::Task>(&db, "short-title-").await[0].1,
        "down"
    );
    let found = short::Task::find_by_short_title(&db, "Go").await.unwrap();
    assert_eq!(found.len(), 1, "by a scan");
    db.rebuild_indexes::<short::Task>().await.unwrap();
    db.close().await;
    assert_sound::<short::Task>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_tool_without_the_type_refuses_to_write_and_the_index_stays_in_use() {
    let (world, db) = with_tasks().await;
    let tool = world.open(1).await.collection("tasks").await.unwrap();
    let loose = json!({"id": "d", "slug": "d", "title": "Go", "hours": "1"});
    tool.create(&loose).await.unwrap();
    db.rebuild_indexes::<short::Task>().await.unwrap();
    let tool = world.open(2).await.collection("tasks").await.unwrap();
    let refused = |result: Result<()>| {
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Refused, "SB-DEFINITION")
        );
        assert!(
            error
                .to_string()
                .contains("cannot be made without the program's type"),
            "{error}"
        );
    };
    let other = json!({"id": "e", "slug": "e", "title": "Go", "hours": "1"});
    refused(tool.create(&other).await.map(drop));
    refused(tool.delete("d").await.map(drop));
    assert!(
        tool.get("d").await.unwrap().is_some(),
        "reading needs no code"
    );
    assert_eq!(
        states::<short::Task>(&db, "short-title-").await[0].1,
        "ready"
    );
    assert_eq!(
        short::Task::find_by_short_title(&db, "Go")
            .await
            .unwrap()
            .len(),
        1
    );
    db.close().await;
    assert_sound::<short::Task>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn migrated_documents_are_in_by_what_they_have_become() {
    let (world, db) = with_tasks().await;
    // What a step makes is not indexed while programs may write that do not make it.
    let early = db.rebuild_indexes::<second::Task>().await.unwrap_err();
    assert_eq!(early.code(), "SB-DEFINITION");
    db.migrate::<second::Task>().raise_floor().await.unwrap();
    db.rebuild_indexes::<second::Task>().await.unwrap();
    let open = second::Task::find_by_open(&db, "Plan").await.unwrap();
    assert_eq!(open.len(), 1);
    let days = second::Task::find_by_days_in(&db, 2..)
        .explain()
        .await
        .unwrap();
    assert_eq!((days.result.len(), days.profile.candidates), (3, 3));
    let mut plan = second::Task::get(&db, &"a".to_owned())
        .required()
        .await
        .unwrap();
    plan.done = true;
    plan.save(&db).await.unwrap();
    assert!(
        second::Task::find_by_open(&db, "Plan")
            .await
            .unwrap()
            .is_empty()
    );
    db.close().await;
    assert_sound::<second::Task>(&world).await;
}
