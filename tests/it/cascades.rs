//! Deletions that others forbid: small ones in one transaction, large ones in pieces, with the same answers.

use std::{sync::Arc, time::Duration};

use smarterbase::{Limits, TransactionLimits, prelude::*, schema};
use smarterbase_core::{format::path, port::CasStore};
use smarterbase_testkit::{
    CallKind, Fault, FaultStore,
    sweep::{Latencies, LatentStore, World},
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "firms")]
struct Firm {
    #[key]
    id: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "workers")]
struct Worker {
    #[key]
    id: String,
    #[references(Firm, on_delete = cascade)]
    firm: String,
}

/// A bill goes along with its worker, and forbids that its firm or its witness goes as long as it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "bills")]
struct Bill {
    #[key]
    id: u64,
    #[references(Firm, on_delete = restrict)]
    to: Option<String>,
    #[references(Worker, on_delete = restrict, name = witness)]
    witness: Option<String>,
    #[references(Worker, on_delete = cascade, name = worker)]
    worker: Option<String>,
}

schema! { Office { Firm, Worker, Bill } }

/// A link goes along with the one before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "links")]
struct Link {
    #[key]
    id: u64,
    #[references(Link, on_delete = cascade)]
    before: Option<u64>,
}

/// A seal forbids that its link goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "seals")]
struct Seal {
    #[key]
    id: u64,
    #[references(Link, on_delete = restrict)]
    link: u64,
}

schema! { Chain { Link, Seal } }

fn key(id: &str) -> String {
    id.to_owned()
}

fn worker(number: u64) -> String {
    format!("w{number:03}")
}

/// A bill of nobody.
fn bill(id: u64) -> Bill {
    Bill {
        id,
        to: None,
        witness: None,
        worker: None,
    }
}

async fn office(world: &World, store: Arc<dyn CasStore>, client: u64) -> Db {
    open(world, store, client).await.with_schema::<Office>()
}

/// A database whose transactions take few documents, so that what 120 workers depend on goes in pieces.
async fn open(world: &World, store: Arc<dyn CasStore>, client: u64) -> Db {
    let limits = Limits {
        transactions: TransactionLimits {
            writes: 210,
            ..TransactionLimits::default()
        },
        ..Limits::default()
    };
    let opened = world.builder(client, store).limits(limits).open().await;
    opened.unwrap()
}

/// Firm `a` with so many workers, and firm `b` with one.
async fn firms(workers: u64) -> (World, Db) {
    let world = World::new(1);
    let db = office(&world, world.store.clone(), 0).await;
    for id in ["a", "b"] {
        Firm::create(&db, Firm { id: key(id) }).await.unwrap();
    }
    for number in 0..workers {
        let firm = key("a");
        let id = worker(number);
        Worker::create(&db, Worker { id, firm }).await.unwrap();
    }
    let other = Worker {
        id: key("other"),
        firm: key("b"),
    };
    Worker::create(&db, other).await.unwrap();
    (world, db)
}

/// A small firm goes in one transaction, a large one in pieces.
const SIZES: [u64; 2] = [4, 120];

async fn assert_refused(db: &Db, workers: u64, bills: u64) {
    let refused = Firm::delete(db, &key("a")).await.unwrap_err();
    let seen = (refused.kind(), refused.code());
    assert_eq!(seen, (ErrorKind::Refused, "SB-RESTRICTED"), "{workers}");
    assert!(refused.to_string().contains("bills"), "{refused}");
    // Nothing was deleted, of a large firm neither.
    assert_eq!(Worker::list(db).await.unwrap().len() as u64, workers + 1);
    assert_eq!(Bill::list(db).await.unwrap().len() as u64, bills);
    assert_eq!(db.resume_cascades().await.unwrap(), 0, "{workers}");
}

