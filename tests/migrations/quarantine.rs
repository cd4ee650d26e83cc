//! Documents that no step can upgrade, moved aside.

use std::sync::Arc;

use smarterbase::prelude::*;
use smarterbase_core::document::OnBad;
use smarterbase_testkit::{Fault, FaultStore, sweep::World};

use crate::{
    tasks::{OldTask, old, on_read::Task, path, world_with},
    world::{assert_sound, json, paths, swap, text},
};

pub(crate) const IDS: [&str; 3] = ["a", "b", "c"];

fn id(id: &str) -> String {
    id.to_owned()
}

/// Three documents, of which the second one cannot be upgraded.
pub(crate) async fn with_a_bad_one() -> (World, String) {
    let world = world_with(&IDS).await;
    let whole = text(&world, &path("b")).await;
    let bad = whole.replace("\"8\"", "\"eight, 12345678901234567890.10\"");
    swap(&world, &path("b"), &bad).await;
    (world, bad)
}

pub(crate) async fn copies(world: &World) -> Vec<String> {
    paths(world, "_quarantine/").await
}

#[tokio::test(start_paused = true)]
async fn the_run_goes_on_names_the_document_and_loses_nothing() {
    let (world, bad) = with_a_bad_one().await;
    let db = world.open(1).await;
    let failed = db.migrate::<Task>().await.unwrap_err();
    assert_eq!((failed.code(), failed.id()), ("SB-MIGRATION", Some("b")));
    assert_eq!(copies(&world).await, [""; 0], "by default nothing is moved");

    let run = db
        .migrate::<Task>()
        .on_bad(OnBad::Quarantine)
        .await
        .unwrap();
    assert_eq!(run.documents, 3);
    assert_eq!(run.checkpoint.as_deref(), Some("c"));
    let [moved] = &run.quarantined.first[..] else {
        panic!("{run:?}")
    };
    assert_eq!(moved.id, "b");
    assert!(moved.error.contains("convert(hours)"), "{}", moved.error);
    assert!(!moved.error.contains("eight"), "no value: {}", moved.error);
    assert_eq!(copies(&world).await, std::slice::from_ref(&moved.place));
    let copy = text(&world, &moved.place).await;
    assert!(copy.contains(&format!("\"document\":{bad}")), "{copy}");
    for name in ["a", "c"] {
        assert_eq!(json(&world, &path(name)).await["_sb"]["schema"], 2);
    }
    assert_sound::<Task>(&world).await;
    let again = db
        .migrate::<Task>()
        .on_bad(OnBad::Quarantine)
        .await
        .unwrap();
    assert_eq!((again.upgraded, again.quarantined.count), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_it_by_its_id_is_told_and_queries_go_on_without_it() {
    let (world, _) = with_a_bad_one().await;
    let db = world.open(1).await;
    db.migrate::<Task>()
        .on_bad(OnBad::Quarantine)
        .await
        .unwrap();
    let task = |id: &str| Task {
        id: id.to_owned(),
        slug: format!("slug-{id}"),
        name: "New".to_owned(),
        hours: 1,
        done: false,
    };
    let told = [
        Task::get(&db, &id("b")).await.map(drop).unwrap_err(),
        Task::get(&db, &id("b"))
            .strict()
            .await
            .map(drop)
            .unwrap_err(),
        Task::get_many(&db, [id("b")]).await.map(drop).unwrap_err(),
        Task::exists(&db, &id("b")).await.map(drop).unwrap_err(),
        Task::create(&db, task("b")).await.map(drop).unwrap_err(),
        Task::upsert(&db, task("b")).await.map(drop).unwrap_err(),
        Task::update(&db, &id("b"), |_| Ok(()))
            .await
            .map(drop)
            .unwrap_err(),
        Task::delete(&db, &id("b")).await.map(drop).unwrap_err(),
        db.transaction(|tx| async move { Task::get(&tx, &id("b")).await.map(drop) })
            .await
            .unwrap_err(),
    ];
    for error in told {
        assert_eq!((error.code(), error.id()), ("SB-QUARANTINED", Some("b")));
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(
            error.to_string().contains("_quarantine/tasks/b/"),
            "{error}"
        );
    }
    assert_eq!(Task::list(&db).page(10).await.unwrap().items.len(), 2);
    assert_eq!(Task::query(&db).scan().await.unwrap().len(), 2);
    assert!(Task::find_by_slug(&db, "slug-b").await.unwrap().is_none());
    assert!(Task::find_by_name(&db, "Title b").await.unwrap().is_empty());
    assert_eq!(Task::count_by_name(&db, "Title b").await.unwrap(), 0);
    // Its unique value is free, and it can be overwritten on purpose.
    let other = Task {
        slug: "slug-b".to_owned(),
        ..task("d")
    };
    Task::create(&db, other).await.unwrap();
    let mut mine = task("b");
    mine.slug = "mine".to_owned();
    Task::overwrite(&db, mine).await.unwrap();
    assert!(Task::exists(&db, &id("b")).await.unwrap());
    assert_eq!(copies(&world).await.len(), 1, "the copy stays");
    assert_sound::<Task>(&world).await;
}

/// Every call of the run fails once in every way: at no moment is the document neither in its place nor in a copy.
#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_loses_nothing_and_the_next_run_goes_on() {
    let mut trials = 0;
    for fault in [
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::LoseReply,
        Fault::ApplyLater,
    ] {
        for call in 0..200 {
            let (world, bad) = with_a_bad_one().await;
            let store = Arc::new(FaultStore::at(world.store.clone(), call, fault));
            let run = async {
                let db = world.builder(1, store.clone()).open().await?;
                let run = db.migrate::<Task>().on_bad(OnBad::Quarantine).await;
                db.close().await;
                run.map(drop)
            };
            tokio::select! {
                biased;
                () = store.crash() => {}
                _ = run => {}
            }
            if !store.was_hit() {
                break;
            }
            trials += 1;
            store.release_delayed().await;
            let in_place = text(&world, &path("b")).await == bad;
            let copies = copies(&world).await;
            let is_copied = match copies.first() {
                Some(copy) => text(&world, copy).await.contains(&bad),
                None => false,
            };
            assert!(in_place || is_copied, "{fault:?} at {call}");
            let db = world.open(2).await;
            db.migrate::<Task>()
                .on_bad(OnBad::Quarantine)
                .await
                .unwrap();
            let told = Task::get(&db, &id("b")).await.unwrap_err();
            assert_eq!(told.code(), "SB-QUARANTINED", "{fault:?} at {call}");
            assert_sound::<Task>(&world).await;
        }
    }
    assert!(trials > 40, "{trials}");
}

#[tokio::test(start_paused = true)]
async fn the_tombstone_of_a_moved_document_is_not_swept() {
    let (world, _) = with_a_bad_one().await;
    let db = world.open(1).await;
    Task::create(
        &db,
        Task {
            id: id("gone"),
            slug: id("gone"),
            name: id("gone"),
            hours: 1,
            done: true,
        },
    )
    .await
    .unwrap();
    Task::delete(&db, &id("gone")).await.unwrap();
    db.migrate::<Task>()
        .on_bad(OnBad::Quarantine)
        .await
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(25 * 60 * 60)).await;
    let swept = db.sweep::<Task>().await.unwrap();
    assert_eq!((swept.removed, swept.kept), (1, 1));
    let told = Task::get(&db, &id("b")).await.unwrap_err();
    assert_eq!(told.code(), "SB-QUARANTINED");
}

