//! Documents in quarantine: what is reported of them, and how they are put back.

use smarterbase::{
    maintenance::quarantine::{BadDocuments, NAMED, RestoreReport},
    prelude::*,
};
use smarterbase_core::document::OnBad;

use crate::{
    quarantine::{IDS, copies, with_a_bad_one},
    tasks::{on_read::Task, path, world_with},
    world::{assert_sound, json, swap, text},
};

fn id(id: &str) -> String {
    id.to_owned()
}

#[tokio::test(start_paused = true)]
async fn it_is_put_back_once_its_step_succeeds() {
    let (world, _) = with_a_bad_one().await;
    let before = json(&world, &path("b")).await;
    let db = world.open(1).await;
    let run = db
        .migrate::<Task>()
        .on_bad(OnBad::Quarantine)
        .await
        .unwrap();
    let still_bad = db.restore_quarantined::<Task>().await.unwrap();
    assert_eq!((still_bad.restored, still_bad.bad.count), (0, 1));
    assert_eq!(still_bad.bad.first[0].id, "b");

    let place = &run.quarantined.first[0].place;
    let copy = text(&world, place).await;
    let mended = copy.replace("eight, 12345678901234567890.10", "9");
    swap(&world, place, &mended).await;
    let report = db.restore_quarantined::<Task>().await.unwrap();
    let expected = RestoreReport {
        restored: 1,
        bad: BadDocuments::default(),
    };
    assert_eq!(report, expected);
    let back = Task::get(&db, &id("b")).await.unwrap().unwrap();
    assert_eq!((back.hours, back.name.as_str()), (9, "Title b"));
    let after = json(&world, &path("b")).await;
    assert_eq!(after["_sb"]["created"], before["_sb"]["created"]);
    assert_eq!(after["_sb"]["rev"], 3);
    assert_eq!(
        Task::find_by_slug(&db, "slug-b").await.unwrap().unwrap(),
        *back
    );
    assert_sound::<Task>(&world).await;
    let again = db.restore_quarantined::<Task>().await.unwrap();
    assert_eq!(again, RestoreReport::default(), "it is back already");
}

#[tokio::test(start_paused = true)]
async fn a_value_that_somebody_else_took_meanwhile_keeps_it_aside() {
    let (world, _) = with_a_bad_one().await;
    let db = world.open(1).await;
    let run = db
        .migrate::<Task>()
        .on_bad(OnBad::Quarantine)
        .await
        .unwrap();
    let place = &run.quarantined.first[0].place;
    let mended = text(&world, place)
        .await
        .replace("eight, 12345678901234567890.10", "9");
    swap(&world, place, &mended).await;
    Task::update(&db, &id("a"), |task| {
        task.slug = "slug-b".to_owned();
        Ok(())
    })
    .await
    .unwrap();
    let report = db.restore_quarantined::<Task>().await.unwrap();
    assert_eq!(report.bad.count, 1);
    assert!(
        report.bad.first[0].error.contains("SB-UNIQUE"),
        "{report:?}"
    );
    assert_sound::<Task>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_cannot_be_read_keeps_nothing_else_aside() {
    let world = world_with(&IDS).await;
    for name in ["a", "b"] {
        let whole = text(&world, &path(name)).await;
        swap(&world, &path(name), &whole.replace("\"8\"", "\"eight\"")).await;
    }
    let db = world.open(1).await;
    let run = db.migrate::<Task>().on_bad(OnBad::Quarantine);
    let moved = run.await.unwrap().quarantined.first;
    let [first, second] = &moved[..] else {
        panic!("{moved:?}")
    };
    swap(&world, &first.place, "no object").await;
    let copy = text(&world, &second.place).await;
    swap(&world, &second.place, &copy.replace("eight", "9")).await;
    let report = db.restore_quarantined::<Task>().await.unwrap();
    assert_eq!((report.restored, report.bad.count), (1, 1));
    assert_eq!(report.bad.first[0].id, "a");
    assert_eq!(report.bad.first[0].place, first.place);
    assert_eq!(Task::get(&db, &id("b")).await.unwrap().unwrap().hours, 9);
    let told = Task::get(&db, &id("a")).await.unwrap_err();
    assert_eq!(told.code(), "SB-QUARANTINED");
}

#[tokio::test(start_paused = true)]
async fn a_report_counts_every_document_and_names_the_first_ones() {
    let count = NAMED + 3;
    let ids: Vec<String> = (0..count)
        .map(|number| format!("task-{number:03}"))
        .collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    let world = world_with(&names).await;
    for name in &names {
        let whole = text(&world, &path(name)).await;
        swap(&world, &path(name), &whole.replace("\"8\"", "\"eight\"")).await;
    }
    let db = world.open(1).await;
    let run = db.migrate::<Task>().on_bad(OnBad::Quarantine);
    let moved = run.await.unwrap().quarantined;
    let named = |bad: &BadDocuments| -> Vec<String> {
        bad.first.iter().map(|bad| bad.id.clone()).collect()
    };
    assert_eq!(moved.count, count as u64);
    assert_eq!(named(&moved), names[..NAMED]);
    assert_eq!(copies(&world).await.len(), count);
    let report = db.restore_quarantined::<Task>().await.unwrap();
    assert_eq!((report.restored, report.bad.count), (0, count as u64));
    assert_eq!(named(&report.bad), names[..NAMED]);
}
