//! What transactions must never show: one test per anomaly, at the moment where it would happen.
//!
//! In each, somebody else acts between two reads of a transaction, or between its last read and its commit; once. What the
//! transaction saw in the attempt that committed must fit one order.

use std::sync::atomic::{AtomicU32, Ordering};

use smarterbase::{Result, prelude::*};
use smarterbase_testkit::sweep::World;

use crate::user::{User, id};

async fn open() -> (World, Db) {
    let world = World::new(1);
    let db = world.open(1).await;
    for key in ["x", "y"] {
        User::create(&db, User::new(key)).await.unwrap();
    }
    (world, db)
}

async fn age(db: &Db, key: &str) -> u32 {
    User::get(db, &id(key)).required().await.unwrap().age
}

async fn set_age(db: &Db, key: &str, age: u32) -> Result<()> {
    let set = User::update(db, &id(key), |user| {
        user.age = age;
        Ok(())
    });
    set.await.map(drop)
}

/// Says yes the first time only.
#[derive(Default)]
struct Once(AtomicU32);

impl Once {
    fn now(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) == 0
    }

    fn runs(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Two transactions read both documents; each writes another one. One after the other, the second sees the first.
#[tokio::test(start_paused = true)]
async fn write_skew() {
    let (_world, db) = open().await;
    let barrier = tokio::sync::Barrier::new(2);
    let first_runs = Once::default();
    let (db_ref, barrier_ref, runs) = (&db, &barrier, &first_runs);
    // Each may take 30 away from one of two accounts as long as both together stay at 30 or more.
    let withdraw = |key: &'static str| {
        db_ref.transaction(move |tx| async move {
            let x = User::get(&tx, &id("x")).required().await?;
            let y = User::get(&tx, &id("y")).required().await?;
            if runs.0.fetch_add(1, Ordering::Relaxed) < 2 {
                barrier_ref.wait().await;
            }
            let mut account = if key == "x" { x.clone() } else { y.clone() };
            if x.age + y.age < 60 {
                return Ok(false);
            }
            account.age -= 30;
            account.save(&tx).await?;
            Ok(true)
        })
    };
    let (one, other) =
        futures::future::join(withdraw("x").into_future(), withdraw("y").into_future()).await;
    assert_eq!(u32::from(one.unwrap()) + u32::from(other.unwrap()), 1);
    assert_eq!(age(&db, "x").await + age(&db, "y").await, 30);
}

/// Somebody writes what a transaction has read and is about to write.
#[tokio::test(start_paused = true)]
async fn lost_update() {
    let (_world, db) = open().await;
    let once = Once::default();
    let (db_ref, once_ref) = (&db, &once);
    db.transaction(|tx| async move {
        let mut x = User::get(&tx, &id("x")).required().await?;
        if once_ref.now() {
            set_age(db_ref, "x", 40).await?;
        }
        x.age += 1;
        x.save(&tx).await?;
        // A second document, so that the record decides.
        User::update(&tx, &id("y"), |y| {
            y.age += 1;
            Ok(())
        })
        .await
        .map(drop)
    })
    .await
    .unwrap();
    assert_eq!(once.runs(), 2);
    assert_eq!((age(&db, "x").await, age(&db, "y").await), (41, 31));
}

/// Somebody writes both documents between the two reads.
#[tokio::test(start_paused = true)]
async fn read_skew() {
    let (_world, db) = open().await;
    let once = Once::default();
    let (db_ref, once_ref) = (&db, &once);
    let seen = db
        .snapshot(|tx| async move {
            let x = User::get(&tx, &id("x")).required().await?.age;
            if once_ref.now() {
                db_ref
                    .transaction(|tx| async move {
                        for key in ["x", "y"] {
                            let mut user = User::get(&tx, &id(key)).required().await?;
                            user.age = 50;
                            user.save(&tx).await?;
                        }
                        Ok(())
                    })
                    .await?;
            }
            let y = User::get(&tx, &id("y")).required().await?.age;
            Ok((x, y))
        })
        .await
        .unwrap();
    assert_eq!((seen, once.runs()), ((50, 50), 2));
}

/// A transaction that will be aborted has its intents in place: nobody reads them.
#[tokio::test(start_paused = true)]
async fn dirty_read() {
    let (world, db) = open().await;
    // The writer dies at its deciding put, before it is applied: its intents are there, undecided.
    let calls = {
        let store = std::sync::Arc::new(smarterbase_testkit::FaultStore::recording(
            world.store.clone(),
        ));
        let writer = world.builder(2, store.clone()).open().await.unwrap();
        write_both(&writer, 40).await.unwrap();
        writer.close().await;
        let lines = store.log().lines();
        lines
            .iter()
            .position(|line| line.contains("_tx/"))
            .expect("a record was created") as u64
    };
    let store = smarterbase_testkit::FaultStore::at(
        world.store.clone(),
        calls,
        smarterbase_testkit::Fault::CrashBefore,
    );
    let store = std::sync::Arc::new(store);
    let writer = world.builder(2, store.clone()).open().await.unwrap();
    tokio::select! {
        () = store.crash() => {}
        _ = write_both(&writer, 99) => panic!("the writer did not die"),
    }
    let text = stored(&world, "x").await;
    assert!(text.contains("\"intent\"") && text.contains("99"), "{text}");

    assert_eq!((age(&db, "x").await, age(&db, "y").await), (40, 40));
    assert_eq!(User::find_by_age(&db, 99).await.unwrap().len(), 0);
    let strict = User::get(&db, &id("x")).strict().required().await;
    assert_eq!(strict.unwrap().age, 40);
    // Whoever writes takes the intent away.
    set_age(&db, "y", 41).await.unwrap();
    assert_eq!((age(&db, "x").await, age(&db, "y").await), (40, 41));
}