/// The older program wrote it in between: it is not lost, and looked at again.
#[tokio::test(start_paused = true)]
async fn a_writer_that_mends_the_document_wins() {
    let (world, _) = with_a_bad_one().await;
    let old_program = world.open(1).await;
    let new_program = world.open(2).await;
    let mend = async {
        OldTask::update(&old_program, &id("b"), |task| {
            task.hours = "10".to_owned();
            Ok(())
        })
        .await
    };
    let run = async {
        new_program
            .migrate::<Task>()
            .on_bad(OnBad::Quarantine)
            .await
    };
    let (mended, run) = tokio::join!(mend, run);
    let run = run.unwrap();
    match mended {
        Ok(_) => {
            assert_eq!(run.quarantined.count, 0);
            let task = Task::get(&new_program, &id("b")).await.unwrap().unwrap();
            assert_eq!(task.hours, 10);
        }
        // It came too late: it is told, too.
        Err(error) => assert_eq!(error.code(), "SB-QUARANTINED"),
    }
    OldTask::create(&old_program, old("d")).await.unwrap();
}

/// Only what a step refuses waits for a better step. What is damaged, or is none of this type, must be looked at by somebody.
#[tokio::test(start_paused = true)]
async fn a_document_that_is_damaged_otherwise_ends_the_run_and_stays_where_it_is() {
    let damages = [
        (r#""slug":"slug-b""#, r#""slug":7"#, "SB-CORRUPT"),
        (r#""id":"b""#, r#""id":"other""#, "SB-CORRUPT-ID"),
        (r#""hours":"8"}"#, r#""hours":"8""#, "SB-CORRUPT"),
    ];
    for (from, to, code) in damages {
        let world = world_with(&IDS).await;
        let whole = text(&world, &path("b")).await;
        assert!(whole.contains(from), "{whole}");
        swap(&world, &path("b"), &whole.replace(from, to)).await;
        let before = text(&world, &path("b")).await;
        let db = world.open(1).await;
        let run = db.migrate::<Task>().on_bad(OnBad::Quarantine).await;
        let ended = run.unwrap_err();
        assert_eq!((ended.code(), ended.id()), (code, Some("b")), "{to}");
        assert_eq!(ended.kind(), ErrorKind::Corrupt);
        assert_eq!(copies(&world).await, [""; 0], "{to}");
        assert_eq!(text(&world, &path("b")).await, before);
    }
}
