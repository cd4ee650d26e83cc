//! Every fault at every request of taking, renewing, handing over, releasing and taking over a lock: never two holders, and
//! never a lock that nobody gets any more.

use std::{collections::BTreeMap, pin::Pin, sync::Arc, time::Duration};

use smarterbase::{Result, prelude::*};
use smarterbase_testkit::{Fault, FaultStore, sweep::World};
use tokio::time::timeout;

use crate::lock_holders::Holders;

const LEASE: Duration = Duration::from_secs(3);
/// How long anybody may have to wait for the lock: for a dead holder's lease, a request that is on its way for as long as it
/// may be, and others.
const PATIENCE: Duration = Duration::from_secs(120);

type Act = for<'a> fn(&'a Db, &'a Holders) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;
type Prepare = for<'a> fn(&'a Db) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// What a client does while its store fails.
struct Scene {
    prepare: Prepare,
    act: Act,
}

async fn hold(db: &Db, client: u64, holders: &Holders, long: Duration) -> Result<()> {
    let guard = db.lock("x").lease(LEASE).deadline(PATIENCE).await?;
    let guard = holders.enter(client, guard);
    tokio::select! {
        () = tokio::time::sleep(long) => {}
        () = guard.lost() => {}
    }
    Arc::into_inner(guard).unwrap().release().await
}

/// The number of the client whose store fails.
const ATTACKED: u64 = 1;

fn nothing(_: &Db) -> Pin<Box<dyn Future<Output = ()> + '_>> {
    Box::pin(async {})
}

fn released(db: &Db) -> Pin<Box<dyn Future<Output = ()> + '_>> {
    Box::pin(async move { db.lock("x").await.unwrap().release().await.unwrap() })
}

fn abandoned(db: &Db) -> Pin<Box<dyn Future<Output = ()> + '_>> {
    Box::pin(async move {
        let guard = db.lock("x").lease(LEASE).await.unwrap();
        db.clone().close().await;
        std::mem::forget(guard);
    })
}

/// What the attacks found.
#[derive(Default)]
struct Found {
    trials: u64,
    replies: BTreeMap<String, u64>,
    wrong: Vec<String>,
}

async fn attack(scene: Scene) {
    let mut found = Found::default();
    let calls = rehearse(&scene).await;
    for call in 1..calls {
        for fault in Fault::ALL {
            trial(&scene, call, fault, false, &mut found).await;
        }
        for fault in [
            Fault::FailBefore,
            Fault::LoseReply,
            Fault::ApplyLater,
            Fault::Deny,
        ] {
            trial(&scene, call, fault, true, &mut found).await;
        }
    }
    println!(
        "{calls} calls, {} trials: {:?}",
        found.trials, found.replies
    );
    assert!(found.trials >= 10, "hardly any fault was met");
    assert!(found.wrong.is_empty(), "{}", found.wrong.join("\n"));
}

/// How many calls the attacked client makes, opening included.
async fn rehearse(scene: &Scene) -> u64 {
    let world = World::new(7);
    let first = world.open(0).await;
    (scene.prepare)(&first).await;
    let store = Arc::new(FaultStore::recording(world.store.clone()));
    let db = world.builder(ATTACKED, store.clone()).open().await.unwrap();
    (scene.act)(&db, &Holders::default()).await.unwrap();
    db.close().await;
    store.log().len() as u64
}

