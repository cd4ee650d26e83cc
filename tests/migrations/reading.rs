//! What an older program wrote reads as the type of today, in every verb and finder.

use smarterbase::prelude::*;

use crate::{
    tasks::world_with,
    v1, v2, v4,
    world::{ada, assert_sound, replace, stored, text, with_ada},
};

#[tokio::test(start_paused = true)]
async fn every_step_runs_from_version_to_version() {
    let (_, db) = with_ada().await;
    let second = v2::Person::get(&db, &ada()).await.unwrap().unwrap();
    assert_eq!(second, v2::ada());
    assert_eq!(second.meta().schema_version, 1);
    let last = v4::Person::get(&db, &ada()).await.unwrap().unwrap();
    assert_eq!(last, v4::ada());
}

#[tokio::test(start_paused = true)]
async fn a_document_of_the_version_between_runs_the_rest_of_the_chain() {
    let (_, db) = with_ada().await;
    let mut second = v2::Person::get(&db, &ada()).await.unwrap().unwrap();
    second.nick = Some("Countess".to_owned());
    second.save(&db).await.unwrap();
    let expected = v4::Person {
        nickname: Some("Countess".to_owned()),
        ..v4::ada()
    };
    let last = v4::Person::get(&db, &ada()).await.unwrap().unwrap();
    assert_eq!(last, expected);
}

#[tokio::test(start_paused = true)]
async fn reading_writes_nothing() {
    let (world, db) = with_ada().await;
    let before = text(&world, "people/ada.json").await;
    v4::Person::get(&db, &ada()).await.unwrap().unwrap();
    v4::Person::query(&db).scan().await.unwrap();
    assert_eq!(text(&world, "people/ada.json").await, before);
}

