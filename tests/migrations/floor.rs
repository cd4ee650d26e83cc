//! What waits for the version floor, and what older programs may do above it and below.

use smarterbase::prelude::*;
use smarterbase_testkit::sweep::World;

use crate::{
    tasks::{OldTask, old, on_read::Task, path, world_with},
    world::{assert_sound, json, swap, text},
};

fn id(id: &str) -> String {
    id.to_owned()
}

async fn state(db: &Db, index: &str) -> String {
    let definitions = db.definitions::<Task>().await.unwrap();
    let wanted = definitions
        .iter()
        .find(|definition| definition.name.starts_with(index) && definition.is_declared)
        .unwrap();
    format!("{:?}", wanted.backends.values().collect::<Vec<_>>())
}

#[tokio::test(start_paused = true)]
async fn a_new_definition_over_values_that_a_step_makes_waits_for_the_floor() {
    let world = world_with(&["a", "b"]).await;
    let db = world.open(1).await;
    let waits = db.rebuild_indexes::<Task>().await.unwrap_err();
    assert_eq!(
        (waits.code(), waits.kind()),
        ("SB-DEFINITION", ErrorKind::Refused)
    );
    let text = waits.to_string();
    assert!(
        text.contains("hours-") && text.contains("raise_floor"),
        "{text}"
    );
    assert!(state(&db, "hours-").await.contains("pending"));
    // The older program goes on, and nothing that is ready goes down with it.
    let old_program = world.open(2).await;
    OldTask::create(&old_program, old("c")).await.unwrap();
    assert!(state(&db, "title-").await.contains("ready"));

    db.migrate::<Task>().raise_floor().await.unwrap();
    let built = db.rebuild_indexes::<Task>().await.unwrap().built;
    assert_eq!(built.len(), 1);
    assert!(built[0].starts_with("hours-"), "{built:?}");
    assert_eq!(Task::find_by_hours(&db, 8).await.unwrap().len(), 3);
    let refused = OldTask::create(&world.open(3).await, old("d"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "SB-UNSUPPORTED-SCHEMA");
    assert!(state(&db, "hours-").await.contains("ready"));
    assert_sound::<Task>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_down_for_another_reason_is_built_below_the_floor_too() {
    let world = World::new(5);
    let db = world.open(1).await;
    let task = |id: &str| Task {
        id: id.to_owned(),
        slug: id.to_owned(),
        name: id.to_owned(),
        hours: 3,
        done: false,
    };
    // The collection is made by the newer program, so its definitions are ready at once; an older one marks one down.
    Task::create(&db, task("a")).await.unwrap();
    let old_program = world.open(2).await;
    OldTask::create(&old_program, old("b")).await.unwrap();
    assert!(state(&db, "hours-").await.contains("down"));
    let built = db.rebuild_indexes::<Task>().await.unwrap().built;
    assert!(built[0].starts_with("hours-"), "{built:?}");
    assert_eq!(Task::find_by_hours(&db, 8).await.unwrap().len(), 1);
}

mod notices {
    pub(crate) mod first {
        use smarterbase::prelude::*;

        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
        #[document(name = "notices", schema_dir = "tests/migrations/schema/notices1")]
        pub(crate) struct Notice {
            #[key]
            pub(crate) id: String,
            #[index]
            pub(crate) text: String,
        }
    }

    pub(crate) mod second {
        use smarterbase::prelude::*;

        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
        #[document(
            name = "notices",
            schema_dir = "tests/migrations/schema/notices",
            version = 2,
            migrate(1 => 2, add(pinned = false)),
            readable_by = 1,
        )]
        pub(crate) struct Notice {
            #[key]
            pub(crate) id: String,
            #[index]
            pub(crate) text: String,
            pub(crate) pinned: bool,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_older_program_reads_what_is_readable_by_it_and_never_writes_it() {
    use notices::{first, second};
    let world = World::new(5);
    let (old_program, new_program) = (world.open(1).await, world.open(2).await);
    let notice = second::Notice {
        id: id("a"),
        text: id("text"),
        pinned: true,
    };
    first::Notice::create(
        &old_program,
        first::Notice {
            id: id("old"),
            text: id("text"),
        },
    )
    .await
    .unwrap();
    second::Notice::create(&new_program, notice.clone())
        .await
        .unwrap();
    // Also what a transaction wrote says who can read it.
    let other = second::Notice {
        id: id("b"),
        ..notice.clone()
    };
    new_program
        .transaction(|tx| {
            let other = other.clone();
            async move {
                second::Notice::create(&tx, other).await?;
                second::Notice::update(&tx, &id("a"), |_| Ok(())).await?;
                second::Notice::update(&tx, &id("old"), |notice| {
                    notice.text.push('!');
                    Ok(())
                })
                .await
                .map(drop)
            }
        })
        .await
        .unwrap();
    for name in ["a", "b", "old"] {
        let stored = json(&world, &format!("notices/{name}.json")).await;
        assert_eq!(stored["_sb"]["schema"], 2, "{name}");
        assert_eq!(stored["_sb"]["readable_by"], 1, "{name}");
        let read = first::Notice::get(&old_program, &id(name)).await.unwrap();
        let read = read.unwrap();
        assert!(read.text.starts_with("text"));
        assert_eq!(read.meta().schema_version, 2);
    }
    let found = first::Notice::find_by_text(&old_program, "text")
        .await
        .unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(
        first::Notice::list(&old_program)
            .page(9)
            .await
            .unwrap()
            .items
            .len(),
        3
    );

    let before = json(&world, "notices/a.json").await;
    let mut held = first::Notice::get(&old_program, &id("a"))
        .await
        .unwrap()
        .unwrap();
    held.text = id("mine");
    let own = held.clone().into_inner();
    let refused = [
        held.save(&old_program).await.unwrap_err(),
        first::Notice::update(&old_program, &id("a"), |notice| {
            notice.text.clear();
            Ok(())
        })
        .await
        .map(drop)
        .unwrap_err(),
        first::Notice::upsert(&old_program, own.clone())
            .await
            .map(drop)
            .unwrap_err(),
        first::Notice::overwrite(&old_program, own)
            .await
            .map(drop)
            .unwrap_err(),
        first::Notice::delete(&old_program, &id("a"))
            .await
            .map(drop)
            .unwrap_err(),
        held.remove(&old_program).await.unwrap_err(),
        old_program
            .transaction(|tx| async move { first::Notice::delete(&tx, &id("a")).await.map(drop) })
            .await
            .unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.code(), "SB-UNSUPPORTED-SCHEMA", "{error}");
    }
    assert_eq!(json(&world, "notices/a.json").await, before);
    // Nor does an upgrade by it.
    let plan = old_program.migrate::<first::Notice>().plan().await.unwrap();
    assert_eq!((plan.outdated, plan.newer), (0, 3));
    let run = old_program.migrate::<first::Notice>().await.unwrap();
    assert_eq!((run.documents, run.upgraded, run.newer), (3, 0, 3));
    assert_eq!(json(&world, "notices/a.json").await, before);
}

/// The checkpoint is from before the floor: an older program wrote behind it.
#[tokio::test(start_paused = true)]
async fn a_run_that_raises_the_floor_skips_nothing_behind_its_checkpoint() {
    let world = world_with(&["a", "c"]).await;
    let db = world.open(1).await;
    let checkpoint = db.migrate::<Task>().await.unwrap().checkpoint.unwrap();
    assert_eq!(checkpoint, "c");
    OldTask::create(&world.open(2).await, old("b"))
        .await
        .unwrap();
    let rest = db.migrate::<Task>().after("c").await.unwrap();
    assert_eq!(rest.documents, 0, "without a floor it goes on behind it");
    let run = db.migrate::<Task>().after("c").raise_floor().await.unwrap();
    assert_eq!((run.documents, run.upgraded), (3, 1));
    assert_eq!(json(&world, &path("b")).await["_sb"]["schema"], 2);
}

/// A run raised the floor and died. The checkpoint is still the one from before.
#[tokio::test(start_paused = true)]
async fn a_floor_that_is_raised_already_makes_no_old_checkpoint_right() {
    let world = world_with(&["a", "c"]).await;
    let db = world.open(1).await;
    db.migrate::<Task>().await.unwrap();
    OldTask::create(&world.open(2).await, old("b"))
        .await
        .unwrap();
    let whole = text(&world, &path("b")).await;
    swap(&world, &path("b"), &whole.replace("\"8\"", "\"eight\"")).await;
    let died = db.migrate::<Task>().raise_floor().await.unwrap_err();
    assert_eq!(died.id(), Some("b"));
    swap(&world, &path("b"), &whole).await;
    let run = db.migrate::<Task>().after("c").raise_floor().await.unwrap();
    assert_eq!((run.documents, run.upgraded), (3, 1));
}
