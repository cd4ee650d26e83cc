//! What each operation costs, exactly: the performance contract.

use std::{sync::Arc, time::Duration};

use smarterbase::{Limits, Result, prelude::*};
use smarterbase_core::port::Clock;
use smarterbase_testkit::{
    CallKind, CallLog, FaultStore,
    sweep::{Latencies, LatentStore, World},
};

use crate::user::{User, id};

/// A document without any index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "notes")]
pub(crate) struct Note {
    #[key]
    pub(crate) id: String,
    pub(crate) text: String,
}

/// Requests by kind: reads, creates, swaps, removals, lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) get: usize,
    pub(crate) create: usize,
    pub(crate) swap: usize,
    pub(crate) delete: usize,
    pub(crate) list: usize,
}

impl Cost {
    fn of(log: &CallLog) -> Self {
        Self {
            get: log.count(CallKind::Get) + log.count(CallKind::GetIfChanged),
            create: log.count(CallKind::Create),
            swap: log.count(CallKind::Swap),
            delete: log.count(CallKind::DeleteRetired) + log.count(CallKind::DeleteIf),
            list: log.count(CallKind::List),
        }
    }
}

pub(crate) const NOTHING: Cost = Cost {
    get: 0,
    create: 0,
    swap: 0,
    delete: 0,
    list: 0,
};

/// A database whose catalogs are loaded and whose cursor keys exist, on a store with the contract's latencies.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) store: Arc<FaultStore>,
    pub(crate) db: Db,
}

impl Bench {
    pub(crate) async fn with(users: usize) -> Self {
        let world = World::new(1);
        let db = world.open(0).await;
        for number in 0..users {
            let user = User::new(&format!("user{number:03}"));
            User::create(&db, user.tags(&[])).await.unwrap();
        }
        Note::create(&db, note("first")).await.unwrap();
        if users > 1 {
            User::list(&db).page(1).await.unwrap();
        }
        db.close().await;
        let latent = LatentStore::exact(world.store.clone(), Latencies::CONTRACT);
        let store = Arc::new(FaultStore::recording(Arc::new(latent)));
        let limits = Limits {
            concurrent_reads: 8,
            ..Limits::default()
        };
        let opened = world.builder(1, store.clone()).limits(limits).open().await;
        let db = opened.unwrap();
        // The catalogs are loaded, and the cursor keys; the schemas are known to be the published ones.
        User::find_by_plan(&db, "nothing").await.unwrap();
        User::exists(&db, &id("nobody")).await.unwrap();
        Note::upsert(&db, note("warm")).await.unwrap();
        if users > 1 {
            User::list(&db).page(1).await.unwrap();
        }
        Self { world, store, db }
    }

    /// What `act` costs before its reply and in all, and how long it takes.
    pub(crate) async fn measure<R>(
        self,
        act: impl AsyncFnOnce(&Db) -> Result<R>,
    ) -> (Cost, Cost, Duration, R) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.store.log().clear();
        let started = self.world.clock.elapsed();
        let result = act(&self.db).await.unwrap();
        let took = self.world.clock.elapsed() - started;
        let at_reply = Cost::of(self.store.log());
        self.db.close().await;
        (at_reply, Cost::of(self.store.log()), took, result)
    }
}

pub(crate) fn note(id: &str) -> Note {
    Note {
        id: id.to_owned(),
        text: "text".to_owned(),
    }
}

