//! What a newer program writes over what an older one wrote.

use smarterbase::prelude::*;

use crate::{
    v1, v2, v4,
    world::{ada, assert_sound, stored, with_ada},
};

#[tokio::test(start_paused = true)]
async fn saving_writes_the_version_of_today_and_keeps_the_indexes_right() {
    let (world, db) = with_ada().await;
    let mut person = v2::Person::get(&db, &ada()).await.unwrap().unwrap();
    person.full_name = "Augusta Ada King".to_owned();
    person.save(&db).await.unwrap();
    assert_eq!(stored(&world).await["_sb"]["schema"], 2);
    assert_eq!(person.revision(), 2);
    assert_sound::<v2::Person>(&world).await;
    assert!(
        v2::Person::find_by_full_name(&db, "Ada Lovelace")
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn updates_upserts_overwrites_and_deletes_start_from_any_version() {
    let (world, db) = with_ada().await;
    let updated = v2::Person::update(&db, &ada(), |person| {
        person.age += 1;
        Ok(())
    });
    assert_eq!(updated.await.unwrap().age, 37);
    assert_sound::<v2::Person>(&world).await;
    v4::Person::upsert(&db, v4::ada()).await.unwrap();
    assert_eq!(stored(&world).await["_sb"]["schema"], 4);
    assert_sound::<v4::Person>(&world).await;

    let (world, db) = with_ada().await;
    v4::Person::overwrite(&db, v4::ada()).await.unwrap();
    assert_sound::<v4::Person>(&world).await;
    assert!(v4::Person::delete(&db, &ada()).await.unwrap());
    assert_sound::<v4::Person>(&world).await;
    // The unique value is free again.
    let other = v4::Person {
        id: "other".to_owned(),
        ..v4::ada()
    };
    v4::Person::create(&db, other).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn s11_a_rename_that_keeps_the_values_keeps_the_definition() {
    let (_, db) = with_ada().await;
    let names = |definitions: Vec<smarterbase::maintenance::definitions::DefinitionStatus>| {
        let names = definitions.into_iter().map(|definition| definition.name);
        names.collect::<Vec<String>>()
    };
    let first = names(db.definitions::<v1::Person>().await.unwrap());
    let name = first.iter().find(|name| name.starts_with("name-")).unwrap();
    let email = first
        .iter()
        .find(|name| name.starts_with("email-"))
        .unwrap();
    let age = first.iter().find(|name| name.starts_with("age-")).unwrap();
    v2::Person::get(&db, &ada()).await.unwrap();
    v2::Person::find_by_full_name(&db, "Ada Lovelace")
        .await
        .unwrap();
    v2::Person::update(&db, &ada(), |person| {
        person.age += 1;
        Ok(())
    })
    .await
    .unwrap();
    let both = names(db.definitions::<v2::Person>().await.unwrap());
    assert!(both.contains(name) && both.contains(email), "{both:?}");
    assert!(
        !both.iter().any(|name| name.starts_with("full-name-")),
        "{both:?}"
    );
    // A step made other values: another definition.
    let new_age = both
        .iter()
        .find(|other| other.starts_with("age-") && *other != age);
    assert!(new_age.is_some(), "{both:?}");
}

#[tokio::test(start_paused = true)]
async fn a_writer_of_each_version_never_leaves_an_index_behind() {
    let (world, db) = with_ada().await;
    for round in 0..3_u8 {
        let id = format!("person-{round}");
        let first = v1::Person {
            id: id.clone(),
            email: format!("{id}@example.org"),
            age: round.to_string(),
            ..v1::ada()
        };
        v1::Person::create(&db, first).await.unwrap();
        v2::Person::update(&db, &id, |person| {
            person.age += 10;
            Ok(())
        })
        .await
        .unwrap();
    }
    db.migrate::<v2::Person>().raise_floor().await.unwrap();
    db.rebuild_indexes::<v2::Person>().await.unwrap();
    assert_eq!(
        v2::Person::count_by_full_name(&db, "Ada Lovelace")
            .await
            .unwrap(),
        4
    );
    assert_eq!(
        v2::Person::find_by_age_in(&db, 10..13).await.unwrap().len(),
        3
    );
    assert_sound::<v2::Person>(&world).await;
}