async fn stored(world: &World, key: &str) -> String {
    let key = smarterbase_core::format::Key::from_stored(format!("users/{key}.json"));
    let object = world.store.get(&key).await.unwrap().unwrap();
    String::from_utf8(object.bytes.to_vec()).unwrap()
}

async fn write_both(db: &Db, age: u32) -> Result<()> {
    db.transaction(|tx| async move {
        for key in ["x", "y"] {
            let mut user = User::get(&tx, &id(key)).required().await?;
            user.age = age;
            user.save(&tx).await?;
        }
        Ok(())
    })
    .await
}

/// Somebody adds to a range that a transaction has read.
#[tokio::test(start_paused = true)]
async fn phantom_in_a_range() {
    let (_world, db) = open().await;
    let once = Once::default();
    let (db_ref, once_ref) = (&db, &once);
    db.transaction(|tx| async move {
        let count = User::find_by_age_in(&tx, 20..40).await?.len();
        if once_ref.now() {
            User::create(db_ref, User::new("z")).await?;
        }
        User::update(&tx, &id("x"), |x| {
            x.age = 100 + u32::try_from(count).unwrap();
            Ok(())
        })
        .await
        .map(drop)
    })
    .await
    .unwrap();
    assert_eq!((once.runs(), age(&db, "x").await), (2, 103));
}

/// The same in a listing, a scan, an empty range and a count.
#[tokio::test(start_paused = true)]
async fn phantom_in_a_listing() {
    let (_world, db) = open().await;
    let once = Once::default();
    let (db_ref, once_ref) = (&db, &once);
    let seen = db
        .transaction(|tx| async move {
            let listed = User::list(&tx).await?.len();
            let scanned = User::query(&tx).scan().count().await?;
            let none = User::find_by_plan(&tx, "pro").await?.len();
            let counted = User::count_by_plan(&tx, "pro").await?;
            if once_ref.now() {
                User::create(db_ref, User::new("z").plan("pro")).await?;
            }
            Ok((listed, scanned, none, counted))
        })
        .await
        .unwrap();
    assert_eq!((once.runs(), seen), (2, (3, 3, 1, 1)));
}

/// A unique value that nobody held when a transaction looked is taken.
#[tokio::test(start_paused = true)]
async fn phantom_of_a_unique_value() {
    let (_world, db) = open().await;
    let once = Once::default();
    let (db_ref, once_ref) = (&db, &once);
    let seen = db
        .transaction(|tx| async move {
            let holder = User::find_by_email(&tx, "z@example.org").await?;
            if once_ref.now() {
                User::create(db_ref, User::new("z")).await?;
            }
            Ok(holder.map(|user| user.id.clone()))
        })
        .await
        .unwrap();
    assert_eq!((once.runs(), seen.as_deref()), (2, Some("z")));
}

/// Fekete, O'Neil and O'Neil: a reader sees a state that no order of the two writers explains. Here V has read y and is
/// about to write it, W overwrites what V read, and R reads W's x and V's y before V commits.
///
/// Source: <https://dl.acm.org/doi/10.1145/1031570.1031573>.
#[tokio::test(start_paused = true)]
async fn read_only_anomaly() {
    let (_world, db) = open().await;
    let once = Once::default();
    let report = tokio::sync::Mutex::new(None);
    let (db_ref, once_ref, report_ref) = (&db, &once, &report);
    db.transaction(|tx| async move {
        let x = User::get(&tx, &id("x")).required().await?;
        let mut y = User::get(&tx, &id("y")).required().await?;
        if once_ref.now() {
            set_age(db_ref, "x", 50).await?;
            let read = db_ref.snapshot(|tx| async move {
                let x = User::get(&tx, &id("x")).required().await?.age;
                let y = User::get(&tx, &id("y")).required().await?.age;
                Ok((x, y))
            });
            *report_ref.lock().await = Some(read.await?);
        }
        y.age = x.age + 1;
        y.save(&tx).await
    })
    .await
    .unwrap();
    // The reader saw W and not V, so V comes after W and must have seen it.
    assert_eq!(report.into_inner(), Some((50, 30)));
    assert_eq!((once.runs(), age(&db, "y").await), (2, 51));
}