/// Within 10 % of what the requests in a row take.
pub(crate) fn assert_depth(took: Duration, expected_milliseconds: u64) {
    let expected = Duration::from_millis(expected_milliseconds);
    let is_close = took >= expected && took <= expected.mul_f64(1.1);
    assert!(is_close, "{took:?} instead of {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn a_get_is_one_get() {
    let bench = Bench::with(1).await;
    let (reply, all, took, found) = bench
        .measure(async |db| User::get(db, &id("user000")).await)
        .await;
    assert!(found.is_some());
    assert_eq!(reply, Cost { get: 1, ..NOTHING });
    assert_eq!(all, reply);
    assert_depth(took, 10);
}

#[tokio::test(start_paused = true)]
async fn exists_is_one_get() {
    let bench = Bench::with(1).await;
    let (_, all, took, found) = bench
        .measure(async |db| User::exists(db, &id("user000")).await)
        .await;
    assert!(found);
    assert_eq!(all, Cost { get: 1, ..NOTHING });
    assert_depth(took, 10);
}

#[tokio::test(start_paused = true)]
async fn a_create_without_an_index_is_one_put() {
    let bench = Bench::with(0).await;
    let (reply, all, took, _) = bench
        .measure(async |db| Note::create(db, note("new")).await)
        .await;
    assert_eq!(
        reply,
        Cost {
            create: 1,
            ..NOTHING
        }
    );
    assert_eq!(all, reply);
    assert_depth(took, 20);
}

#[tokio::test(start_paused = true)]
async fn a_create_puts_its_entries_and_claims_at_once() {
    let bench = Bench::with(1).await;
    let user = User::new("new").tags(&[]);
    // plan, age and team-age; the e-mail; the document.
    let (reply, all, took, _) = bench.measure(async |db| User::create(db, user).await).await;
    assert_eq!(
        reply,
        Cost {
            create: 3 + 1 + 1,
            ..NOTHING
        }
    );
    assert_eq!(all, reply);
    assert_depth(took, 40);
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_save_costs_nothing() {
    let bench = Bench::with(1).await;
    let mut user = User::get(&bench.db, &id("user000"))
        .required()
        .await
        .unwrap();
    let (_, all, took, ()) = bench.measure(async |db| user.save(db).await).await;
    assert_eq!(all, NOTHING);
    assert_depth(took, 0);
}

#[tokio::test(start_paused = true)]
async fn a_save_without_a_changed_index_is_one_put() {
    let bench = Bench::with(1).await;
    let mut user = User::get(&bench.db, &id("user000"))
        .required()
        .await
        .unwrap();
    user.marks.push(1);
    let (reply, all, took, ()) = bench.measure(async |db| user.save(db).await).await;
    assert_eq!(reply, Cost { swap: 1, ..NOTHING });
    assert_eq!(all, reply);
    assert_depth(took, 20);
}

#[tokio::test(start_paused = true)]
async fn a_changed_index_adds_a_put_before_and_a_removal_after() {
    let bench = Bench::with(1).await;
    let mut user = User::get(&bench.db, &id("user000"))
        .required()
        .await
        .unwrap();
    user.plan = "pro".into();
    let (reply, all, took, ()) = bench.measure(async |db| user.save(db).await).await;
    assert_eq!(
        Cost { delete: 0, ..reply },
        Cost {
            create: 1,
            swap: 1,
            ..NOTHING
        }
    );
    assert_eq!(
        all,
        Cost {
            create: 1,
            swap: 1,
            delete: 1,
            ..NOTHING
        }
    );
    assert_depth(took, 40);
}

#[tokio::test(start_paused = true)]
async fn a_changed_unique_value_adds_a_get_and_a_put_before_and_a_put_after() {
    let bench = Bench::with(1).await;
    let mut user = User::get(&bench.db, &id("user000"))
        .required()
        .await
        .unwrap();
    user.email = "other@example.org".into();
    let (_, all, took, ()) = bench.measure(async |db| user.save(db).await).await;
    assert_eq!(
        all,
        Cost {
            get: 1,
            create: 1,
            swap: 2,
            ..NOTHING
        }
    );
    assert_depth(took, 40);
}

#[tokio::test(start_paused = true)]
async fn finding_by_a_unique_value_is_two_gets() {
    let bench = Bench::with(3).await;
    let (_, all, took, found) = bench
        .measure(async |db| User::find_by_email(db, "USER001@example.org").await)
        .await;
    assert_eq!(found.unwrap().id, "user001");
    assert_eq!(all, Cost { get: 2, ..NOTHING });
    assert_depth(took, 20);
}

#[tokio::test(start_paused = true)]
async fn a_unique_value_that_nobody_holds_is_one_get() {
    let bench = Bench::with(1).await;
    let (_, all, _, found) = bench
        .measure(async |db| User::find_by_email(db, "nobody@example.org").await)
        .await;
    assert!(found.is_none());
    assert_eq!(all, Cost { get: 1, ..NOTHING });
}

#[tokio::test(start_paused = true)]
async fn finding_by_an_index_is_a_list_and_a_get_per_hit() {
    let bench = Bench::with(20).await;
    let (_, all, took, found) = bench
        .measure(async |db| User::find_by_plan(db, "free").await)
        .await;
    assert_eq!(found.len(), 20);
    assert_eq!(
        all,
        Cost {
            list: 1,
            get: 20,
            ..NOTHING
        }
    );
    assert_depth(took, 25 + 3 * 10); // 20 hits, 8 at a time.
}

#[tokio::test(start_paused = true)]
async fn a_page_of_n_reads_one_document_more() {
    let bench = Bench::with(20).await;
    let (_, all, took, page) = bench
        .measure(async |db| User::find_by_plan(db, "free").page(5).await)
        .await;
    assert_eq!(page.items.len(), 5);
    assert!(page.next.is_some());
    assert_eq!(
        all,
        Cost {
            list: 1,
            get: 6,
            ..NOTHING
        }
    );
    assert_depth(took, 25 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_a_listing_reads_one_document_more() {
    let bench = Bench::with(20).await;
    let (_, all, took, page) = bench.measure(async |db| User::list(db).page(5).await).await;
    assert_eq!(page.items.len(), 5);
    assert_eq!(
        all,
        Cost {
            list: 1,
            get: 6,
            ..NOTHING
        }
    );
    assert_depth(took, 25 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_count_is_a_list_and_a_get_per_hit() {
    let bench = Bench::with(20).await;
    let (_, all, took, count) = bench
        .measure(async |db| User::count_by_plan(db, "free").await)
        .await;
    assert_eq!(count, 20);
    assert_eq!(
        all,
        Cost {
            list: 1,
            get: 20,
            ..NOTHING
        }
    );
    assert_depth(took, 25 + 3 * 10);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_a_list_and_a_get_per_hit() {
    use futures::TryStreamExt;
    let bench = Bench::with(20).await;
    let (_, all, took, found) = bench
        .measure(async |db| {
            let stream = User::query(db).order_by(|user| user.age.desc()).stream();
            stream.try_collect::<Vec<_>>().await
        })
        .await;
    assert_eq!(found.len(), 20);
    assert_eq!(
        all,
        Cost {
            list: 1,
            get: 20,
            ..NOTHING
        }
    );
    assert_depth(took, 25 + 3 * 10);
}

#[tokio::test(start_paused = true)]
async fn a_scan_is_a_list_and_a_get_per_document() {
    let bench = Bench::with(20).await;
    let (_, all, took, found) = bench
        .measure(async |db| User::query(db).scan().retain(|user| user.age > 29).await)
        .await;
    assert_eq!(found.len(), 20);
    assert_eq!(
        all,
        Cost {
            list: 1,
            get: 20,
            ..NOTHING
        }
    );
    assert_depth(took, 25 + 3 * 10);
}

#[tokio::test(start_paused = true)]
async fn a_delete_is_a_get_and_a_put_and_the_rest_comes_after() {
    let bench = Bench::with(1).await;
    let (_, all, took, was_there) = bench
        .measure(async |db| User::delete(db, &id("user000")).await)
        .await;
    assert!(was_there);
    // The document and the claim are read; tombstone and claim are swapped; three entries go.
    assert_eq!(
        all,
        Cost {
            get: 2,
            swap: 2,
            delete: 3,
            ..NOTHING
        }
    );
    assert_depth(took, 10 + 10 + 20);
}

#[tokio::test(start_paused = true)]
async fn the_first_operation_pays_one_get_for_the_catalog_and_so_does_one_every_few_seconds() {
    let bench = Bench::with(1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (_, all, took, _) = bench
        .measure(async |db| User::find_by_plan(db, "free").await)
        .await;
    assert_eq!(
        all,
        Cost {
            list: 1,
            get: 1 + 1,
            ..NOTHING
        }
    );
    assert_depth(took, 25 + 10); // The refresh runs beside it.
}
