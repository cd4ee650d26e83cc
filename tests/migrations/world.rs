//! A store that several programs share, and a look at what is in it.

use serde_json::Value;
use smarterbase::{Db, prelude::*};
use smarterbase_core::{
    format::Key,
    port::{Attempt, Expect},
};
use smarterbase_testkit::{invariant, sweep::World};

use crate::v1;

/// A store in which the first program wrote Ada.
pub(crate) async fn with_ada() -> (World, Db) {
    let world = World::new(1);
    let db = world.open(0).await;
    v1::Person::create(&db, v1::ada()).await.unwrap();
    (world, db)
}

pub(crate) fn ada() -> String {
    "ada".to_owned()
}

pub(crate) async fn text(world: &World, path: &str) -> String {
    let object = world.store.get(&Key::from_stored(path)).await.unwrap();
    String::from_utf8(object.expect("an object").bytes.to_vec()).unwrap()
}

pub(crate) async fn stored(world: &World) -> Value {
    serde_json::from_str(&text(world, "people/ada.json").await).unwrap()
}

/// Puts other bytes in the place of Ada.
pub(crate) async fn replace(world: &World, text: &str) {
    let key = Key::from_stored("people/ada.json");
    let object = world.store.get(&key).await.unwrap().expect("an object");
    let expect = Expect::Exactly(object.version);
    let put = world.store.put(&key, &expect, text.to_owned().into()).await;
    assert!(matches!(put, Attempt::Applied(_)));
}

/// No index entry is missing, no unique value held twice, and every query is right.
pub(crate) async fn assert_sound<T: Document>(world: &World) {
    let db = world.open(99).await;
    let mut wrong = invariant::damage::<T>(&*world.store).await;
    wrong.extend(invariant::wrong_answers::<T>(&db, &*world.store).await);
    db.close().await;
    assert_eq!(wrong, Vec::<String>::new());
}

/// Puts an object where nothing is.
pub(crate) async fn put(world: &World, path: &str, text: &str) {
    let key = Key::from_stored(path);
    let put = world
        .store
        .put(&key, &Expect::Absent, text.to_owned().into())
        .await;
    assert!(matches!(put, Attempt::Applied(_)), "{path}");
}

/// Puts other bytes in the place of an object.
pub(crate) async fn swap(world: &World, path: &str, text: &str) {
    let key = Key::from_stored(path);
    let object = world.store.get(&key).await.unwrap().expect("an object");
    let expect = Expect::Exactly(object.version);
    let put = world.store.put(&key, &expect, text.to_owned().into()).await;
    assert!(matches!(put, Attempt::Applied(_)), "{path}");
}

pub(crate) async fn json(world: &World, path: &str) -> Value {
    serde_json::from_str(&text(world, path).await).unwrap()
}

/// Every path that begins so.
pub(crate) async fn paths(world: &World, prefix: &str) -> Vec<String> {
    let dump = invariant::dump(&*world.store).await;
    let names = dump.keys().filter(|key| key.starts_with(prefix)).cloned();
    names.collect()
}

/// Time for everything that runs in the background.
pub(crate) async fn settle() {
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}
