//! Batches, the batch writer and imports: results in order, never too many at once, true accounts after an early end.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use smarterbase::{Error, Limits, Result, prelude::*};
use smarterbase_core::{
    db::Import,
    document::Version,
    format::{Key, Prefix},
    operation::batch::{BatchHandle, ItemState, Progress},
    port::{Attempt, Capabilities, CasStore, Changed, Expect, ListPage, Object, StoreError},
};
use smarterbase_testkit::{
    Fault, FaultStore, invariant,
    sweep::{Latencies, LatentStore, World},
};

use crate::{
    cost::Note,
    traced::Traced,
    user::{User, id},
};

/// Something that happened: its key and its time are automatic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "events", new(NewEvent))]
struct Event {
    #[key(auto)]
    id: Id<Event>,
    #[field(created_at)]
    created_at: Timestamp,
    #[unique]
    number: u64,
    #[index]
    kind: String,
}

fn note(number: usize) -> Note {
    Note {
        id: format!("n{number:05}"),
        text: "text".to_owned(),
    }
}

fn users(ids: &[&str]) -> Vec<User> {
    ids.iter().copied().map(User::new).collect()
}

fn outcomes<R>(results: Vec<Result<R>>) -> Vec<Result<R, &'static str>> {
    let code = |error: Error| error.code();
    results
        .into_iter()
        .map(|result| result.map_err(code))
        .collect()
}

async fn open() -> (World, Db) {
    let world = World::new(1);
    let db = world.open(0).await;
    (world, db)
}

async fn assert_sound(world: &World) {
    assert_eq!(
        invariant::damage::<User>(&*world.store).await,
        Vec::<String>::new()
    );
}

/// How many calls are in flight at the same time, and how many of them are puts of documents.
#[derive(Debug)]
struct Gauge {
    inner: Arc<dyn CasStore>,
    calls: Level,
    documents: Level,
}

#[derive(Debug, Default)]
struct Level {
    now: AtomicUsize,
    most: AtomicUsize,
}

struct Place<'a>(&'a Level);

