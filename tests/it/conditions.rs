//! Conditions and orders of any form: what pages give together is what a plain evaluation gives, however it is found.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::{any, prop};
use serde_json::json;
use smarterbase::prelude::*;
#[cfg(feature = "local-index")]
use smarterbase_core::port::IndexStore;
use smarterbase_core::{format::Key, port::Expect};
use smarterbase_testkit::{Fault, FaultStore, sweep::World};

use crate::{
    question::{Question, plan, question, users},
    user::User,
};

fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(future);
}

async fn filled(world: &World, users: &[User]) -> Db {
    let db = world.open(0).await;
    create(&db, users).await;
    db
}

async fn create(db: &Db, users: &[User]) {
    for user in users {
        User::create(db, user.clone()).await.unwrap();
    }
}

/// Outside of a transaction and inside.
async fn check_all(db: &Db, users: &[User], questions: &[Question], how: &str) {
    for question in questions {
        question.check(db, users, how).await;
        let seen = db
            .transaction(|tx| {
                let question = question.clone();
                async move {
                    let found = question.ask(User::query(&tx)).await?;
                    Ok(found.iter().map(|user| user.id.clone()).collect::<Vec<_>>())
                }
            })
            .await;
        assert_eq!(
            seen.unwrap(),
            question.expected(users),
            "in a transaction: {question:?}"
        );
    }
}

/// Somebody writes between the pages, and dies.
struct Storm {
    users: Vec<User>,
    question: Question,
    moved: BTreeSet<usize>,
    writes: Vec<(usize, u8, u32, bool)>,
    dying: Arc<FaultStore>,
}

impl Storm {
    async fn check(self, db: &Db, writer: &Db) {
        let Self {
            users,
            question,
            moved,
            writes,
            dying,
        } = self;
        create(db, &users).await;
        let moving = |id: &str| moved.iter().any(|number| format!("u{number}") == *id);
        let mut writes = writes.iter().filter(|(number, ..)| moved.contains(number));
        let ids = question.pages(db, async || {
            let Some((number, number_of_plan, age, is_there)) = writes.next() else {
                return;
            };
            let key = format!("u{number}");
            let write = async {
                if !*is_there {
                    return User::delete(writer, &key).await.map(drop);
                }
                let user = User {
                    plan: plan(*number_of_plan),
                    age: *age,
                    ..User::new(&key)
                };
                User::overwrite(writer, user).await.map(drop)
            };
            tokio::select! {
                biased;
                () = dying.crash() => {}
                _ = write => {}
            }
        });
        let ids = ids.await;
        let stayed: Vec<_> = ids.into_iter().filter(|id| !moving(id)).collect();
        let unmoved: Vec<_> = users
            .iter()
            .filter(|user| !moving(&user.id))
            .cloned()
            .collect();
        assert_eq!(stayed, question.expected(&unmoved), "{question:?}");
    }
}

/// Under the virtual time of the world.
#[cfg(feature = "local-index")]
async fn local_index(world: &World) -> Arc<dyn IndexStore> {
    let options = smarterbase::LocalOptions {
        clock: world.clock.clone(),
        ..smarterbase::LocalOptions::default()
    };
    Arc::new(smarterbase::LocalIndex::in_memory(options).await.unwrap())
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    /// Of quiet data: equal to a plain evaluation, order included.
    #[test]
    fn every_condition_and_order_gives_what_a_plain_evaluation_gives(
        users in users(),
        questions in prop::collection::vec(question(), 12),
    ) {
        run(async {
            let world = World::new(1);
            let db = filled(&world, &users).await;
            check_all(&db, &users, &questions, "index").await;
            // Without any catalog: a scan.
            let world = World::new(2);
            world.open(0).await.close().await;
            for user in &users {
                let key = Key::from_stored(format!("users/{}.json", user.id));
                world.store.put(&key, &Expect::Absent, json!(user).to_string().into()).await;
            }
            let reader = world.builder(1, world.store.clone()).read_only(true).open().await.unwrap();
            for question in &questions {
                question.check(&reader, &users, "scan").await;
            }
            let db = world.open(2).await;
            for question in questions.iter().take(3) {
                question.check(&db, &users, "scan while building").await;
            }
            db.rebuild_indexes::<User>().await.unwrap();
            for question in &questions {
                question.check(&db, &users, "rebuilt index").await;
            }
        });
    }

    /// The guarantee per document: whoever matches and stays throughout is returned exactly once, whatever is written
    /// meanwhile, and by whom that dies while it writes.
    #[test]
    fn pages_leave_out_and_repeat_no_document_that_stays(
        users in users(),
        question in question(),
        moved in prop::collection::btree_set(0..14_usize, 0..5),
        writes in prop::collection::vec((0..14_usize, 0..3_u8, 0..8_u32, any::<bool>()), 1..12),
        killed_at in 0..60_u64,
    ) {
        run(async {
            let world = World::new(3);
            let db = world.open(0).await;
            let dying = Arc::new(FaultStore::at(world.store.clone(), 1 + killed_at, Fault::CrashAfter));
            let writer = world.builder(1, dying.clone()).open().await.unwrap();
            Storm { users, question, moved, writes, dying }.check(&db, &writer).await;
        });
    }
}

#[cfg(feature = "local-index")]
proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]

    #[test]
    fn every_condition_gives_the_same_from_a_local_index(
        users in users(),
        questions in prop::collection::vec(question(), 12),
    ) {
        run(async {
            let world = World::new(4);
            let builder = world.builder(0, world.store.clone());
            let db = builder.index(local_index(&world).await).open().await.unwrap();
            create(&db, &users).await;
            check_all(&db, &users, &questions, "local index").await;
        });
    }

    #[test]
    fn pages_from_a_local_index_leave_out_and_repeat_no_document_that_stays(
        users in users(),
        question in question(),
        moved in prop::collection::btree_set(0..14_usize, 0..5),
        writes in prop::collection::vec((0..14_usize, 0..3_u8, 0..8_u32, any::<bool>()), 1..12),
        killed_at in 0..60_u64,
    ) {
        run(async {
            let world = World::new(5);
            let index = local_index(&world).await;
            let builder = world.builder(0, world.store.clone());
            let db = builder.index(index.clone()).open().await.unwrap();
            let dying = Arc::new(FaultStore::at(world.store.clone(), 1 + killed_at, Fault::CrashAfter));
            let builder = world.builder(1, dying.clone());
            let writer = builder.index(index).open().await.unwrap();
            Storm { users, question, moved, writes, dying }.check(&db, &writer).await;
        });
    }
}