#[tokio::test(start_paused = true)]
async fn every_verb_and_finder_sees_the_type_of_today() {
    let (_, db) = with_ada().await;
    let expected = v4::ada();
    let many = v4::Person::get_many(&db, [ada()]).await.unwrap();
    assert_eq!(**many[0].as_ref().unwrap(), expected);
    let found = v4::Person::find_by_email(&db, "ada@example.org").await;
    assert_eq!(found.unwrap().unwrap(), expected);
    for found in [
        v4::Person::find_by_last_name(&db, "Lovelace")
            .await
            .unwrap(),
        v4::Person::find_by_initials(&db, "AL").await.unwrap(),
        v4::Person::find_by_plan(&db, v4::Plan::Free).await.unwrap(),
        v4::Person::query(&db).scan().await.unwrap(),
    ] {
        assert_eq!(found.len(), 1);
        assert_eq!(found[0], expected);
    }
    assert_eq!(v4::Person::count_by_initials(&db, "AL").await.unwrap(), 1);
    assert!(v4::Person::exists(&db, &ada()).await.unwrap());
    let mut loaded = v4::Person::get(&db, &ada()).await.unwrap().unwrap();
    loaded.age = 0;
    loaded.reload(&db).await.unwrap();
    assert_eq!(loaded, expected);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_a_step_changed_is_found_by_its_new_value_only() {
    let (world, db) = with_ada().await;
    assert_eq!(v2::Person::find_by_age(&db, 36).await.unwrap().len(), 1);
    assert_eq!(
        v2::Person::find_by_age_in(&db, 30..40).await.unwrap().len(),
        1
    );
    assert_eq!(
        v2::Person::find_by_status(&db, v2::Status::Basic)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        v2::Person::find_by_status(&db, v2::Status::Paid)
            .await
            .unwrap()
            .len(),
        0
    );
    db.migrate::<v2::Person>().raise_floor().await.unwrap();
    db.rebuild_indexes::<v2::Person>().await.unwrap();
    assert_eq!(v2::Person::find_by_age(&db, 36).await.unwrap().len(), 1);
    assert_eq!(
        v2::Person::find_by_status(&db, v2::Status::Basic)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_sound::<v2::Person>(&world).await;
}

#[tokio::test(start_paused = true)]
async fn the_whole_chain_loses_no_digit_and_no_unknown_member() {
    let (world, db) = with_ada().await;
    let unknown = r#""big":123456789012345678901234567890.10,"deep":{"z":[1.0,1e2],"a":-0},"#;
    let before = text(&world, "people/ada.json").await;
    replace(
        &world,
        &before.replacen("\"id\":", &format!("{unknown}\"id\":"), 1),
    )
    .await;
    let mut person = v4::Person::get(&db, &ada()).await.unwrap().unwrap();
    person.age = 37;
    person.save(&db).await.unwrap();
    let after = text(&world, "people/ada.json").await;
    for member in [
        r#""big":123456789012345678901234567890.10"#,
        r#""deep":{"z":[1.0,1e2],"a":-0}"#,
    ] {
        assert!(after.contains(member), "{after}");
    }
    let stored = stored(&world).await;
    assert_eq!(stored["_sb"]["schema"], 4);
    for gone in [
        "name",
        "full_name",
        "x",
        "y",
        "old",
        "status",
        "payment",
        "nick",
        "home",
    ] {
        assert!(stored.get(gone).is_none(), "{gone} is left: {stored}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_content_of_every_variant_is_upgraded() {
    let (world, db) = with_ada().await;
    let before = text(&world, "people/ada.json").await;
    let payment = r#""payment":{"Invoice":{"street":"Dorset Street","zip":"12345"}}"#;
    assert!(before.contains(payment), "{before}");
    for (old, expected) in [
        (r#""Cash""#, v2::Payment::Cash),
        (
            r#"{"Card":{"number":"4000123412341234"}}"#,
            v2::Payment::Card {
                last_four: "1234".to_owned(),
            },
        ),
    ] {
        replace(
            &world,
            &before.replace(payment, &format!("\"payment\":{old}")),
        )
        .await;
        let person = v2::Person::get(&db, &ada()).await.unwrap().unwrap();
        assert_eq!(person.payment, expected);
    }
    replace(
        &world,
        &before.replace("\"status\":\"Free\"", "\"status\":\"Old\""),
    )
    .await;
    let person = v2::Person::get(&db, &ada()).await.unwrap().unwrap();
    assert_eq!(person.status, v2::Status::Paid);
}

#[tokio::test(start_paused = true)]
async fn what_today_wrote_is_taken_as_it_is() {
    let (world, db) = with_ada().await;
    let mut person = v4::Person::get(&db, &ada()).await.unwrap().unwrap();
    person.age = 37;
    person.save(&db).await.unwrap();
    let envelope = &stored(&world).await["_sb"];
    assert_eq!(envelope["embedded"], serde_json::json!({"Address": 3}));
    let seal = envelope["seal"].as_str().unwrap();
    assert_eq!(seal.len(), 16);
    let again = v4::Person::get(&db, &ada()).await.unwrap().unwrap();
    assert_eq!(again.age, 37);
    assert_eq!(again.homes, v4::ada().homes);
}

#[tokio::test(start_paused = true)]
async fn an_older_program_refuses_what_a_newer_one_wrote() {
    let (_, db) = with_ada().await;
    let mut person = v2::Person::get(&db, &ada()).await.unwrap().unwrap();
    person.age = 37;
    person.save(&db).await.unwrap();
    for refused in [
        v1::Person::get(&db, &ada()).await.unwrap_err(),
        v1::Person::update(&db, &ada(), |_| Ok(()))
            .await
            .unwrap_err(),
        v1::Person::overwrite(&db, v1::ada()).await.unwrap_err(),
        v1::Person::delete(&db, &ada()).await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), "SB-UNSUPPORTED-SCHEMA");
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    }
    assert!(v2::Person::get(&db, &ada()).await.unwrap().is_some());
}

/// Values that change before and after their name does, in one migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(
    name = "tasks",
    schema_dir = "tests/migrations/schema/tasks",
    version = 2,
    migrate(
        1 => 2,
        rename(title => name),
        convert(name, with = louder),
        convert(hours, with = crate::tasks::parse),
        rename(hours => duration),
    ),
)]
struct RenamedTask {
    #[key]
    id: String,
    #[unique]
    slug: String,
    #[index]
    name: String,
    #[index]
    duration: u32,
}

fn louder(old: String) -> String {
    format!("{old}!")
}

#[tokio::test(start_paused = true)]
async fn a_field_changes_before_and_after_it_is_renamed_in_one_migration() {
    let world = world_with(&["a"]).await;
    let db = world.open(1).await;
    let id = "a".to_owned();
    let task = RenamedTask::get(&db, &id).await.unwrap().unwrap();
    assert_eq!((&*task.name, task.duration), ("Title a!", 8));
    db.migrate::<RenamedTask>().raise_floor().await.unwrap();
    let built = db.rebuild_indexes::<RenamedTask>().await.unwrap().built;
    assert_eq!(
        built.len(),
        2,
        "both hold values that a step made: {built:?}"
    );
    for found in [
        RenamedTask::find_by_name(&db, "Title a!").await.unwrap(),
        RenamedTask::find_by_duration(&db, 8).await.unwrap(),
    ] {
        assert_eq!(found.len(), 1);
    }
    assert_sound::<RenamedTask>(&world).await;
}
