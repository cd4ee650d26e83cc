//! What a transaction does for its caller.

mod conflicts;
mod endings;
mod limits;
mod ranges;
mod turns;
mod unique_values;
mod verbs;

use smarterbase::prelude::*;
use smarterbase_testkit::{invariant, sweep::World};

use crate::user::{User, id};

async fn open() -> (World, Db) {
    let world = World::new(1);
    let db = world.open(1).await;
    (world, db)
}

async fn users(db: &Db, ids: &[&str]) {
    for id in ids {
        User::create(db, User::new(id)).await.unwrap();
    }
}

async fn plan_of(db: &Db, key: &str) -> Option<String> {
    User::get(db, &id(key))
        .await
        .unwrap()
        .map(|user| user.plan.clone())
}

async fn check(world: &World, db: Db) {
    let wrong = invariant::wrong_answers::<User>(&db, &*world.store).await;
    assert!(wrong.is_empty(), "{wrong:?}");
    db.close().await;
    let damage = invariant::damage::<User>(&*world.store).await;
    assert!(damage.is_empty(), "{damage:?}");
}

/// The names of everything that is stored.
async fn invariant_objects(world: &World) -> Vec<String> {
    let everything = smarterbase_core::format::Prefix::new("");
    let page = world.store.list(&everything, None, 1_000).await.unwrap();
    page.objects
        .iter()
        .map(|object| format!("{} {:?}", object.key, object.version))
        .collect()
}