impl Level {
    fn enter(&self) -> Place<'_> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Place(self)
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gauge {
    fn over(inner: Arc<dyn CasStore>) -> Arc<Self> {
        let inner = Arc::new(LatentStore::exact(inner, Latencies::CONTRACT));
        Arc::new(Self {
            inner,
            calls: Level::default(),
            documents: Level::default(),
        })
    }
}

#[async_trait]
impl CasStore for Gauge {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        let _call = self.calls.enter();
        self.inner.get(key).await
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        let _call = self.calls.enter();
        self.inner.get_if_changed(key, version).await
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        let _call = self.calls.enter();
        let _document = (!key.as_str().starts_with('_')).then(|| self.documents.enter());
        self.inner.put(key, expect, body).await
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        let _call = self.calls.enter();
        self.inner.delete_if(key, version).await
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        let _call = self.calls.enter();
        self.inner.delete_retired(key).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        let _call = self.calls.enter();
        self.inner.list(prefix, after, limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_5000_never_has_more_calls_in_flight_than_the_limit() {
    const AT_ONCE: usize = 24;
    let world = World::new(1);
    let gauge = Gauge::over(world.store.clone());
    let limits = Limits {
        concurrent_reads: AT_ONCE,
        ..Limits::default()
    };
    let opened = world.builder(0, gauge.clone()).limits(limits).open().await;
    let db = opened.unwrap();
    Note::exists(&db, &id("n")).await.unwrap();
    gauge.calls.most.store(0, Ordering::SeqCst);

    let created = Note::create_many(&db, (0..5_000).map(note)).await.unwrap();
    assert!(created.iter().all(Result::is_ok));
    assert_eq!(gauge.documents.most(), AT_ONCE);
    // Puts of documents without indexes are all there is, but for the catalog, which is refreshed beside them.
    assert!((AT_ONCE..=AT_ONCE + 1).contains(&gauge.calls.most()));

    gauge.calls.most.store(0, Ordering::SeqCst);
    let keys = || (0..5_000).map(|number| note(number).id);
    let found = Note::get_many(&db, keys()).each().await.unwrap();
    assert!(found.iter().all(|note| matches!(note, Ok(Some(_)))));
    assert_eq!(gauge.calls.most(), AT_ONCE);
    let there = Note::exists_many(&db, keys()).await.unwrap();
    assert!(there.iter().all(|is_there| matches!(is_there, Ok(true))));
    assert_eq!(gauge.calls.most(), AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn every_item_has_a_result_at_its_place_and_a_failure_is_nobody_elses() {
    let (world, db) = open().await;
    User::create(&db, User::new("u2")).await.unwrap();
    let bad = |name: &str| name.repeat(300);
    let mut new = users(&["u1", "u2", "u3"]);
    new.push(User::new(&bad("x")));
    let created = User::create_many(&db, new).await.unwrap();
    let created = outcomes(created);
    let created: Vec<_> = created
        .iter()
        .map(|one| one.as_ref().map(|user| user.id.as_str()))
        .collect();
    assert_eq!(
        created,
        [Ok("u1"), Err(&"SB-EXISTS"), Ok("u3"), Err(&"SB-INVALID-ID")]
    );

    let keys = || ["u3", "nobody", "u1"].map(id).into_iter().chain([bad("y")]);
    let there = outcomes(User::exists_many(&db, keys()).await.unwrap());
    assert_eq!(there, [Ok(true), Ok(false), Ok(true), Err("SB-INVALID-ID")]);

    let found = outcomes(User::get_many(&db, keys()).each().await.unwrap());
    let found: Vec<_> = found
        .iter()
        .map(|one| one.as_ref().map(|user| user.as_ref().map(|user| &*user.id)))
        .collect();
    let expected = [
        Ok(Some("u3")),
        Ok(None),
        Ok(Some("u1")),
        Err(&"SB-INVALID-ID"),
    ];
    assert_eq!(found, expected);
    let whole = User::get_many(&db, keys()).await.unwrap_err();
    assert_eq!(whole.code(), "SB-INVALID-ID");

    let mut loaded = Vec::new();
    for name in ["u1", "u2", "u3"] {
        loaded.push(User::get(&db, &id(name)).required().await.unwrap());
    }
    User::update(&db, &id("u2"), |user| {
        user.age = 99;
        Ok(())
    })
    .await
    .unwrap();
    for user in &mut loaded {
        user.plan = "pro".to_owned();
    }
    let saved = outcomes(User::save_many(&db, &mut loaded).await.unwrap());
    assert_eq!(saved, [Ok(()), Err("SB-REVISION"), Ok(())]);
    assert_eq!(loaded[0].revision(), 2);
    assert_eq!(User::find_by_plan(&db, "pro").await.unwrap().len(), 2);

    let upserted = User::upsert_many(&db, users(&["u1", "u4"])).await.unwrap();
    assert!(upserted.iter().all(Result::is_ok));
    assert_eq!(User::count_by_plan(&db, "pro").await.unwrap(), 1);

    let deleted = outcomes(User::delete_many(&db, keys()).await.unwrap());
    assert_eq!(
        deleted,
        [Ok(true), Ok(false), Ok(true), Err("SB-INVALID-ID")]
    );
    let left = User::list(&db).await.unwrap();
    assert_eq!(
        left.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(),
        ["u2", "u4"]
    );
    db.close().await;
    assert_sound(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_comes_twice_is_taken_in_request_order() {
    let (world, db) = open().await;
    let with_age = |age: u32| User {
        age,
        ..User::new("ada")
    };
    for _ in 0..3 {
        let created = User::create_many(&db, [1, 2, 3].map(with_age)).await;
        let created = outcomes(created.unwrap());
        let ages: Vec<_> = created
            .iter()
            .map(|one| one.as_ref().map(|u| u.age))
            .collect();
        assert_eq!(ages, [Ok(1), Err(&"SB-EXISTS"), Err(&"SB-EXISTS")]);

        let upserted = User::upsert_many(&db, [4, 5, 6].map(with_age)).await;
        assert!(upserted.unwrap().iter().all(Result::is_ok));
        let ada = User::get(&db, &id("ada")).required().await.unwrap();
        assert_eq!(ada.age, 6);

        let mut copies = vec![ada.clone(), ada.clone(), ada.clone()];
        copies[1].age = 7;
        copies[2].age = 8;
        let saved = outcomes(User::save_many(&db, &mut copies).await.unwrap());
        assert_eq!(saved, [Ok(()), Ok(()), Err("SB-REVISION")]);

        let deleted = User::delete_many(&db, [id("ada"), id("ada")]).await;
        assert_eq!(outcomes(deleted.unwrap()), [Ok(true), Ok(false)]);
    }
    // The first one fails for a reason of its own: the next one is not its victim.
    let nameless = User {
        email: String::from("eve@example.org"),
        ..User::new("bob")
    };
    User::create(&db, User::new("eve")).await.unwrap();
    let created = User::create_many(&db, [nameless, User::new("bob")]).await;
    let created = outcomes(created.unwrap());
    assert_eq!(created[0].as_ref().err(), Some(&"SB-UNIQUE"));
    assert!(created[1].is_ok());
    db.close().await;
    assert_sound(&world).await;
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_after_every_item() {
    let (_world, db) = open().await;
    Note::create(&db, note(1)).await.unwrap();
    let mut told: Vec<Progress> = Vec::new();
    let batch =
        Note::create_many(&db, (0..4).map(note)).on_progress(|progress| told.push(progress));
    let sizes: u64 = batch
        .await
        .unwrap()
        .iter()
        .flatten()
        .map(|note| note.meta().size as u64)
        .sum();
    let ended: Vec<_> = told.iter().map(Progress::ended).collect();
    assert_eq!(ended, [1, 2, 3, 4]);
    let last = told[3];
    let expected = Progress {
        total: Some(4),
        done: 3,
        failed: 1,
        unknown: 0,
        bytes: sizes,
    };
    assert_eq!(last, expected);
    assert!(sizes > 3 * 200);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_batch_ends_what_is_under_way_and_begins_no_more() {
    let world = World::new(1);
    let gauge = Gauge::over(world.store.clone());
    let db = world.builder(0, gauge.clone()).open().await.unwrap();
    let handle = BatchHandle::new();
    let canceller = handle.clone();
    let batch = Note::create_many(&db, (0..200).map(note))
        .with_handle(&handle)
        .on_progress(move |progress| {
            if progress.done == 40 {
                canceller.cancel();
            }
        });
    let results = outcomes(batch.await.unwrap());
    let states = handle.states();
    assert_eq!(results.len(), 200);
    let mut created = 0;
    for (position, result) in results.iter().enumerate() {
        let is_there = Note::exists(&db, &note(position).id).await.unwrap();
        match result {
            Ok(_) => {
                created += 1;
                assert!(is_there);
                assert_eq!(states[position], ItemState::Done);
            }
            Err(code) => {
                assert_eq!((*code, is_there), ("SB-CANCELLED", false));
                let state = states.get(position).copied().unwrap_or_default();
                assert_eq!(state, ItemState::NotBegun);
            }
        }
    }
    assert!((40..=40 + 32).contains(&created), "{created}");
    assert_eq!(handle.progress().done, created);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_batch_leaves_an_account_of_every_item() {
    let world = World::new(1);
    let gauge = Gauge::over(world.store.clone());
    let db = world.builder(0, gauge.clone()).open().await.unwrap();
    Note::exists(&db, &note(0).id).await.unwrap();
    let handle = BatchHandle::new();
    let mut new: Vec<Note> = (0..200).map(note).collect();
    new[3].id = "x".repeat(300);
    let batch = Note::create_many(&db, new).with_handle(&handle);
    let cut = tokio::time::timeout(Duration::from_millis(150), batch.into_future()).await;
    assert!(cut.is_err());
    let progress = handle.progress();
    let states = handle.states();
    let count = |wanted| states.iter().filter(|state| **state == wanted).count();
    assert_eq!(states[3], ItemState::Failed);
    assert_eq!(count(ItemState::Done) as u64, progress.done);
    assert_eq!(count(ItemState::Unknown), 32);
    assert_eq!(count(ItemState::Running), 0);
    assert!(progress.done >= 32 && states.len() < 200, "{progress:?}");
    db.close().await; // what was under way ends
    let db = world.open(1).await;
    for position in (0..200).filter(|position| *position != 3) {
        let is_there = Note::exists(&db, &note(position).id).await.unwrap();
        match states.get(position).copied().unwrap_or_default() {
            ItemState::Done => assert!(is_there),
            ItemState::NotBegun => assert!(!is_there),
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_of_one_item_is_unknown_and_counted_so() {
    let world = World::new(1);
    let probe = Arc::new(FaultStore::recording(world.store.clone()));
    let db = world.builder(0, probe.clone()).open().await.unwrap();
    Note::create(&db, note(0)).await.unwrap();
    db.close().await;
    // Everything fails after the first puts of the batch were carried out: nobody can read back.
    let store = Arc::new(FaultStore::at(world.store.clone(), 6, Fault::CrashAfter));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    let handle = BatchHandle::new();
    let batch = Note::create_many(&db, (1..9).map(note)).with_handle(&handle);
    let results = outcomes(batch.await.unwrap());
    assert!(store.was_hit());
    let progress = handle.progress();
    assert_eq!(progress.ended(), 8);
    let unknown = results
        .iter()
        .filter(|result| matches!(result, Err("SB-OUTCOME-UNKNOWN")))
        .count();
    assert_eq!(progress.unknown, unknown as u64);
    assert!(unknown > 0, "{results:?}");
}

#[tokio::test(start_paused = true)]
async fn inside_a_transaction_a_batch_is_part_of_it() {
    let (world, db) = open().await;
    User::create_many(&db, users(&["a", "b", "c"]))
        .await
        .unwrap();
    let aborted = db
        .transaction(|tx| async move {
            // What was read in the transaction is known; what was not is found out by the commit.
            User::exists(&tx, &id("a")).await?;
            let created = User::create_many(&tx, users(&["d", "a", "d"])).await?;
            let created = outcomes(created);
            assert!(created[0].is_ok());
            assert_eq!(created[1].as_ref().err(), Some(&"SB-EXISTS"));
            assert_eq!(created[2].as_ref().err(), Some(&"SB-EXISTS"));
            let there = User::exists_many(&tx, ["d", "e"].map(id)).await?;
            assert_eq!(outcomes(there), [Ok(true), Ok(false)]);
            let deleted = User::delete_many(&tx, ["b", "b"].map(id)).await?;
            assert_eq!(outcomes(deleted), [Ok(true), Ok(false)]);
            Err::<(), _>(Error::abort("no"))
        })
        .await;
    assert_eq!(aborted.unwrap_err().kind(), ErrorKind::Aborted);
    assert!(User::exists(&db, &id("b")).await.unwrap());
    assert!(!User::exists(&db, &id("d")).await.unwrap());

    db.transaction(|tx| async move {
        User::create_many(&tx, users(&["d"])).await?;
        let mut loaded: Vec<_> = User::get_many(&tx, ["a", "c"].map(id))
            .await?
            .into_iter()
            .flatten()
            .collect();
        for user in &mut loaded {
            user.plan = "pro".to_owned();
        }
        User::save_many(&tx, &mut loaded).await?;
        User::delete_many(&tx, [id("b")]).await?;
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(User::count_by_plan(&db, "pro").await.unwrap(), 2);
    assert_eq!(User::list(&db).await.unwrap().len(), 3);
    db.close().await;
    assert_sound(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_read_only_database_refuses_a_batch_of_writes_as_a_whole() {
    let (world, db) = open().await;
    User::create(&db, User::new("ada")).await.unwrap();
    let reader = world.builder(1, world.store.clone()).read_only(true);
    let reader = reader.open().await.unwrap();
    let refused = User::delete_many(&reader, [id("ada")]).await.unwrap_err();
    assert_eq!(refused.code(), "SB-READ-ONLY");
    let there = User::exists_many(&reader, [id("ada")]).await.unwrap();
    assert_eq!(outcomes(there), [Ok(true)]);
    let writer = User::batch_writer(&reader);
    let refused = writer.delete(&id("ada")).await.unwrap_err();
    assert_eq!(refused.code(), "SB-READ-ONLY");
}

#[tokio::test(start_paused = true)]
async fn a_batch_writer_writes_at_its_limits_of_items_bytes_and_time() {
    let (_world, db) = open().await;
    let count = async || Note::list(&db).await.unwrap().len();
    let patient = Duration::from_secs(60 * 60);

    let writer = Note::batch_writer(&db).max_items(3).max_delay(patient);
    for number in 0..5 {
        let ticket = writer.create(note(number)).await.unwrap();
        assert_eq!(ticket.number(), number as u64);
    }
    assert_eq!(count().await, 3);
    let report = writer.close().await;
    assert_eq!((report.tickets.clone(), report.written()), (0..5, 5));
    assert_eq!(count().await, 5);

    let writer = Note::batch_writer(&db).max_bytes(10_000).max_delay(patient);
    let long = |number| Note {
        text: "x".repeat(4_000),
        ..note(number)
    };
    writer.create(long(10)).await.unwrap();
    writer.create(long(11)).await.unwrap();
    assert_eq!(count().await, 5);
    writer.create(long(12)).await.unwrap();
    assert_eq!(count().await, 8);
    writer.close().await;

    let writer = Note::batch_writer(&db).max_delay(Duration::from_secs(2));
    writer.create(note(20)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    assert_eq!(count().await, 8);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(count().await, 9);
    assert_eq!(writer.close().await.written(), 1);
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_writer_reports_every_failure_by_its_ticket() {
    let (world, db) = open().await;
    User::create_many(&db, users(&["a", "b"])).await.unwrap();
    let mut a = User::get(&db, &id("a")).required().await.unwrap();
    let stale = a.clone();
    a.age = 1;
    a.save(&db).await.unwrap();
    let mut changed = stale;
    changed.age = 2;

    let writer = User::batch_writer(&db);
    let new = writer.create(User::new("c")).await.unwrap();
    let taken = writer.create(User::new("b")).await.unwrap();
    let conflict = writer.save(changed).await.unwrap();
    let gone = writer.delete(&id("b")).await.unwrap();
    // After the delete of the same document, since it was handed in after it.
    let again = writer.create(User::new("b")).await.unwrap();
    let report = writer.flush().await;
    assert_eq!(report.tickets, 0..5);
    let code = |ticket| report.result(ticket).unwrap().map_err(Error::code);
    assert_eq!(code(new), Ok(()));
    assert_eq!(code(taken), Err("SB-EXISTS"));
    assert_eq!(code(conflict), Err("SB-REVISION"));
    assert_eq!(code(gone), Ok(()));
    assert_eq!(code(again), Ok(()));
    assert_eq!((report.written(), report.failures.len()), (3, 2));

    let later = writer.upsert(User::new("a").plan("pro")).await.unwrap();
    assert!(report.result(later).is_none());
    let report = writer.close().await;
    assert_eq!((report.tickets, report.failures.len()), (5..6, 0));
    assert_eq!(User::count_by_plan(&db, "pro").await.unwrap(), 1);
    db.close().await;
    assert_sound(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_writer_holds_no_more_than_its_limits_and_makes_writers_wait() {
    let world = World::new(1);
    let gauge = Gauge::over(world.store.clone());
    let db = world.builder(0, gauge.clone()).open().await.unwrap();
    Note::create(&db, note(9_999)).await.unwrap();
    let writer = Note::batch_writer(&db).max_items(32);
    let begun = tokio::time::Instant::now();
    for number in 0..320 {
        writer.create(note(number)).await.unwrap();
    }
    // Ten batches of 32 side by side, each as long as one put: nobody ran ahead of the store.
    let took = begun.elapsed();
    assert!((200..=230).contains(&took.as_millis()), "{took:?}");
    assert_eq!(gauge.documents.most(), 32);
    assert_eq!(writer.close().await.written(), 320);

    // Failures that nobody looks at stop it too.
    let writer = Note::batch_writer(&db).max_items(1).max_failures(2);
    for _ in 0..2 {
        writer.create(note(1)).await.unwrap();
    }
    let full = writer.create(note(2)).await.unwrap_err();
    assert_eq!(full.code(), "SB-TOO-MANY");
    assert_eq!(writer.flush().await.failures.len(), 2);
    writer.create(note(999)).await.unwrap();
    assert_eq!(writer.close().await.written(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_nobody_waits_for_is_in_the_next_report() {
    let world = World::new(1);
    let gauge = Gauge::over(world.store.clone());
    let db = world.builder(0, gauge.clone()).open().await.unwrap();
    Note::create(&db, note(1)).await.unwrap();
    let writer = Note::batch_writer(&db);
    writer.create(note(1)).await.unwrap();
    writer.create(note(2)).await.unwrap();
    assert!(writer.flush().now_or_never().is_none());
    let report = writer.flush().await;
    assert_eq!(report.tickets, 0..2);
    assert_eq!(report.failures.len(), 1);
    assert_eq!(report.failures[0].1.code(), "SB-EXISTS");
    writer.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_writer_that_is_dropped_says_what_it_loses() {
    let traced = Traced::default();
    let _guard = tracing::subscriber::set_default(traced.clone());
    let (world, db) = open().await;
    let writer = Note::batch_writer(&db);
    writer.create(note(1)).await.unwrap();
    writer.create(note(2)).await.unwrap();
    drop(writer);
    let text = traced.text();
    assert!(text.contains("a batch writer was dropped"), "{text}");
    assert!(text.contains("lost: 2"), "{text}");
    let writer = Note::batch_writer(&db);
    writer.create(note(3)).await.unwrap();
    writer.close().await;
    db.close().await;
    assert_eq!(traced.text().matches("was dropped").count(), 1);
    let db = world.open(1).await;
    assert_eq!(Note::list(&db).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_closed_database_does_not_write_is_in_the_report() {
    let (world, db) = open().await;
    let writer = Note::batch_writer(&db);
    writer.create(note(1)).await.unwrap();
    db.close().await;
    let report = writer.close().await;
    assert_eq!(report.written(), 0);
    assert_eq!(report.failures[0].1.code(), "SB-CLOSED");
    let db = world.open(1).await;
    assert!(Note::list(&db).await.unwrap().is_empty());
}

fn events(count: u64) -> impl Iterator<Item = NewEvent> + Send {
    (0..count).map(|number| NewEvent {
        number,
        kind: format!("k{}", number % 3),
    })
}

fn import(db: &Db, count: u64) -> Import<'_, Event> {
    Event::import(db, "first", events(count)).batch_size(4)
}

#[tokio::test(start_paused = true)]
async fn an_import_that_dies_at_any_call_goes_on_and_creates_nothing_twice() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter, Fault::LoseReply] {
        let mut call = 0;
        loop {
            let world = World::new(call);
            let store = Arc::new(FaultStore::at(world.store.clone(), call, fault));
            let died = match world.builder(0, store.clone()).open().await {
                Ok(db) => {
                    let died = import(&db, 10).await.is_err();
                    // A process that died leaves nothing running.
                    drop(db);
                    died
                }
                Err(_) => true,
            };
            tokio::time::sleep(Duration::from_secs(120)).await;
            let db = world.open(1).await;
            let report = import(&db, 10).await.unwrap();
            let counts = (report.items, report.created + report.existed, report.failed);
            assert_eq!(counts, (10, 10, 0), "{fault:?} at {call}: {report:?}");
            let found = Event::list(&db).await.unwrap();
            let numbers: BTreeSet<u64> = found.iter().map(|event| event.number).collect();
            assert_eq!(
                (found.len(), numbers.len()),
                (10, 10),
                "{fault:?} at {call}"
            );
            db.close().await;
            let damage = invariant::damage::<Event>(&*world.store).await;
            assert_eq!(damage, Vec::<String>::new(), "{fault:?} at {call}");
            if !store.was_hit() {
                assert!(!died && call > 20, "{fault:?} at {call}");
                break;
            }
            call += 1;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_finished_import_does_nothing_again_and_another_name_begins_anew() {
    let (world, db) = open().await;
    let mut told = Vec::new();
    let report = import(&db, 10).on_progress(|progress| told.push(progress.done));
    let report = report.await.unwrap();
    assert_eq!((report.created, report.existed, report.skipped), (10, 0, 0));
    assert_eq!(told, [4, 8, 10]);
    let before = invariant::dump(&*world.store).await;
    let again = import(&db, 10).await.unwrap();
    assert_eq!((again.created, again.skipped), (10, 10));
    assert_eq!(invariant::dump(&*world.store).await, before);
    // Other keys, the same unique values: refused one by one.
    let other = Event::import(&db, "second", events(10)).await.unwrap();
    assert_eq!((other.created, other.failed), (0, 10));
    assert_eq!(other.failures[9].0, 9);
    assert_eq!(other.failures[9].1.kind(), ErrorKind::Unique);
}

#[tokio::test(start_paused = true)]
async fn an_import_goes_on_past_bad_items_and_says_which() {
    let (_world, db) = open().await;
    User::create(&db, User::new("u1")).await.unwrap();
    User::create(&db, User::new("u2").plan("pro"))
        .await
        .unwrap();
    let source = users(&["u0", "u1", "u2", "u3"])
        .into_iter()
        .chain([User::new(&"x".repeat(300)), User::new("u5")]);
    let report = User::import(&db, "people", source).await.unwrap();
    let counts = (report.items, report.created, report.existed, report.failed);
    assert_eq!(counts, (6, 3, 1, 2));
    let failures: Vec<_> = report
        .failures
        .iter()
        .map(|(position, error)| (*position, error.code()))
        .collect();
    assert_eq!(failures, [(2, "SB-EXISTS"), (4, "SB-INVALID-ID")]);
}

#[tokio::test(start_paused = true)]
async fn an_import_with_another_source_or_a_broken_one_is_refused() {
    let (_world, db) = open().await;
    let broken = events(10)
        .map(Ok)
        .take(6)
        .chain([Err(Error::abort("line 7"))]);
    let source = futures::stream::iter(broken);
    let error = Event::import_stream(&db, "first", source)
        .batch_size(4)
        .await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Aborted);
    let shorter = import(&db, 3).await.unwrap_err();
    assert_eq!(shorter.kind(), ErrorKind::Invalid);
    let other = events(10).map(|event| NewEvent {
        number: event.number + 1,
        ..event
    });
    // Automatic keys say nothing of the content; documents with keys of their own do.
    let _ = other;
    let names = |first: usize| (first..first + 9).map(note);
    let cut = names(0).map(Ok).take(6).chain([Err(Error::abort("cut"))]);
    let cut = Note::import_stream(&db, "notes", futures::stream::iter(cut)).batch_size(4);
    cut.await.unwrap_err();
    let other = Note::import(&db, "notes", names(1)).batch_size(4).await;
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Invalid);
    let report = Note::import(&db, "notes", names(0)).batch_size(4).await;
    let report = report.unwrap();
    assert_eq!((report.created, report.skipped), (9, 4));
    let name = Event::import(&db, "../x", events(1)).await.unwrap_err();
    assert_eq!(name.code(), "SB-INVALID");
}

#[tokio::test(start_paused = true)]
async fn two_processes_that_run_one_import_create_every_document_once() {
    let (world, first) = open().await;
    let second = world.open(1).await;
    let (one, two) = tokio::join!(
        import(&first, 40).into_future(),
        import(&second, 40).into_future()
    );
    let failed = [one, two].into_iter().filter_map(Result::err);
    for error in failed {
        assert_eq!(error.code(), "SB-CONTENTION");
    }
    let report = import(&first, 40).await.unwrap();
    assert_eq!((report.items, report.failed), (40, 0));
    assert_eq!(Event::list(&first).await.unwrap().len(), 40);
}