async fn trial(scene: &Scene, call: u64, fault: Fault, stays: bool, found: &mut Found) {
    let world = World::new(7);
    let first = world.open(0).await;
    (scene.prepare)(&first).await;
    let until = if stays { call + 5_000 } else { call + 1 };
    let faults = (call..until).map(|call| (call, fault));
    let store = Arc::new(FaultStore::with_faults(world.store.clone(), faults));
    let db = world.builder(ATTACKED, store.clone()).open().await.unwrap();
    let holders = Holders::default();
    let rival = world.open(2).await;
    let rivals = tokio::spawn({
        let holders = holders.clone();
        async move {
            // The attacked client is the first to ask.
            tokio::time::sleep(Duration::from_millis(1)).await;
            for _ in 0..3 {
                hold(&rival, 2, &holders, Duration::from_millis(50)).await?;
            }
            Result::<(), Error>::Ok(())
        }
    });
    let replied = tokio::select! {
        biased;
        () = store.crash() => None,
        replied = (scene.act)(&db, &holders) => Some(replied),
    };
    store.release_delayed().await;
    let rivals = timeout(PATIENCE * 2, rivals).await;
    let mut wrong = holders.wrong();
    match rivals {
        Ok(ended) => wrong.extend(ended.unwrap().err().map(|error| error.to_string())),
        Err(_) => wrong.push("the rival waits for ever".to_owned()),
    }
    let next = world.open(3).await;
    wrong.extend(
        hold(&next, 3, &holders, LEASE)
            .await
            .err()
            .map(|error| error.to_string()),
    );
    wrong.extend(holders.wrong());
    let reply = match &replied {
        None => "died".to_owned(),
        Some(Ok(())) => "done".to_owned(),
        Some(Err(error)) => error.code().to_owned(),
    };
    let is_overcome = !matches!(fault, Fault::CrashBefore | Fault::CrashAfter | Fault::Deny);
    if !stays && is_overcome && reply != "done" {
        wrong.push("a single fault was not overcome".to_owned());
    }
    if store.was_hit() {
        found.trials += 1;
        *found.replies.entry(reply.clone()).or_default() += 1;
    }
    if !wrong.is_empty() {
        let calls = store.log().lines().join("\n");
        found.wrong.push(format!(
            "{fault:?} (stays: {stays}) at call {call}, {reply}: {wrong:?}\n{calls}\n"
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_lock_and_its_release_survive_every_fault() {
    attack(Scene {
        prepare: nothing,
        act: |db, holders| Box::pin(hold(db, ATTACKED, holders, Duration::from_millis(50))),
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lock_after_a_release_and_one_after_the_own_release_survive_every_fault() {
    attack(Scene {
        prepare: released,
        act: |db, holders| {
            Box::pin(async move {
                hold(db, ATTACKED, holders, Duration::ZERO).await?;
                hold(db, ATTACKED, holders, Duration::ZERO).await
            })
        },
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn renewals_survive_every_fault() {
    attack(Scene {
        prepare: nothing,
        act: |db, holders| Box::pin(hold(db, ATTACKED, holders, LEASE)),
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_take_over_survives_every_fault() {
    attack(Scene {
        prepare: abandoned,
        act: |db, holders| Box::pin(hold(db, ATTACKED, holders, Duration::from_millis(50))),
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn hand_overs_in_a_process_survive_every_fault() {
    attack(Scene {
        prepare: nothing,
        act: |db, holders| {
            Box::pin(async move {
                let long = Duration::from_millis(20);
                let (one, two, three) = tokio::join!(
                    hold(db, ATTACKED, holders, long),
                    hold(db, ATTACKED, holders, long),
                    hold(db, ATTACKED, holders, long),
                );
                one.and(two).and(three)
            })
        },
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_is_dropped_survives_every_fault() {
    attack(Scene {
        prepare: nothing,
        act: |db, holders| {
            Box::pin(async move {
                let guard = db.lock("x").lease(LEASE).deadline(PATIENCE).await?;
                drop(holders.enter(ATTACKED, guard));
                hold(db, ATTACKED, holders, Duration::ZERO).await
            })
        },
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_release_by_force_survives_every_fault() {
    attack(Scene {
        prepare: abandoned,
        act: |db, holders| {
            Box::pin(async move {
                db.force_release("x").await?;
                hold(db, ATTACKED, holders, Duration::ZERO).await
            })
        },
    })
    .await;
}
