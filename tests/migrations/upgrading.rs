//! Upgrading a whole collection while others read and write.

use smarterbase::prelude::*;

use crate::{
    v1, v2, v4,
    world::{ada, assert_sound, replace, stored, text, with_ada},
};

/// More people of the first program.
async fn crowd(db: &Db, count: usize) {
    for number in 0..count {
        let person = v1::Person {
            id: format!("person-{number:03}"),
            email: format!("{number}@example.org"),
            ..v1::ada()
        };
        v1::Person::create(db, person).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn every_document_is_of_today_afterwards_and_no_index_entry_is_missing() {
    let (world, db) = with_ada().await;
    crowd(&db, 20).await;
    let plan = db.migrate::<v2::Person>().plan().await.unwrap();
    assert_eq!((plan.outdated, &plan.versions), (21, &[(1, 21)].into()));
    let mut reports = Vec::new();
    let done = db
        .migrate::<v2::Person>()
        .on_progress(|progress| reports.push(progress.documents))
        .await
        .unwrap();
    assert_eq!((done.documents, done.upgraded), (21, 21));
    assert_eq!(reports.last(), Some(&21));
    let plan = db.migrate::<v2::Person>().plan().await.unwrap();
    assert_eq!((plan.outdated, &plan.versions), (0, &[(2, 21)].into()));
    assert_sound::<v2::Person>(&world).await;
    let again = db.migrate::<v2::Person>().await.unwrap();
    assert_eq!((again.documents, again.upgraded), (21, 0));
}

#[tokio::test(start_paused = true)]
async fn s21_an_upgrade_is_marked_and_does_not_make_the_save_of_a_holder_fail() {
    let (world, db) = with_ada().await;
    let mut held = v2::Person::get(&db, &ada()).await.unwrap().unwrap();
    let before = stored(&world).await;
    db.migrate::<v2::Person>().await.unwrap();
    let after = stored(&world).await;
    assert_eq!(after["_sb"]["rewrite"], true);
    assert_eq!(after["_sb"]["rev"], 2);
    assert_eq!(after["_sb"]["updated"], before["_sb"]["updated"]);
    held.note = Some("mine".to_owned());
    held.save(&db).await.unwrap();
    let stored = v2::Person::get(&db, &ada()).await.unwrap().unwrap();
    assert_eq!(
        (stored.note.as_deref(), stored.revision()),
        (Some("mine"), 3)
    );
    assert_sound::<v2::Person>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_never_overwrites_a_writer_that_is_faster() {
    let (world, db) = with_ada().await;
    crowd(&db, 30).await;
    let writers = async {
        for number in 0..30 {
            let id = format!("person-{number:03}");
            v2::Person::update(&db, &id, |person| {
                person.note = Some("kept".to_owned());
                Ok(())
            })
            .await
            .unwrap();
        }
    };
    let upgrade = db.migrate::<v2::Person>();
    let (done, ()) = tokio::join!(upgrade, writers);
    assert_eq!(done.unwrap().documents, 31);
    for number in 0..30 {
        let id = format!("person-{number:03}");
        let person = v2::Person::get(&db, &id).await.unwrap().unwrap();
        assert_eq!(person.note.as_deref(), Some("kept"), "{id}");
        assert_eq!(person.meta().schema_version, 2, "{id}");
    }
    assert_sound::<v2::Person>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_failed_goes_on_behind_its_checkpoint_and_skips_nothing() {
    let (world, db) = with_ada().await;
    crowd(&db, 5).await;
    let whole = text(&world, "people/ada.json").await;
    replace(&world, &whole.replace(r#""age":"36""#, r#""age":"secret""#)).await;
    let mut last = None;
    let failed = db
        .migrate::<v2::Person>()
        .per_second(2)
        .on_progress(|progress| last.clone_from(&progress.checkpoint))
        .await
        .unwrap_err();
    assert_eq!((failed.code(), failed.id()), ("SB-MIGRATION", Some("ada")));
    // Ada comes first, so nothing was passed.
    assert_eq!(last, None);
    let rest = db.migrate::<v2::Person>().after("ada").await.unwrap();
    assert_eq!((rest.documents, rest.upgraded), (5, 5));
    assert_eq!(rest.checkpoint.as_deref(), Some("person-004"));
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept() {
    let (_, db) = with_ada().await;
    crowd(&db, 9).await;
    let began = tokio::time::Instant::now();
    db.migrate::<v2::Person>().per_second(2).await.unwrap();
    assert!(
        began.elapsed() >= std::time::Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn above_the_floor_an_older_program_reads_nothing_wrong_and_writes_nothing() {
    let (world, db) = with_ada().await;
    db.migrate::<v2::Person>().raise_floor().await.unwrap();
    let catalog: serde_json::Value =
        serde_json::from_str(&text(&world, "_sys/collection/people.json").await).unwrap();
    assert_eq!(catalog["writable_from"], 2);
    // A process of its own, with a copy of the catalog of its own.
    let old = world.open(7).await;
    let other = v1::Person {
        id: "other".to_owned(),
        email: "other@example.org".to_owned(),
        ..v1::ada()
    };
    let refused = v1::Person::create(&old, other).await.unwrap_err();
    assert_eq!(refused.code(), "SB-UNSUPPORTED-SCHEMA");
    let refused = v1::Person::get(&old, &ada()).await.unwrap_err();
    assert_eq!(refused.code(), "SB-UNSUPPORTED-SCHEMA");
    let plan = db.migrate::<v2::Person>().plan().await.unwrap();
    assert_eq!(plan.versions, [(2, 1)].into());
}

#[tokio::test(start_paused = true)]
async fn a_transaction_reads_older_documents_and_writes_those_of_today() {
    let (world, db) = with_ada().await;
    db.transaction(|tx| async move {
        v4::Person::update(&tx, &ada(), |person| {
            person.age += 1;
            Ok(())
        })
        .await?;
        let other = v4::Person {
            id: "other".to_owned(),
            email: "other@example.org".to_owned(),
            ..v4::ada()
        };
        v4::Person::create(&tx, other).await?;
        Ok(())
    })
    .await
    .unwrap();
    let person = v4::Person::get(&db, &ada()).await.unwrap().unwrap();
    assert_eq!((person.age, person.meta().schema_version), (37, 4));
    assert_eq!(person.homes, v4::ada().homes);
    let envelope = &stored(&world).await["_sb"];
    assert_eq!(envelope["embedded"], serde_json::json!({"Address": 3}));
    assert_sound::<v4::Person>(&world).await;
}