async fn assert_all_gone(db: &Db, bills_left: u64) {
    assert!(Firm::delete(db, &key("a")).await.unwrap());
    let left = Worker::list(db).await.unwrap();
    let left: Vec<_> = left.iter().map(|worker| &*worker.id).collect();
    assert_eq!(left, ["other"]);
    assert_eq!(Bill::list(db).await.unwrap().len() as u64, bills_left);
    assert_eq!(db.resume_cascades().await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_stays_forbids_a_large_deletion_as_a_small_one_and_nothing_goes() {
    for workers in SIZES {
        let (_, db) = firms(workers).await;
        let stays = Bill {
            to: Some(key("a")),
            worker: Some(key("other")),
            ..bill(1)
        };
        Bill::create(&db, stays).await.unwrap();
        assert_refused(&db, workers, 1).await;
        Bill::delete(&db, &1).await.unwrap();
        assert_all_gone(&db, 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_stays_forbids_what_would_have_gone_along_at_the_last_leaf() {
    for workers in SIZES {
        let (_, db) = firms(workers).await;
        let stays = Bill {
            witness: Some(worker(workers - 1)),
            ..bill(1)
        };
        Bill::create(&db, stays).await.unwrap();
        assert_refused(&db, workers, 1).await;
        // It goes along from now on.
        let goes = Bill {
            witness: Some(worker(workers - 1)),
            worker: Some(worker(0)),
            ..bill(1)
        };
        Bill::overwrite(&db, goes).await.unwrap();
        assert_all_gone(&db, 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_goes_along_forbids_nothing_in_a_large_deletion_as_in_a_small_one() {
    for workers in SIZES {
        let (_, db) = firms(workers).await;
        for number in 0..workers {
            // Each forbids that the firm goes, and the worker before it or behind it.
            let goes = Bill {
                to: Some(key("a")),
                witness: Some(worker((number * 7 + 1) % workers)),
                worker: Some(worker(number)),
                ..bill(number)
            };
            Bill::create(&db, goes).await.unwrap();
        }
        let away = Bill {
            worker: Some(key("other")),
            ..bill(1_000)
        };
        Bill::create(&db, away).await.unwrap();
        assert_all_gone(&db, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_deletion_that_died_goes_on_past_who_goes_along_and_stops_at_who_stays() {
    let (mut resumed, mut stopped) = (0, 0);
    for killed_at in [400, 900, 1_400] {
        for stays in [false, true] {
            let (world, db) = firms(120).await;
            for number in 0..120 {
                let goes = Bill {
                    to: Some(key("a")),
                    worker: Some(worker(number)),
                    ..bill(number)
                };
                Bill::create(&db, goes).await.unwrap();
            }
            db.close().await;
            let dying = Arc::new(FaultStore::at(
                world.store.clone(),
                killed_at,
                Fault::CrashAfter,
            ));
            let dying_db = office(&world, dying.clone(), 1).await;
            tokio::select! {
                biased;
                () = dying.crash() => {}
                deleted = Firm::delete(&dying_db, &key("a")) => panic!("it was to die: {deleted:?}"),
            }
            let other = office(&world, world.store.clone(), 2).await;
            if stays {
                let late = Bill {
                    to: Some(key("a")),
                    ..bill(1_000)
                };
                Bill::create(&other, late).await.unwrap();
            }
            resumed += other.resume_cascades().await.unwrap();
            let is_there = Firm::exists(&other, &key("a")).await.unwrap();
            stopped += usize::from(is_there && stays);
            assert!(!stays || is_there, "a bill that stays keeps its firm");
            assert_eq!(other.resume_cascades().await.unwrap(), 0);
            other.close().await;
        }
    }
    assert!(resumed >= 4, "only {resumed} were under way");
    assert!(stopped >= 2, "only {stopped} were stopped");
}

const LINKS: u64 = 3_000;

/// A chain, each link of which goes along with the one before; the first one with `before_first`.
async fn chain(before_first: Option<u64>) -> (World, Db) {
    let world = World::new(1);
    let db = open(&world, world.store.clone(), 0).await;
    let db = db.with_schema::<Chain>();
    for id in 0..LINKS {
        let before = id.checked_sub(1).or(before_first);
        Link::create(&db, Link { id, before }).await.unwrap();
    }
    (world, db)
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_thousands_is_looked_through_and_a_circle_ends() {
    for before_first in [None, Some(LINKS - 1)] {
        let (_, db) = chain(before_first).await;
        let link = LINKS - 1;
        Seal::create(&db, Seal { id: 1, link }).await.unwrap();
        let refused = Link::delete(&db, &0).await.unwrap_err();
        assert_eq!(refused.code(), "SB-RESTRICTED", "{refused}");
        assert_eq!(Link::query(&db).scan().count().await.unwrap(), LINKS);

        if before_first.is_some() {
            continue;
        }
        // Nobody forbids it any more; so deep it is refused all the same, and nothing went.
        Seal::delete(&db, &1).await.unwrap();
        let refused = Link::delete(&db, &0).await.unwrap_err();
        let seen = (refused.kind(), refused.code());
        assert_eq!(seen, (ErrorKind::Refused, "SB-BUDGET"), "{refused}");
        assert_eq!(Link::query(&db).scan().count().await.unwrap(), LINKS);
        assert_eq!(db.resume_cascades().await.unwrap(), 0);
    }
}

/// Deletes the large firm while these faults happen, counted from the call that journals the deletion. Gives the error, and
/// what was left.
async fn deleted_with(faults: impl Fn(u64) -> Vec<(u64, Fault)>) -> (World, Error) {
    let (world, db) = firms(120).await;
    // A bill that goes along lets the deletion be looked through first.
    let goes = Bill {
        worker: Some(worker(0)),
        ..bill(1)
    };
    Bill::create(&db, goes).await.unwrap();
    db.close().await;
    let journaled = journaled_at().await;
    let failing = FaultStore::with_faults(world.store.clone(), faults(journaled));
    let db = office(&world, Arc::new(failing), 1).await;
    let error = Firm::delete(&db, &key("a")).await.unwrap_err();
    (world, error)
}

/// Which call of such a deletion journals it.
async fn journaled_at() -> u64 {
    let (world, db) = firms(120).await;
    let goes = Bill {
        worker: Some(worker(0)),
        ..bill(1)
    };
    Bill::create(&db, goes).await.unwrap();
    db.close().await;
    let recording = Arc::new(FaultStore::recording(world.store.clone()));
    let db = office(&world, recording.clone(), 1).await;
    assert!(Firm::delete(&db, &key("a")).await.unwrap());
    let calls = recording.log().calls();
    let journals = |call: &&smarterbase_testkit::Call| {
        call.kind == CallKind::Create && call.path.starts_with("_sys/cascade/")
    };
    calls.iter().find(journals).unwrap().number
}

/// How many workers of the firm are left, and how many cascades there are to go on with.
async fn left(world: &World) -> (usize, u64) {
    let other = office(world, world.store.clone(), 2).await;
    let workers = Worker::list(&other).await.unwrap().len() - 1;
    let resumed = other.resume_cascades().await.unwrap();
    other.close().await;
    (workers, resumed)
}

#[tokio::test(start_paused = true)]
async fn a_deletion_whose_journal_may_be_there_is_of_unknown_outcome() {
    let (world, error) = deleted_with(|journaled| {
        let silence = (journaled + 1..journaled + 1_000).map(|call| (call, Fault::Unavailable));
        std::iter::once((journaled, Fault::LoseReply))
            .chain(silence)
            .collect()
    })
    .await;
    let seen = (error.kind(), error.code());
    let expected = (ErrorKind::OutcomeUnknown, "SB-OUTCOME-UNKNOWN");
    assert_eq!(seen, expected, "{error}");
    assert_eq!(left(&world).await, (120, 1), "nothing went, and it goes on");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_on_the_way_is_gone_on_with_as_another_process_may_be_at_it() {
    // The index does not answer, and no scan either.
    let (world, error) =
        deleted_with(|journaled| vec![(journaled + 1, Fault::Deny), (journaled + 2, Fault::Deny)])
            .await;
    assert_eq!(error.code(), "SB-OUTCOME-UNKNOWN", "{error}");
    assert_eq!(left(&world).await, (120, 1));
}

#[tokio::test(start_paused = true)]
async fn a_deletion_of_which_some_went_is_of_unknown_outcome() {
    let (world, error) = deleted_with(|journaled| vec![(journaled + 900, Fault::Deny)]).await;
    assert_eq!(error.code(), "SB-OUTCOME-UNKNOWN", "{error}");
    assert!(error.to_string().contains("resume_cascades"), "{error}");
    let (workers, resumed) = left(&world).await;
    assert!(workers < 120, "{workers}");
    assert_eq!(resumed, 1);
}

/// Deletes the large firm while these faults happen, and has a bill come on the way that forbids it.
async fn forbidden_on_the_way(faults: Vec<(u64, Fault)>) -> (World, Error, Arc<FaultStore>) {
    let (world, db) = firms(120).await;
    let latency = Latencies {
        get: Duration::from_millis(2),
        put: Duration::from_millis(2),
        list: Duration::from_millis(2),
    };
    let latent = Arc::new(LatentStore::exact(world.store.clone(), latency));
    let failing = Arc::new(FaultStore::with_faults(latent, faults));
    let slow = office(&world, failing.clone(), 1).await;
    let deleting = tokio::spawn(async move {
        let deleted = Firm::delete(&slow, &key("a")).await;
        slow.close().await;
        deleted
    });
    while Worker::list(&db).await.unwrap().len() > 120 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let stays = Bill {
        to: Some(key("a")),
        ..bill(1)
    };
    Bill::create(&db, stays).await.unwrap();
    let error = deleting.await.unwrap().unwrap_err();
    let seen = (error.kind(), error.code());
    let expected = (ErrorKind::OutcomeUnknown, "SB-OUTCOME-UNKNOWN");
    assert_eq!(seen, expected, "{error}");
    assert!(error.to_string().contains("delete it again"), "{error}");
    assert!(Firm::exists(&db, &key("a")).await.unwrap());
    (world, error, failing)
}

/// Where the deletion's entry in the journal is, and the call that takes it back.
async fn taken_back(world: &World, store: &FaultStore) -> (usize, Option<u64>) {
    let listed = world.store.list(&path::cascades(), None, 10).await;
    let calls = store.log().calls();
    let takes_back = |call: &&smarterbase_testkit::Call| {
        call.kind == CallKind::DeleteRetired && call.path.starts_with("_sys/cascade/")
    };
    let call = calls.iter().find(takes_back).map(|call| call.number);
    (listed.unwrap().objects.len(), call)
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_is_forbidden_on_the_way_names_resume_cascades_only_where_its_entry_stays()
{
    let (world, error, store) = forbidden_on_the_way(Vec::new()).await;
    let (entries, takes_back) = taken_back(&world, &store).await;
    assert_eq!(entries, 0);
    assert!(!error.to_string().contains("resume_cascades"), "{error}");

    let denied = vec![(takes_back.unwrap(), Fault::Deny)];
    let (world, error, store) = forbidden_on_the_way(denied).await;
    let (entries, _) = taken_back(&world, &store).await;
    assert_eq!((entries, store.hits()), (1, 1));
    assert!(error.to_string().contains("resume_cascades"), "{error}");
}
