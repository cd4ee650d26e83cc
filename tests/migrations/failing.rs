//! Documents that a step cannot upgrade: one typed error with id, step and cause, and no value.

use std::error::Error as _;

use smarterbase::prelude::*;
use smarterbase_core::{
    document::OnBad,
    migration::{Failure, failure::Cause},
};

use crate::{
    v1, v2, v4,
    world::{ada, replace, text, with_ada},
};

/// Reads Ada after a change of her stored text.
async fn read_after<T: Document<Key = String>>(from: &str, to: &str) -> smarterbase::Error {
    let (world, db) = with_ada().await;
    let before = text(&world, "people/ada.json").await;
    assert!(before.contains(from), "{before}");
    replace(&world, &before.replace(from, to)).await;
    T::get(&db, &ada()).await.map(|_| ()).unwrap_err()
}

fn failure(error: &smarterbase::Error) -> &Failure {
    error.source().unwrap().downcast_ref().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_function_that_refuses_is_the_cause() {
    let error = read_after::<v2::Person>(r#""age":"36""#, r#""age":"secret""#).await;
    assert_eq!(
        error.to_string(),
        "get people/ada: cannot upgrade `Person` from version 1 to 2: `convert(age)`: the function returned an error \
         [SB-MIGRATION]"
    );
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(error.id(), Some("ada"));
    let failure = failure(&error);
    assert_eq!((failure.from, failure.step.as_str()), (1, "convert(age)"));
    let cause = failure.source().unwrap();
    assert!(cause.downcast_ref::<std::num::ParseIntError>().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_the_version_in_the_middle_of_the_chain() {
    let error = read_after::<v4::Person>("Ada Lovelace", "Ada").await;
    let failure = failure(&error);
    assert_eq!(
        (failure.from, failure.step.as_str()),
        (2, "split(full_name)")
    );
    assert_eq!(
        failure.source().unwrap().to_string(),
        "there is only one name"
    );
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_not_what_was_sealed_is_named() {
    let error = read_after::<v2::Person>(r#""age":"36""#, r#""age":36"#).await;
    assert!(
        error
            .to_string()
            .contains("`convert(age)`: `age` is not what that version says"),
        "{error}"
    );
    let error = read_after::<v2::Person>(r#""age":"36","#, "").await;
    assert!(
        error
            .to_string()
            .contains("`convert(age)`: there is no member `age`"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_embedded_type_fails_under_its_own_name() {
    let error = read_after::<v2::Person>(
        r#"{"Invoice":{"street":"Dorset Street","zip":"12345"}}"#,
        r#"{"Card":{"number":"1"}}"#,
    )
    .await;
    let failure = failure(&error);
    assert_eq!(failure.type_name, "Payment");
    assert_eq!((failure.from, failure.step.as_str()), (1, "convert(Card)"));
}

#[tokio::test(start_paused = true)]
async fn s28_a_step_that_lands_on_an_unknown_member_is_corrupt_and_names_it() {
    let error = read_after::<v2::Person>(r#""old":true"#, r#""old":true,"full_name":"x""#).await;
    assert_eq!(error.code(), "SB-MIGRATION");
    let failure = failure(&error);
    assert!(matches!(failure.cause(), Cause::Occupied(name) if name == "full_name"));
    assert_eq!(failure.step, "rename(name => full_name)");
}

#[tokio::test(start_paused = true)]
async fn s28_a_name_that_a_step_took_away_is_no_unknown_member() {
    let (world, db) = with_ada().await;
    let mut person = v2::Person::get(&db, &ada()).await.unwrap().unwrap();
    person.age = 1;
    person.save(&db).await.unwrap();
    let before = text(&world, "people/ada.json").await;
    replace(
        &world,
        &before.replacen("\"id\":", "\"name\":\"back\",\"mine\":1,\"id\":", 1),
    )
    .await;
    person.reload(&db).await.unwrap();
    person.age = 2;
    person.save(&db).await.unwrap();
    let after = text(&world, "people/ada.json").await;
    assert!(
        !after.contains("\"name\"") && after.contains("\"mine\":1"),
        "{after}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_document_that_fails_fails_the_query_and_is_never_skipped() {
    let (world, db) = with_ada().await;
    let before = text(&world, "people/ada.json").await;
    replace(
        &world,
        &before.replace(r#""age":"36""#, r#""age":"secret""#),
    )
    .await;
    let error = v2::Person::query(&db).scan().await.unwrap_err();
    assert_eq!((error.code(), error.id()), ("SB-MIGRATION", Some("ada")));
    assert!(!format!("{error:?}").contains("secret"));
    // It can be replaced.
    v2::Person::overwrite(&db, v2::ada()).await.unwrap();
    assert_eq!(
        v2::Person::get(&db, &ada()).await.unwrap().unwrap(),
        v2::ada()
    );
}

/// The document's version stays when an embedded type moves on, so that one must be looked at too.
#[tokio::test(start_paused = true)]
async fn a_newer_embedded_type_is_refused_and_never_replaced_or_moved_aside() {
    let (world, db) = with_ada().await;
    let stored = text(&world, "people/ada.json").await;
    let at = stored.find("\"seal\":\"").unwrap() + "\"seal\":\"".len();
    let mut newer = stored.clone();
    newer.replace_range(at..at + 16, "0123456789abcdef");
    let newer = newer.replacen("\"seal\":", "\"embedded\":{\"Address\":7},\"seal\":", 1);
    replace(&world, &newer).await;

    let answers = [
        v1::Person::get(&db, &ada()).await.map(drop),
        v1::Person::overwrite(&db, v1::ada()).await.map(drop),
        v1::Person::update(&db, &ada(), |_| Ok(())).await.map(drop),
    ];
    for answer in answers {
        let refused = answer.unwrap_err();
        assert_eq!(refused.code(), "SB-UNSUPPORTED-SCHEMA", "{refused}");
        assert!(refused.to_string().contains("`Address`"), "{refused}");
    }
    let upgrade = db.migrate::<v1::Person>().on_bad(OnBad::Quarantine);
    let run = upgrade.await.unwrap();
    assert_eq!((run.documents, run.newer, run.quarantined.count), (1, 1, 0));
    assert_eq!(text(&world, "people/ada.json").await, newer);
}
