//! The safety rules that speak of attempts, where a transaction is in play.

use std::{sync::Arc, time::Duration};

use smarterbase::{Limits, Result, TransactionLimits, prelude::*};
use smarterbase_core::{
    format::{Key, Prefix},
    port::Clock,
    store::{FileOptions, FileStore},
};
use smarterbase_testkit::{CallKind, Fault, FaultStore, TestClock, invariant, sweep::World};

use crate::user::{User, id};

async fn open(keys: &[&str]) -> (World, Db) {
    let world = World::new(1);
    let db = world.open(1).await;
    for key in keys {
        User::create(&db, User::new(key)).await.unwrap();
    }
    (world, db)
}

async fn client(world: &World, store: &Arc<FaultStore>) -> Db {
    world.builder(5, store.clone()).open().await.unwrap()
}

/// Where in the calls of `act` the first one is whose line contains `place`.
async fn call_at(keys: &[&str], place: &str, act: impl AsyncFn(&Db) -> Result<()>) -> u64 {
    let (world, db) = open(keys).await;
    db.close().await;
    let store = Arc::new(FaultStore::recording(world.store.clone()));
    let writer = client(&world, &store).await;
    act(&writer).await.unwrap();
    writer.close().await;
    let lines = store.log().lines();
    let found = lines.iter().position(|line| line.contains(place));
    found.unwrap_or_else(|| panic!("no call at {place}: {lines:#?}")) as u64
}

/// Runs `act` until its client dies at the call, before or after it was applied.
async fn dies(world: &World, call: u64, fault: Fault, act: impl AsyncFn(&Db) -> Result<()>) {
    let store = Arc::new(FaultStore::at(world.store.clone(), call, fault));
    let writer = client(world, &store).await;
    tokio::select! {
        () = store.crash() => {}
        _ = act(&writer) => panic!("it did not die"),
    }
}

