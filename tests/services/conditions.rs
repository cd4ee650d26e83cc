//! Random conditions and orders over an index in Redis, while somebody writes and while Redis forgets everything.

use std::{sync::Arc, time::Duration};

use proptest::{prelude::Strategy, strategy::ValueTree, test_runner::TestRunner};
use smarterbase::{
    Db,
    port::IndexStore,
    prelude::*,
    redis::{RedisIndex, RedisOptions},
    store::MemoryStore,
};
use smarterbase_testkit::server::redis::RedisServer;

use crate::{
    question::{Question, question, users},
    user::User,
};

async fn open(store: &MemoryStore, url: &str) -> Db {
    let options = RedisOptions::from_url(url).unwrap();
    let index: Arc<dyn IndexStore> = Arc::new(RedisIndex::open(options).await.unwrap());
    let builder = Db::builder().store(Arc::new(store.clone())).index(index);
    let opened = builder.in_flight_bound(Duration::from_secs(1)).open().await;
    opened.unwrap()
}

/// The same questions and users in every run.
pub(crate) fn drawn() -> (Vec<Question>, Vec<User>) {
    let mut runner = TestRunner::deterministic();
    let questions = (0..150).map(|_| question().new_tree(&mut runner).unwrap().current());
    let questions = questions.collect();
    let sets = (0..20).map(|_| users().new_tree(&mut runner).unwrap().current());
    let largest = sets.max_by_key(Vec::len).unwrap();
    (questions, largest)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_condition_gives_the_same_from_redis_and_after_redis_forgot_everything() {
    let server = RedisServer::start(&[]).unwrap();
    let db = open(&MemoryStore::new(), &server.url()).await;
    let (questions, users) = drawn();
    assert!(users.len() > 10);
    for user in &users {
        User::create(&db, user.clone()).await.unwrap();
    }
    for question in &questions {
        question.check(&db, &users, "Redis").await;
    }
    let by_redis = db.profiler().recent();
    let by_redis = by_redis
        .iter()
        .filter(|query| query.index_requests > 0)
        .count();
    assert!(
        by_redis > 300,
        "only {by_redis} of the last queries asked Redis"
    );
    server.flush().unwrap();
    for question in questions.iter().take(30) {
        question
            .check(&db, &users, "a scan, since Redis forgot")
            .await;
    }
    crate::eventually("a rebuild", async || {
        db.rebuild_indexes::<User>().await.is_ok()
    })
    .await;
    for question in &questions {
        question.check(&db, &users, "Redis, rebuilt").await;
    }
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_from_redis_leave_out_and_repeat_no_document_that_stays() {
    let server = RedisServer::start(&[]).unwrap();
    let db = open(&MemoryStore::new(), &server.url()).await;
    let (questions, users) = drawn();
    for user in &users {
        User::create(&db, user.clone()).await.unwrap();
    }
    let moves = |user: &User| user.id.ends_with(['1', '4', '7']);
    let unmoved: Vec<_> = users.iter().filter(|user| !moves(user)).cloned().collect();
    let mut turn = 0_u32;
    for question in &questions {
        let ids = question.pages(&db, async || {
            turn += 1;
            let moved = users.iter().filter(|user| moves(user));
            let user = moved.cycle().nth(turn as usize).unwrap().clone();
            let changed = User {
                age: turn % 8,
                plan: format!("p{}", turn % 3),
                ..user
            };
            match turn % 4 {
                0 => drop(User::delete(&db, &changed.id).await.unwrap()),
                _ => drop(User::overwrite(&db, changed).await.unwrap()),
            }
        });
        let ids = ids.await;
        let stayed: Vec<_> = ids
            .into_iter()
            .filter(|id| unmoved.iter().any(|user| user.id == *id))
            .collect();
        assert_eq!(stayed, question.expected(&unmoved), "{question:?}");
    }
    assert!(turn > 100, "only {turn} writes between pages");
    db.close().await;
}
