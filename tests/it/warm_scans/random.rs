//! Random scans beside writers, packers and their own handle.

use std::sync::Arc;

use futures::TryStreamExt;
use proptest::prelude::{any, prop};
use smarterbase::{Limits, Snapshots, prelude::*};
use smarterbase_testkit::{Fault, FaultStore, sweep::World};

use super::{MIB, Member, counted, filled, key, scan, truth};
use crate::{
    question::{plan, question, users},
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

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    /// As [`crate::conditions`] has it, for a reader that keeps bodies (few or all of them), reads segments, or both, and that
    /// writes itself or not: who stays throughout is found exactly once, whatever others write, remove, pack and drop.
    #[test]
    fn pages_are_the_same_with_bodies_and_segments(
        users in users(),
        question in question(),
        moved in prop::collection::btree_set(0..14_usize, 0..5),
        writes in prop::collection::vec((0..14_usize, 0..5_u8, 0..8_u32, any::<bool>()), 1..12),
        killed_at in 0..60_u64,
        budget in prop::sample::select(vec![0, 2_000, MIB]),
        snapshots in prop::sample::select(vec![Snapshots::Off, Snapshots::Read]),
        writes_itself in any::<bool>(),
    ) {
        run(async {
            let world = World::new(3);
            let db = world.open(0).await;
            for user in &users {
                User::create(&db, user.clone()).await.unwrap();
            }
            db.pack_snapshot::<User>().segment_bytes(4 * 1024).await.unwrap();
            let reader = world.builder(2, world.store.clone()).body_cache(budget).snapshots(snapshots);
            let reader = reader.open().await.unwrap();
            question.check(&reader, &users, "cold").await;
            question.check(&reader, &users, "warm").await;
            let dying = Arc::new(FaultStore::at(world.store.clone(), 1 + killed_at, Fault::CrashAfter));
            let writer = match writes_itself {
                true => reader.clone(),
                false => world.builder(1, dying.clone()).open().await.unwrap(),
            };
            let moving = |id: &str| moved.iter().any(|number| format!("u{number}") == *id);
            let mut writes = writes.iter().filter(|(number, ..)| moved.contains(number));
            let ids = question.pages(&reader, async || {
                let Some((number, kind, age, is_there)) = writes.next() else { return };
                let key = format!("u{number}");
                let write = async {
                    match kind {
                        3 => return writer.pack_snapshot::<User>().segment_bytes(4 * 1024).await.map(drop),
                        4 => return writer.drop_snapshot::<User>().await.map(drop),
                        _ if !*is_there => return User::delete(&writer, &key).await.map(drop),
                        _ => {}
                    }
                    let user = User { plan: plan(*kind), age: *age, ..User::new(&key) };
                    User::overwrite(&writer, user).await.map(drop)
                };
                tokio::select! {
                    biased;
                    () = dying.crash() => {}
                    _ = write => {}
                }
            });
            let ids = ids.await;
            let stayed: Vec<_> = ids.into_iter().filter(|id| !moving(id)).collect();
            let unmoved: Vec<_> = users.iter().filter(|user| !moving(&user.id)).cloned().collect();
            assert_eq!(stayed, question.expected(&unmoved), "{question:?}");
            // Quiet again: exact, and the same as for a client that keeps nothing.
            let plain = world.open(5).await;
            let now: Vec<User> = User::list(&plain).stream().map_ok(Stored::into_inner).try_collect().await.unwrap();
            question.check(&reader, &now, "after all").await;
            let listed: Vec<User> = User::list(&reader).stream().map_ok(Stored::into_inner).try_collect().await.unwrap();
            assert_eq!(listed, now);
        });
    }

    /// Streams that run while their own handle, others, and transactions write: each document is found at most once, and never
    /// as it was before something that the handle itself wrote or read.
    #[test]
    fn streams_are_never_older_than_what_their_handle_knows(
        steps in prop::collection::vec((0..40_usize, 0..4_u8), 1..30),
        keeps in any::<bool>(),
    ) {
        run(async {
            let world = filled(40).await;
            world.open(0).await.pack_snapshot::<Member>().segment_bytes(4 * 1024).await.unwrap();
            let limits = Limits { concurrent_reads: 8, ..Limits::default() };
            let builder = world.builder(3, world.store.clone()).limits(limits);
            let builder = builder.snapshots(Snapshots::Read).body_cache(if keeps { MIB } else { 0 });
            let db = builder.open().await.unwrap();
            let other = world.open(4).await;
            if keeps {
                counted(&db).await;
            }
            let mut stream = Member::query(&db).scan().stream();
            let mut known = vec![0; 40];
            // What is handed out was read in waves of eight: what is known by the beginning of its wave counts.
            let (mut seen, mut at_wave) = (0, known.clone());
            let mut steps = steps.into_iter();
            loop {
                if seen % 8 == 0 {
                    at_wave.clone_from(&known);
                }
                let Some(found) = stream.try_next().await.unwrap() else { break };
                assert_eq!(found.id, key(seen));
                assert!(found.age >= at_wave[seen], "{seen}: {} is older than {}", found.age, at_wave[seen]);
                seen += 1;
                if let Some((number, kind)) = steps.next() {
                    let grow = |member: &mut Member| { member.age += 1; Ok(()) };
                    match kind {
                        0 => known[number] = Member::update(&db, &key(number), grow).await.unwrap().age,
                        1 => drop(Member::update(&other, &key(number), grow).await.unwrap()),
                        2 => known[number] = Member::get(&db, &key(number)).required().await.unwrap().age,
                        _ => {
                            let age = db.transaction(|tx| async move {
                                let mut member = Member::get(&tx, &key(number)).required().await?;
                                member.age += 1;
                                member.save(&tx).await?;
                                Ok(member.age)
                            });
                            known[number] = age.await.unwrap();
                        }
                    }
                }
            }
            assert_eq!(seen, 40);
            assert_eq!(scan(&db).await.unwrap(), truth(&world).await);
        });
    }
}
