//! A small document in two versions, under every policy.

use smarterbase::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "tasks", schema_dir = "tests/migrations/schema/tasks")]
pub(crate) struct OldTask {
    #[key]
    pub(crate) id: String,
    #[unique]
    pub(crate) slug: String,
    #[index]
    pub(crate) title: String,
    pub(crate) hours: String,
}

pub(crate) fn parse(old: String) -> Result<u32, std::num::ParseIntError> {
    old.parse()
}

/// Fails without an error.
pub(crate) fn panics(old: String) -> u32 {
    old.parse().expect("a number of hours")
}

/// The second version, with this history and these policies.
macro_rules! task {
    ($module:ident, $folder:literal, $($history:tt)*) => {
        pub(crate) mod $module {
            use smarterbase::prelude::*;

            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
            #[document(name = "tasks", schema_dir = $folder, version = 2, $($history)*)]
            pub(crate) struct Task {
                #[key]
                pub(crate) id: String,
                #[unique]
                pub(crate) slug: String,
                #[index]
                pub(crate) name: String,
                #[index]
                pub(crate) hours: u32,
                pub(crate) done: bool,
            }
        }
    };
}

/// The second version after the first one; what comes after the function that reads the hours stands in the attribute too.
macro_rules! second {
    ($module:ident, $folder:literal, $parse:ident $(, $policy:ident = $value:ident)*) => {
        task!(
            $module,
            $folder,
            migrate(
                1 => 2,
                rename(title => name),
                convert(hours, with = super::$parse),
                add(done = false),
            ),
            $($policy = $value),*
        );
    };
}
second!(on_read, "tests/migrations/schema/tasks", parse);
second!(
    write_back,
    "tests/migrations/schema/tasks",
    parse,
    upgrade = write_back
);
second!(
    panicking,
    "tests/migrations/schema/tasks",
    panics,
    upgrade = write_back
);
second!(
    eager,
    "tests/migrations/schema/tasks",
    parse,
    upgrade = eager
);
second!(
    careful,
    "tests/migrations/schema/tasks",
    parse,
    upgrade = eager,
    on_bad = quarantine
);
second!(sealed, "tests/migrations/schema/tasks2", parse);

// What another branch sealed as version 1; its version 2 is the same as ours.
task!(
    forked,
    "tests/migrations/schema/tasks_forked",
    migrate(1 => 2, rename(title => name), add(done = false))
);
task!(
    forked_from_two,
    "tests/migrations/schema/tasks_forked",
    min_version = 2
);

/// What another branch sealed as version 2.
pub(crate) mod other {
    use smarterbase::prelude::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
    #[document(
        name = "tasks",
        schema_dir = "tests/migrations/schema/tasks_other",
        version = 2,
        migrate(1 => 2, convert(hours, with = parse)),
    )]
    pub(crate) struct Task {
        #[key]
        pub(crate) id: String,
        #[unique]
        pub(crate) slug: String,
        #[index]
        pub(crate) title: String,
        pub(crate) hours: u64,
    }

    fn parse(old: String) -> Result<u64, std::num::ParseIntError> {
        old.parse()
    }
}

/// A type that nobody seals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "tasks", unsealed)]
pub(crate) struct LooseTask {
    #[key]
    pub(crate) id: String,
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) hours: String,
}

pub(crate) fn old(id: &str) -> OldTask {
    OldTask {
        id: id.to_owned(),
        slug: format!("slug-{id}"),
        title: format!("Title {id}"),
        hours: "8".to_owned(),
    }
}

/// A store with tasks of the first version, whose catalog knows the definitions of the second.
pub(crate) async fn world_with(ids: &[&str]) -> smarterbase_testkit::sweep::World {
    let world = smarterbase_testkit::sweep::World::new(7);
    let db = world.open(0).await;
    for id in ids {
        OldTask::create(&db, old(id)).await.unwrap();
    }
    on_read::Task::find_by_name(&db, "nobody").await.unwrap();
    db.close().await;
    world
}

pub(crate) fn path(id: &str) -> String {
    format!("tasks/{id}.json")
}