async fn move_email(db: &Db) -> Result<()> {
    db.transaction(|tx| async move {
        let mut ada = User::get(&tx, &id("ada")).required().await?;
        let mut eve = User::get(&tx, &id("eve")).required().await?;
        ada.email = "new@example.org".into();
        eve.email = "ada@example.org".into();
        ada.save(&tx).await?;
        eve.save(&tx).await
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn s12_a_claim_counts_by_its_settled_owner() {
    let keys = ["ada", "eve"];
    let call = call_at(&keys, "_tx/", move_email).await;
    for (fault, holder) in [(Fault::CrashBefore, "ada"), (Fault::CrashAfter, "eve")] {
        let (world, db) = open(&keys).await;
        dies(&world, call, fault, move_email).await;
        // The claim and both documents bear intents of a dead transaction.
        let found = User::find_by_email(&db, "ada@example.org").await.unwrap();
        assert_eq!(found.unwrap().id, holder);
        let taken = User::create(&db, User::new("bob").email("ada@example.org")).await;
        let refused = taken.unwrap_err();
        assert_eq!(refused.holder(), Some(format!("users/{holder}").as_str()));
        let free = match holder {
            "ada" => "new@example.org",
            _ => "eve@example.org",
        };
        User::create(&db, User::new("cid").email(free))
            .await
            .unwrap();
        db.close().await;
        assert_eq!(
            invariant::damage::<User>(&*world.store).await,
            Vec::<String>::new()
        );
    }
}

async fn change_plans(db: &Db) -> Result<()> {
    db.transaction(|tx| async move {
        for key in ["ada", "eve"] {
            let mut user = User::get(&tx, &id(key)).required().await?;
            user.plan = "pro".into();
            user.save(&tx).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn s15_a_transaction_withdraws_its_entries_after_a_loss_and_never_while_its_outcome_is_unknown()
 {
    let keys = ["ada", "eve"];
    let call = call_at(&keys, "_tx/", change_plans).await;
    // The store answers nothing from the deciding put on, which arrives later.
    let (world, db) = open(&keys).await;
    let faults = (call..call + 5_000).map(|call| (call, Fault::ApplyLater));
    let store = Arc::new(FaultStore::with_faults(world.store.clone(), faults));
    let writer = client(&world, &store).await;
    let unknown = change_plans(&writer).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown);
    writer.close().await;
    store.release_delayed().await;
    let pros = User::find_by_plan(&db, "pro").await.unwrap();
    assert_eq!(pros.len(), 2, "it was committed after all, and is found");

    // Somebody is faster: what was announced goes.
    let (world, db) = open(&keys).await;
    let names = async || {
        let page = world
            .store
            .list(&Prefix::new("_index/users/"), None, 1_000)
            .await;
        let objects = page.unwrap().objects;
        objects
            .into_iter()
            .map(|object| object.key)
            .collect::<Vec<Key>>()
    };
    let before = names().await;
    let once = std::sync::atomic::AtomicBool::new(true);
    let (db_ref, once) = (&db, &once);
    let lost = db
        .transaction(|tx| async move {
            change(&tx, "ada", "pro").await?;
            change(&tx, "eve", "pro").await?;
            if once.swap(false, std::sync::atomic::Ordering::Relaxed) {
                User::update(db_ref, &id("eve"), |eve| {
                    eve.marks.push(1);
                    Ok(())
                })
                .await?;
                return Ok(());
            }
            Err::<(), _>(Error::abort(std::io::Error::other("enough")))
        })
        .await;
    assert_eq!(lost.unwrap_err().kind(), ErrorKind::Aborted);
    assert_eq!(names().await, before);
}

async fn change(tx: &Tx, key: &str, plan: &str) -> Result<()> {
    let mut user = User::get(tx, &id(key)).required().await?;
    user.plan = plan.to_owned();
    user.save(tx).await
}

#[tokio::test(start_paused = true)]
async fn s18_a_dropped_transaction_resolves_its_attempt_and_begins_no_other() {
    let (world, db) = open(&["ada", "eve"]).await;
    db.close().await;
    let store = Arc::new(FaultStore::recording(world.store.clone()));
    let writer = client(&world, &store).await;
    let other = world.open(6).await;
    let runs = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = runs.clone();
    let other_ref = &other;
    let running = writer.transaction(move |tx| {
        let runs = counted.clone();
        async move {
            runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            change(&tx, "ada", "pro").await?;
            change(&tx, "eve", "pro").await?;
            // It will lose, and would run again.
            User::update(other_ref, &id("eve"), |eve| {
                eve.marks.push(1);
                Ok(())
            })
            .await
            .map(drop)
        }
    });
    let mut running = Box::pin(running.into_future());
    while store.log().count(CallKind::Swap) == 0 {
        assert!(futures::poll!(&mut running).is_pending());
        tokio::task::yield_now().await;
    }
    drop(running);
    writer.close().await;
    assert_eq!(runs.load(std::sync::atomic::Ordering::Relaxed), 1);
    let text = object(&world, "users/ada.json").await;
    assert!(
        !text.contains("intent") && !text.contains("\"pro\""),
        "{text}"
    );
}

async fn object(world: &World, key: &str) -> String {
    let object = world
        .store
        .get(&Key::from_stored(key))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8(object.bytes.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn s19_a_placement_and_a_decision_that_are_rejected_are_read_back() {
    let keys = ["ada", "eve"];
    for place in ["Swap users/ada.json", "Swap users/eve.json", "Create _tx/"] {
        let call = call_at(&keys, place, change_plans).await;
        for fault in [Fault::Reject, Fault::LoseReply, Fault::FailBefore] {
            let (world, db) = open(&keys).await;
            let store = Arc::new(FaultStore::at(world.store.clone(), call, fault));
            let writer = client(&world, &store).await;
            change_plans(&writer).await.unwrap();
            assert!(store.was_hit());
            assert_eq!(User::find_by_plan(&db, "pro").await.unwrap().len(), 2);
            writer.close().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s20_a_transaction_counts_as_one_version_of_the_lineage() {
    let (world, db) = open(&["ada", "eve"]).await;
    let loaded = User::get(&db, &id("ada")).required().await.unwrap();
    change_plans(&db).await.unwrap();
    db.close().await;
    let db = world.open(3).await;
    let text = object(&world, "users/ada.json").await;
    let stored: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(stored["_sb"]["rev"], 2);
    assert_eq!(stored["_sb"]["prev"][0][0], 1);
    // A document that was loaded before is told so, from the lineage alone.
    let mut stale = loaded;
    stale.age = 1;
    let conflict = stale.save(&db).await.unwrap_err();
    assert_eq!(conflict.code(), "SB-REVISION");
}

#[tokio::test(start_paused = true)]
async fn s30_strict_reads_and_reads_of_transactions_wait_for_the_disk() {
    let clock = Arc::new(TestClock::new());
    let folder = tempfile::tempdir().unwrap();
    let options = FileOptions {
        fsync: false,
        ..FileOptions::default()
    };
    let shared = Arc::new(FileStore::open(folder.path(), options).await.unwrap());
    let world = World::over(1, clock, shared);
    let store = Arc::new(FaultStore::recording(world.store.clone()));
    let db = client(&world, &store).await;
    User::create(&db, User::new("ada")).await.unwrap();
    store.log().clear();
    User::get(&db, &id("ada")).required().await.unwrap();
    assert_eq!(store.log().count(CallKind::Get), 1);
    store.log().clear();
    User::get(&db, &id("ada"))
        .strict()
        .required()
        .await
        .unwrap();
    db.snapshot(|tx| async move { User::get(&tx, &id("ada")).required().await.map(drop) })
        .await
        .unwrap();
    // On a folder these take the lock that a writer holds until its bytes are on stable storage.
    assert_eq!(store.log().count(CallKind::Get), 0);
    assert_eq!(store.log().count(CallKind::GetIfChanged), 1 + 2);
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn s31_a_unique_value_that_a_transaction_moves_while_it_is_looked_up_is_found() {
    let keys = ["ada", "eve"];
    let (world, db) = open(&keys).await;
    let call = call_at(&keys, "_tx/", move_email).await;
    // The lookup reads the claim before the transaction commits, and its owner after it.
    let slow = Arc::new(FaultStore::recording(world.store.clone()));
    let reader = client(&world, &slow).await;
    User::find_by_email(&reader, "ada@example.org")
        .await
        .unwrap();
    let claim = slow
        .log()
        .lines()
        .into_iter()
        .find(|line| line.contains("_unique/"))
        .unwrap();
    assert!(claim.contains("users"), "{claim}");
    dies(&world, call, Fault::CrashAfter, move_email).await;
    let found = User::find_by_email(&reader, "ada@example.org")
        .await
        .unwrap();
    assert_eq!(found.unwrap().id, "eve");
    let found = User::find_by_email(&db, "new@example.org").await.unwrap();
    assert_eq!(found.unwrap().id, "ada");
    for round in 0..20_u64 {
        let looking = User::find_by_email(&reader, "ada@example.org").into_future();
        let moving = async {
            tokio::time::sleep(Duration::from_micros(round * 50)).await;
            swap_emails(&db).await
        };
        let (found, moved) = futures::future::join(looking, moving).await;
        moved.unwrap();
        assert!(
            found.unwrap().is_some(),
            "round {round}: a value that always has a holder was not found"
        );
    }
}

/// Gives `ada@example.org` to the one of two who does not have it.
async fn swap_emails(db: &Db) -> Result<()> {
    db.transaction(|tx| async move {
        let mut ada = User::get(&tx, &id("ada")).required().await?;
        let mut eve = User::get(&tx, &id("eve")).required().await?;
        std::mem::swap(&mut ada.email, &mut eve.email);
        ada.save(&tx).await?;
        eve.save(&tx).await
    })
    .await
}

/// What `other` does to a document while a transaction runs.
async fn disturb(other: &Db, key: &str) -> Result<()> {
    let update = User::update(other, &id(key), |user| {
        user.age += 1;
        Ok(())
    });
    update.await.map(drop)
}

async fn must_wait(disturbing: impl Future<Output = Result<()>>) {
    let waiting = tokio::time::timeout(Duration::from_secs(2), disturbing).await;
    assert!(waiting.is_err(), "a locked document was changed");
}

#[tokio::test(start_paused = true)]
async fn a_transaction_locks_where_it_lost() {
    let (world, db) = open(&["ada", "eve"]).await;
    let other = world.open(6).await;
    let other_ref = &other;
    let runs = db.transaction(|tx| async move {
        let ada = User::get(&tx, &id("ada")).required().await?;
        match tx.attempt() {
            1 => disturb(other_ref, "ada").await?,
            _ => must_wait(disturb(other_ref, "ada")).await,
        }
        let mut eve = User::get(&tx, &id("eve")).required().await?;
        eve.age = ada.age;
        eve.save(&tx).await?;
        Ok(tx.attempt())
    });
    assert_eq!(runs.await.unwrap(), 2);
    assert_eq!(db.transaction_counts().escalated, 0);
    other.close().await;
    db.close().await;
    let text = object(&world, "users/ada.json").await;
    assert!(!text.contains("intent"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_oldest_transaction_gets_through_by_locks() {
    let keys = ["ada", "eve", "joe"];
    let (world, db) = open(&keys).await;
    let other = world.open(6).await;
    let other_ref = &other;
    let runs = db.transaction(|tx| async move {
        let mut sum = 0;
        for key in keys {
            sum += User::get(&tx, &id(key)).required().await?.age;
        }
        // Somebody else changes another document in every attempt. From the fourth on all are locked.
        match tx.attempt() {
            run @ 1..=3 => disturb(other_ref, keys[run as usize - 1]).await?,
            _ => must_wait(disturb(other_ref, "ada")).await,
        }
        let mut total = User::new("sum");
        total.age = sum;
        User::create(&tx, total).await?;
        Ok(tx.attempt())
    });
    assert_eq!(runs.await.unwrap(), 4);
    assert_eq!(db.transaction_counts().escalated, 1);
    other.close().await;
    db.close().await;
    for key in keys {
        let text = object(&world, &format!("users/{key}.json")).await;
        assert!(!text.contains("intent"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn locks_of_a_dropped_transaction_are_given_back() {
    let (world, db) = open(&["ada", "eve"]).await;
    let other = world.open(6).await;
    let (other_ref, db_ref) = (&other, &db);
    let running = db_ref.transaction(move |tx| async move {
        let mut ada = User::get(&tx, &id("ada")).required().await?;
        if tx.attempt() > 3 {
            std::future::pending::<()>().await;
        }
        User::update(other_ref, &id("ada"), |ada| {
            ada.age += 1;
            Ok(())
        })
        .await?;
        ada.age = 0;
        User::get(&tx, &id("eve")).required().await?;
        ada.save(&tx).await
    });
    let dropped = tokio::time::timeout(Duration::from_secs(30), running.into_future()).await;
    assert!(dropped.is_err());
    db.close().await;
    let text = object(&world, "users/ada.json").await;
    assert!(!text.contains("intent"), "{text}");
    other.close().await;
}

#[tokio::test(start_paused = true)]
async fn the_medic_finishes_what_a_crash_left_and_removes_old_records() {
    let keys = ["ada", "eve"];
    let call = call_at(&keys, "_tx/", change_plans).await;
    let (world, db) = open(&keys).await;
    dies(&world, call, Fault::CrashAfter, change_plans).await;
    let records = async || {
        let page = world.store.list(&Prefix::new("_tx/"), None, 100).await;
        page.unwrap().objects.len()
    };
    let young = db.settle_transactions().await.unwrap();
    assert_eq!(
        (young.records, young.finished),
        (1, 0),
        "its owner may live"
    );
    tokio::time::sleep(Duration::from_secs(61)).await;
    let report = db.settle_transactions().await.unwrap();
    assert_eq!((report.records, report.finished, report.removed), (1, 1, 0));
    let text = object(&world, "users/eve.json").await;
    assert!(
        !text.contains("intent") && text.contains("\"pro\""),
        "{text}"
    );
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let report = db.settle_transactions().await.unwrap();
    assert_eq!(
        (report.finished, report.removed, records().await),
        (1, 1, 0)
    );

    // One that was aborted by somebody whom it kept waiting: its record stays for a week.
    dies(&world, call, Fault::CrashBefore, async |db| {
        db.transaction(|tx| async move {
            change(&tx, "ada", "free").await?;
            change(&tx, "eve", "free").await
        })
        .await
    })
    .await;
    User::update(&db, &id("ada"), |ada| {
        ada.age = 7;
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(records().await, 1);
    tokio::time::sleep(Duration::from_secs(6 * 24 * 3_600)).await;
    assert_eq!(db.settle_transactions().await.unwrap().removed, 0);
    tokio::time::sleep(Duration::from_secs(2 * 24 * 3_600)).await;
    assert_eq!(db.settle_transactions().await.unwrap().removed, 1);
    assert_eq!(records().await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_medic_reads_a_record_that_says_aborted_once() {
    let (world, db) = left_undecided().await;
    disturb(&db, "ada").await.unwrap(); // Aborts the dead transaction, and leaves its record.
    db.transaction(|tx| async move { User::delete(&tx, &id("nobody")).await.map(drop) })
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(200)).await;
    let looked = db.request_counts().snapshot();
    tokio::time::sleep(Duration::from_secs(900)).await;
    let looks = db.request_counts().snapshot() - looked;
    assert!(looks.lists >= 18, "it stopped looking: {looks:?}");
    assert_eq!(looks.gets, 0, "{looks:?}");
    let records = world.store.list(&Prefix::new("_tx/"), None, 9).await;
    assert_eq!(records.unwrap().objects.len(), 1);
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn the_medic_works_in_the_background() {
    let keys = ["ada", "eve"];
    let call = call_at(&keys, "_tx/", change_plans).await;
    let (world, db) = open(&keys).await;
    dies(&world, call, Fault::CrashAfter, change_plans).await;
    db.transaction(|tx| async move { User::delete(&tx, &id("nobody")).await.map(drop) })
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(300)).await;
    let text = object(&world, "users/eve.json").await;
    assert!(!text.contains("intent"), "{text}");
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_plain_write_waits_for_a_transaction_that_lives_and_aborts_a_dead_one() {
    let keys = ["ada", "eve"];
    let call = call_at(&keys, "_tx/", change_plans).await;
    let (world, _db) = open(&keys).await;
    dies(&world, call, Fault::CrashBefore, change_plans).await;
    let limits = Limits {
        transactions: TransactionLimits {
            lease: Duration::from_secs(2),
            ..TransactionLimits::default()
        },
        ..Limits::default()
    };
    let db = world
        .builder(8, world.store.clone())
        .limits(limits)
        .open()
        .await
        .unwrap();
    let begun = world.clock.elapsed();
    let peeked = User::get(&db, &id("ada")).required().await.unwrap();
    assert_eq!(peeked.plan, "free");
    assert!(
        world.clock.elapsed() - begun < Duration::from_millis(1),
        "a plain read does not wait"
    );
    let mut ada = peeked;
    ada.age = 8;
    ada.save(&db).await.unwrap();
    let waited = world.clock.elapsed() - begun;
    assert!(
        waited >= Duration::from_secs(2) && waited < Duration::from_secs(3),
        "{waited:?}"
    );
    let eve = User::get(&db, &id("eve"))
        .strict()
        .required()
        .await
        .unwrap();
    assert_eq!(eve.plan, "free");
    assert!(
        world.clock.elapsed() - begun - waited < Duration::from_millis(1),
        "it is aborted already"
    );
}

#[tokio::test(start_paused = true)]
async fn a_transaction_of_one_document_waits_for_a_lock_on_it() {
    let (world, db) = open(&["ada", "eve"]).await;
    let other = world.open(6).await;
    let (db_ref, other_ref) = (&db, &other);
    let ages = db_ref.transaction(|tx| async move {
        let ada = User::get(&tx, &id("ada")).required().await?.age;
        if tx.attempt() < 4 {
            User::update(other_ref, &id("ada"), |ada| {
                ada.age += 1;
                Ok(())
            })
            .await?;
        } else {
            // The document is locked; it can be read, and not be replaced.
            let waiting =
                other_ref.transaction(|tx| async move { change(&tx, "ada", "pro").await });
            let waited = tokio::time::timeout(Duration::from_secs(2), waiting.into_future()).await;
            assert!(waited.is_err(), "a locked document was replaced");
        }
        change(&tx, "eve", "pro").await?;
        Ok(ada)
    });
    assert_eq!(ages.await.unwrap(), 33);
    db.close().await;
    other.close().await;
}

/// Two documents with intents of a transaction that died before it was decided.
async fn left_undecided() -> (World, Db) {
    let keys = ["ada", "eve"];
    let call = call_at(&keys, "_tx/", change_plans).await;
    let (world, db) = open(&keys).await;
    dies(&world, call, Fault::CrashBefore, change_plans).await;
    (world, db)
}

#[tokio::test(start_paused = true)]
async fn a_dead_transaction_is_aborted_within_the_time_of_whoever_waits() {
    let (world, db) = left_undecided().await;
    db.close().await;
    let limits = Limits {
        write_deadline: Duration::from_secs(3), // Shorter than the lease.
        ..Limits::default()
    };
    let builder = world.builder(7, world.store.clone()).limits(limits);
    let hasty = builder.open().await.unwrap();
    disturb(&hasty, "ada").await.unwrap();
    hasty.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_may_not_write_aborts_nobody() {
    let (world, db) = left_undecided().await;
    db.close().await;
    let before = object(&world, "users/ada.json").await;
    let builder = world.builder(7, world.store.clone()).read_only(true);
    let reader = builder.open().await.unwrap();
    let ada = User::get(&reader, &id("ada")).required().await.unwrap();
    assert_eq!(ada.plan, "free");
    let strict = User::get(&reader, &id("ada")).strict().await;
    assert_eq!(strict.unwrap_err().code(), "SB-CONTENTION");
    assert_eq!(object(&world, "users/ada.json").await, before);
    let records = world.store.list(&Prefix::new("_tx/"), None, 1).await;
    assert_eq!(records.unwrap().objects.len(), 0);
    reader.close().await;
}

/// What the dropped future has sent so far: nothing, the settling reads, or the lock itself.
#[tokio::test(start_paused = true)]
async fn locks_are_given_back_wherever_a_transaction_is_dropped() {
    for after in (0..400).step_by(9) {
        let (world, db) = open(&["ada", "eve"]).await;
        let latencies = smarterbase_testkit::sweep::Latencies::CONTRACT;
        let far = smarterbase_testkit::sweep::LatentStore::exact(world.store.clone(), latencies);
        let slow = world.builder(6, Arc::new(far)).open().await.unwrap();
        let db_ref = &db;
        let running = slow.transaction(|tx| async move {
            let ada = User::get(&tx, &id("ada")).required().await?;
            if tx.attempt() == 1 {
                disturb(db_ref, "ada").await?;
            }
            let mut eve = User::get(&tx, &id("eve")).required().await?;
            eve.age = ada.age;
            eve.save(&tx).await
        });
        let time = Duration::from_millis(after);
        drop(tokio::time::timeout(time, running.into_future()).await);
        slow.close().await;
        let text = object(&world, "users/ada.json").await;
        assert!(!text.contains("intent"), "dropped after {after} ms: {text}");
        db.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_medic_keeps_staged_bodies_of_committed_transactions_and_aborts_before_it_removes() {
    use smarterbase_core::{
        format::{
            Nonce,
            intent::Attempt,
            path,
            record::{Decision, Record},
        },
        port::Expect,
    };
    let (world, db) = open(&["ada"]).await;
    let attempt = |number| Attempt::new(Nonce::from_random([number; 13]), 0);
    let (committed, nobodys) = (attempt(1), attempt(2));
    let put = async |key: &Key, body: bytes::Bytes| {
        world.store.put(key, &Expect::Absent, body).await;
    };
    for owner in [&committed, &nobodys] {
        put(&path::staged(owner, 0), bytes::Bytes::from_static(b"{}")).await;
    }
    let objects = vec![Key::from_stored("users/not json.json")];
    put(
        &objects[0].clone(),
        bytes::Bytes::from_static(b"no document"),
    )
    .await;
    let record = Record {
        transaction: committed.clone(),
        decision: Decision::Committed,
        objects, // One that cannot be read is never clean, so neither the record nor the body may go.
        staged: vec![path::staged(&committed, 0)],
    };
    put(
        &path::record(&committed),
        record.seal(Nonce::from_random([3; 13])),
    )
    .await;
    tokio::time::sleep(Duration::from_secs(8 * 24 * 3_600)).await;
    let report = db.settle_transactions().await.unwrap();
    assert_eq!((report.staged, report.removed), (1, 0));
    let staged = world
        .store
        .list(&Prefix::new("_stage/"), None, 9)
        .await
        .unwrap();
    assert_eq!(staged.objects.len(), 1);
    assert_eq!(staged.objects[0].key, path::staged(&committed, 0));
    let aborted = object(&world, path::record(&nobodys).as_str()).await;
    assert!(
        aborted.contains("aborted"),
        "its owner may still be about to commit"
    );
    db.close().await;
}

/// That a value is held may be true of another moment than what the transaction read.
#[tokio::test(start_paused = true)]
async fn a_held_unique_value_is_an_error_only_with_what_was_read() {
    let (world, db) = open(&["ada"]).await;
    let other = world.open(6).await;
    let other_ref = &other;
    let run = db.transaction(|tx| async move {
        let mut ada = User::get(&tx, &id("ada")).required().await?;
        if ada.email == "ada@example.org" {
            // "new" is taken, and at the same instant ada gets another value.
            let moving = other_ref.transaction(|tx| async move {
                let mut ada = User::get(&tx, &id("ada")).required().await?;
                ada.email = "moved@example.org".into();
                ada.save(&tx).await?;
                User::create(&tx, User::new("eve").email("new@example.org")).await?;
                Ok(())
            });
            moving.await?;
            ada.email = "new@example.org".into();
        }
        ada.save(&tx).await?;
        Ok((tx.attempt(), ada.email.clone()))
    });
    assert_eq!(run.await.unwrap(), (2, "moved@example.org".to_owned()));
    other.close().await;
    db.close().await;
}
