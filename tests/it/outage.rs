//! An index that loses its entries, or does not answer, under virtual time: who builds it again, from what, and what queries do
//! meanwhile.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use serde_json::Value;
use smarterbase::prelude::*;
use smarterbase_core::{
    db::DbBuilder,
    document::Version,
    format::{Key, Prefix},
    operation::outage::{Fallback, RebuildPhase, RebuildProgress, Reconcile},
    port::{
        Attempt, Capabilities, CasStore, Changed, Clock, Expect, ListPage, Object, StoreError,
        StoreErrorKind,
    },
    store::MemoryStore,
};
use smarterbase_testkit::{
    MemoryIndex,
    sweep::{Latencies, LatentStore, World},
};

use crate::traced::Traced;

pub(crate) const CATALOG: &str = "_sys/collection/items.json";

/// Three indexes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "items")]
pub(crate) struct Item {
    #[key]
    pub(crate) id: String,
    #[index]
    pub(crate) shelf: String,
    #[index(range)]
    pub(crate) weight: u32,
    #[index]
    pub(crate) label: Option<String>,
}

pub(crate) fn item(number: u32) -> Item {
    Item {
        id: format!("{number:05}"),
        shelf: format!("shelf-{}", number % 100),
        weight: number,
        label: number.is_multiple_of(2).then(|| "even".to_owned()),
    }
}

/// What rebuilds told, each with its moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<(Duration, RebuildProgress)>>>);

impl Told {
    pub(crate) fn listen(&self, world: &World, builder: DbBuilder) -> DbBuilder {
        let (told, clock) = (self.0.clone(), world.clock.clone());
        builder.on_rebuild(move |progress| {
            told.lock()
                .unwrap()
                .push((clock.elapsed(), progress.clone()));
        })
    }

    pub(crate) fn first(&self, phase: RebuildPhase) -> Option<(Duration, RebuildProgress)> {
        let told = self.0.lock().unwrap();
        told.iter()
            .find(|(_, progress)| progress.phase == phase)
            .cloned()
    }

    pub(crate) fn count(&self, phase: RebuildPhase) -> usize {
        let told = self.0.lock().unwrap();
        told.iter()
            .filter(|(_, progress)| progress.phase == phase)
            .count()
    }

    pub(crate) fn forget(&self) {
        self.0.lock().unwrap().clear();
    }

    pub(crate) async fn until(&self, phase: RebuildPhase) -> (Duration, RebuildProgress) {
        for _ in 0..2_000 {
            if let Some(found) = self.first(phase) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        panic!(
            "{phase:?} was not told within 500 s: {:#?}",
            self.0.lock().unwrap()
        );
    }
}

/// A process with its own way to the index.
pub(crate) struct Process {
    pub(crate) db: Db,
    pub(crate) told: Told,
    pub(crate) index: MemoryIndex,
}

impl Process {
    pub(crate) async fn start(world: &World, client: u64, index: &MemoryIndex) -> Self {
        Self::on(world, client, index, world.store.clone()).await
    }

    pub(crate) async fn on(
        world: &World,
        client: u64,
        index: &MemoryIndex,
        store: Arc<dyn CasStore>,
    ) -> Self {
        let index = index.from_another_process();
        Self::with(world, world.builder(client, store), index).await
    }

    pub(crate) async fn with(world: &World, builder: DbBuilder, index: MemoryIndex) -> Self {
        let told = Told::default();
        let builder = told.listen(world, builder);
        let db = builder.index(Arc::new(index.clone())).open().await.unwrap();
        Self { db, told, index }
    }

    pub(crate) async fn fill(&self, items: std::ops::Range<u32>) {
        stream::iter(items)
            .map(async |number| Item::create(&self.db, item(number)).await)
            .buffer_unordered(64)
            .try_collect::<Vec<_>>()
            .await
            .unwrap();
    }

    /// The ids on a shelf, and whether documents had to be listed.
    pub(crate) async fn on_shelf(&self, shelf: &str) -> (Vec<String>, bool) {
        let before = self.db.request_counts().snapshot();
        let items = Item::find_by_shelf(&self.db, shelf).await.unwrap();
        let requests = self.db.request_counts().snapshot() - before;
        (
            items.iter().map(|item| item.id.clone()).collect(),
            requests.lists > 0,
        )
    }
}

pub(crate) async fn catalog(world: &World) -> Value {
    let object = world.store.get(&Key::from_stored(CATALOG)).await.unwrap();
    serde_json::from_slice(&object.unwrap().bytes).unwrap()
}

pub(crate) async fn states(world: &World) -> BTreeSet<String> {
    let catalog = catalog(world).await;
    let definitions = catalog["definitions"].as_object().unwrap().values();
    definitions
        .map(|entry| {
            entry["backends"]["memory"]["state"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

pub(crate) fn only(state: &str) -> BTreeSet<String> {
    [state.to_owned()].into()
}

#[tokio::test(start_paused = true)]
async fn an_index_that_lost_everything_is_built_again_by_itself() {
    let world = World::new(1);
    let index = MemoryIndex::new();
    let process = Process::start(&world, 0, &index).await;
    process.fill(0..200).await;
    let expected = vec!["00007".to_owned(), "00107".to_owned()];
    assert_eq!(process.on_shelf("shelf-7").await, (expected.clone(), false));

    index.flush();
    assert_eq!(process.on_shelf("shelf-7").await, (expected.clone(), true));
    let (_, progress) = process.told.until(RebuildPhase::Ready).await;
    assert_eq!((progress.listed, progress.read), (200, 200));
    assert_eq!(process.on_shelf("shelf-7").await, (expected, false));
    assert_eq!(
        catalog(&world).await.get("builder"),
        None,
        "nobody builds any more"
    );
    process.db.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_nobody_meets_is_found_by_looking() {
    let world = World::new(2);
    let index = MemoryIndex::new();
    let process = Process::start(&world, 0, &index).await;
    process.fill(0..10).await;
    index.flush();
    let lost_at = world.clock.elapsed();
    let (begun_at, _) = process.told.until(RebuildPhase::Waiting).await;
    assert!(
        begun_at - lost_at <= Duration::from_secs(40),
        "{:?}",
        begun_at - lost_at
    );
    process.told.until(RebuildPhase::Ready).await;
    process.db.close().await;
}

/// Watches `mark_down` in `operation/attach/down.rs`.
#[tokio::test(start_paused = true)]
async fn of_two_that_meet_a_loss_the_one_who_marks_the_index_down_says_so() {
    let world = World::new(9);
    let index = MemoryIndex::new();
    let (one, two) = (
        Process::start(&world, 0, &index).await,
        Process::start(&world, 1, &index).await,
    );
    one.fill(0..10).await;
    two.on_shelf("shelf-7").await;
    let traced = Traced::default();
    let _guard = tracing::subscriber::set_default(traced.clone());
    index.flush();
    let (first, second) = tokio::join!(one.on_shelf("shelf-7"), two.on_shelf("shelf-7"));
    let scanned = (vec!["00007".to_owned()], true);
    assert_eq!((&first, &second), (&scanned, &scanned));
    assert_eq!(traced.text().matches("is marked down").count(), 1);
    for process in [one, two] {
        process.db.close().await;
    }
}

/// 10,000 documents with three indexes; 10 ms GET, 25 ms LIST, half a millisecond for a call of the index.
#[tokio::test(start_paused = true)]
async fn ten_thousand_documents_are_read_again_in_under_four_seconds_and_after_a_failover_only_what_changed()
 {
    let world = World::new(3);
    let index = MemoryIndex::with_latency(Duration::from_micros(500));
    let filler = Process::start(&world, 0, &index).await;
    filler.fill(0..10_000).await;
    filler.db.close().await;

    let latent = LatentStore::exact(world.store.clone(), Latencies::CONTRACT);
    let process = Process::on(&world, 1, &index, Arc::new(latent)).await;
    assert!(!process.on_shelf("shelf-7").await.0.is_empty());
    index.flush();
    let before = process.db.request_counts().snapshot();
    let (begun_at, _) = process.told.until(RebuildPhase::Waiting).await;
    let (reading_at, _) = process.told.until(RebuildPhase::Reading).await;
    let (ready_at, progress) = process.told.until(RebuildPhase::Ready).await;
    let requests = process.db.request_counts().snapshot() - before;
    // Rule S1: 5 s for the copies of the catalog, and a minute for writes on their way. It is not counted below.
    let waited = reading_at - begun_at;
    assert!((64_900..65_100).contains(&waited.as_millis()), "{waited:?}");
    let took = ready_at - reading_at;
    println!("everything lost: {progress:?} in {took:?}, {requests:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!((progress.listed, progress.read), (10_000, 10_000));
    assert_eq!(requests.lists, 10);

    // A failover to a replica that has not got the last one in a hundred.
    let replica = index.backup();
    let shelves = stream::iter((0..10_000).step_by(100));
    let moved = shelves.map(async |number| {
        Item::update(&process.db, &item(number).id, |item| {
            item.shelf = "moved".to_owned();
            Ok(())
        })
        .await
    });
    moved
        .buffer_unordered(16)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    index.restart_from(&replica);
    process.told.forget();
    let before = process.db.request_counts().snapshot();
    let (reading_at, _) = process.told.until(RebuildPhase::Reading).await;
    let (ready_at, progress) = process.told.until(RebuildPhase::Ready).await;
    let requests = process.db.request_counts().snapshot() - before;
    println!(
        "failover: {progress:?} in {:?}, {requests:?}",
        ready_at - reading_at
    );
    assert_eq!((progress.listed, progress.read), (10_000, 100));
    assert_eq!(requests.lists, 10);
    // Besides them the catalog: a look, the election, a beat every five seconds, and the end.
    assert!((100..140).contains(&requests.gets), "{requests:?}");

    let (found, is_listed) = process.on_shelf("moved").await;
    assert_eq!((found.len(), is_listed), (100, false));
    assert_eq!(
        process.on_shelf("shelf-0").await,
        (vec![], false),
        "all of them moved"
    );
    let heavy = Item::find_by_weight_in(&process.db, 9_990..).await.unwrap();
    assert_eq!(
        heavy.len(),
        10,
        "what was not read is found through what was left"
    );
    process.db.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_not_gone_on_with_where_an_index_is_missing() {
    let world = World::new(4);
    let index = MemoryIndex::new();
    let process = Process::start(&world, 0, &index).await;
    process.fill(0..50).await;
    index.evict_indexes();
    let (found, is_listed) = process.on_shelf("shelf-7").await;
    assert_eq!((found.len(), is_listed), (1, true));
    let (_, progress) = process.told.until(RebuildPhase::Ready).await;
    assert_eq!(progress.read, 50);
    assert_eq!(
        process.on_shelf("shelf-7").await,
        (vec!["00007".to_owned()], false)
    );
    process.db.close().await;
}

#[tokio::test(start_paused = true)]
async fn deletions_and_changes_during_an_outage_are_taken_in_afterwards() {
    let world = World::new(5);
    let index = MemoryIndex::new();
    let process = Process::start(&world, 0, &index).await;
    process.fill(0..300).await;
    index.take_away(true);
    Item::delete(&process.db, &item(7).id).await.unwrap();
    Item::update(&process.db, &item(107).id, |item| {
        item.shelf = "moved".to_owned();
        Ok(())
    })
    .await
    .unwrap();
    process.fill(300..310).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(
        process.told.first(RebuildPhase::Waiting),
        None,
        "it does not begin while the index is away"
    );

    index.take_away(false);
    let (_, progress) = process.told.until(RebuildPhase::Ready).await;
    assert_eq!((progress.listed, progress.read), (310, 12));
    assert_eq!(
        process.on_shelf("shelf-7").await,
        (vec!["00207".to_owned(), "00307".to_owned()], false)
    );
    assert_eq!(
        process.on_shelf("moved").await,
        (vec!["00107".to_owned()], false)
    );
    assert_eq!(process.on_shelf("shelf-1").await.0.len(), 4);
    process.db.close().await;
}

/// The first write after a loss waits until nobody believes the index any more; no later one does, also not when the rebuild
/// begins and ends.
#[tokio::test(start_paused = true)]
async fn only_the_first_write_after_a_loss_waits() {
    let world = World::new(6);
    let index = MemoryIndex::new();
    let (one, two) = (
        Process::start(&world, 0, &index).await,
        Process::start(&world, 1, &index).await,
    );
    one.fill(0..10).await;
    two.fill(10..20).await;
    index.flush();
    let mut waited = [Vec::new(), Vec::new()];
    for number in 0..600 {
        for (process, waited) in [&one, &two].into_iter().zip(&mut waited) {
            let began_at = world.clock.elapsed();
            let shelf = format!("round-{number}");
            Item::update(&process.db, &item(3).id, |item| {
                item.shelf.clone_from(&shelf);
                Ok(())
            })
            .await
            .unwrap();
            let took = world.clock.elapsed() - began_at;
            if took > Duration::from_millis(100) {
                waited.push((number, took));
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(states(&world).await, only("ready"));
    for waited in waited {
        assert!(
            waited
                .iter()
                .all(|(number, took)| *number == 0 && *took < Duration::from_secs(6)),
            "{waited:?}"
        );
    }
    assert_eq!(
        one.on_shelf("round-599").await,
        (vec!["00003".to_owned()], false)
    );
    one.db.close().await;
    two.db.close().await;
}

/// Many processes notice; one builds.
#[tokio::test(start_paused = true)]
async fn one_process_is_elected() {
    let world = World::new(7);
    let index = MemoryIndex::new();
    let mut processes = Vec::new();
    for client in 0..4 {
        let process = Process::start(&world, client, &index).await;
        process
            .fill((client as u32 * 10)..(client as u32 * 10 + 10))
            .await;
        processes.push(process);
    }
    index.flush();
    for process in &processes {
        assert_eq!(process.on_shelf("shelf-7").await.0, ["00007"]);
    }
    tokio::time::sleep(Duration::from_secs(120)).await;
    let builders = processes
        .iter()
        .map(|process| process.told.count(RebuildPhase::Waiting));
    assert_eq!(builders.sum::<usize>(), 1);
    for process in processes {
        assert_eq!(
            process.on_shelf("shelf-7").await,
            (vec!["00007".to_owned()], false)
        );
        process.db.close().await;
    }
}

/// A store whose process can be stopped, for ever or for a while.
pub(crate) struct Mortal {
    inner: Arc<dyn CasStore>,
    stands_still: AtomicBool,
    /// A put of a key that begins so is not made, and stops the process.
    last_put: Mutex<Option<&'static str>>,
    /// A put of a key that begins so is made, and stops the process before it hears of it.
    unheard_put: Mutex<Option<&'static str>>,
    /// What happens right before the next put of the catalog arrives.
    before_catalog: Mutex<Option<BoxFuture<'static, ()>>>,
    /// How long a get of a document takes.
    get_takes: Mutex<Duration>,
    /// No put of the catalog arrives.
    is_silent: AtomicBool,
    /// Nothing may be put.
    is_denied: AtomicBool,
}

impl Mortal {
    pub(crate) fn over(inner: Arc<dyn CasStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            stands_still: AtomicBool::new(false),
            last_put: Mutex::default(),
            unheard_put: Mutex::default(),
            before_catalog: Mutex::default(),
            get_takes: Mutex::default(),
            is_silent: AtomicBool::new(false),
            is_denied: AtomicBool::new(false),
        })
    }

    pub(crate) fn silence(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::SeqCst);
    }

    pub(crate) fn deny(&self, is_denied: bool) {
        self.is_denied.store(is_denied, Ordering::SeqCst);
    }

    pub(crate) fn get_takes(&self, time: Duration) {
        *self.get_takes.lock().unwrap() = time;
    }

    pub(crate) fn stop(&self) {
        self.stands_still.store(true, Ordering::SeqCst);
    }

    pub(crate) fn go_on(&self) {
        *self.last_put.lock().unwrap() = None;
        *self.unheard_put.lock().unwrap() = None;
        self.stands_still.store(false, Ordering::SeqCst);
    }

    pub(crate) fn stop_at_put(&self, prefix: &'static str) {
        *self.last_put.lock().unwrap() = Some(prefix);
    }

    pub(crate) fn stop_after_put(&self, prefix: &'static str) {
        *self.unheard_put.lock().unwrap() = Some(prefix);
    }

    pub(crate) fn before_catalog(&self, meanwhile: impl Future<Output = ()> + Send + 'static) {
        *self.before_catalog.lock().unwrap() = Some(meanwhile.boxed());
    }

    pub(crate) fn stands_still(&self) -> bool {
        self.stands_still.load(Ordering::SeqCst)
    }

    async fn live(&self) {
        while self.stands_still() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn meet(&self, key: &Key) {
        let last = *self.last_put.lock().unwrap();
        if last.is_some_and(|prefix| key.as_str().starts_with(prefix)) {
            self.stop();
        }
        if key.as_str() == CATALOG {
            let meanwhile = self.before_catalog.lock().unwrap().take();
            meanwhile
                .unwrap_or_else(|| std::future::ready(()).boxed())
                .await;
        }
    }
}

impl std::fmt::Debug for Mortal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mortal").finish_non_exhaustive()
    }
}

#[async_trait]
impl CasStore for Mortal {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        self.live().await;
        if key.as_str().starts_with("items/") {
            let time = *self.get_takes.lock().unwrap();
            tokio::time::sleep(time).await;
        }
        self.inner.get(key).await
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        self.live().await;
        self.inner.get_if_changed(key, version).await
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        self.meet(key).await;
        self.live().await;
        while key.as_str() == CATALOG && self.is_silent.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        if self.is_denied.load(Ordering::SeqCst) {
            return Attempt::Refused(StoreError::new(StoreErrorKind::Denied, "as it was told to"));
        }
        let attempt = self.inner.put(key, expect, body).await;
        let unheard = *self.unheard_put.lock().unwrap();
        if unheard.is_some_and(|prefix| key.as_str().starts_with(prefix)) {
            self.stop();
            self.live().await;
        }
        attempt
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        self.live().await;
        self.inner.delete_if(key, version).await
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        self.live().await;
        self.inner.delete_retired(key).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        self.live().await;
        self.inner.list(prefix, after, limit).await
    }
}

/// The builder dies while it waits; another process takes the same generation over, and waits only for what is left of the
/// time that it has seen it `building`.
#[tokio::test(start_paused = true)]
async fn another_process_takes_over_when_the_builder_dies() {
    let world = World::new(8);
    let index = MemoryIndex::new();
    let mortal = Mortal::over(world.store.clone());
    let doomed = Process::on(&world, 0, &index, mortal.clone()).await;
    doomed.fill(0..20).await;
    index.flush();
    assert_eq!(doomed.on_shelf("shelf-7").await.0, ["00007"]);
    doomed.told.until(RebuildPhase::Waiting).await;

    let heir = Process::start(&world, 1, &index).await;
    assert_eq!(heir.on_shelf("shelf-7").await.0, ["00007"]);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(
        heir.told.first(RebuildPhase::Waiting),
        None,
        "the builder shows that it lives"
    );
    let generation = catalog(&world).await["definitions"].clone();
    mortal.stop();
    doomed.index.cut_off(true);
    let died_at = world.clock.elapsed();

    let (taken_at, _) = heir.told.until(RebuildPhase::Waiting).await;
    assert!(
        (20..30).contains(&(taken_at - died_at).as_secs()),
        "{:?}",
        taken_at - died_at
    );
    assert_eq!(
        catalog(&world).await["definitions"],
        generation,
        "nothing begins anew"
    );
    let (ready_at, progress) = heir.told.until(RebuildPhase::Ready).await;
    assert_eq!(progress.read, 20);
    assert!(
        ready_at - taken_at < Duration::from_secs(65),
        "{:?}",
        ready_at - taken_at
    );
    assert_eq!(
        heir.on_shelf("shelf-7").await,
        (vec!["00007".to_owned()], false)
    );
    heir.db.close().await;
}

/// A builder that dies while it reads: what it had told need not be read again.
#[tokio::test(start_paused = true)]
async fn a_rebuild_goes_on_where_the_dead_builder_stopped() {
    let world = World::new(9);
    let index = MemoryIndex::new();
    let filler = Process::start(&world, 2, &index).await;
    filler.fill(0..3_000).await;
    filler.db.close().await;
    let slow = LatentStore::exact(
        world.store.clone(),
        Latencies {
            get: Duration::from_millis(100),
            ..Latencies::CONTRACT
        },
    );
    let mortal = Mortal::over(Arc::new(slow));
    let doomed = Process::on(&world, 0, &index, mortal.clone()).await;
    assert!(!doomed.on_shelf("shelf-7").await.0.is_empty());
    index.flush();
    doomed.told.until(RebuildPhase::Reading).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    mortal.stop();
    doomed.index.cut_off(true);

    let heir = Process::start(&world, 1, &index).await;
    assert!(!heir.on_shelf("shelf-7").await.0.is_empty());
    let (_, progress) = heir.told.until(RebuildPhase::Ready).await;
    assert_eq!(progress.listed, 3_000);
    assert!((1_000..2_500).contains(&progress.read), "{progress:?}");
    assert_eq!(heir.on_shelf("shelf-7").await.0.len(), 30);
    heir.db.close().await;
}

/// Rules S5 and S10: a process that cannot reach the index marks it down with every write, so the rebuild of the other one
/// never makes it ready; once it is gone, the next one does.
#[tokio::test(start_paused = true)]
async fn s10_a_rebuild_is_not_finished_while_somebody_marks_the_index_down() {
    let world = World::new(10);
    let index = MemoryIndex::new();
    let (near, far) = (
        Process::start(&world, 0, &index).await,
        Process::start(&world, 1, &index).await,
    );
    near.fill(0..10).await;
    far.fill(10..20).await;
    far.index.cut_off(true);
    index.flush();
    for round in 0..10 {
        far.fill(100 + round..101 + round).await;
        assert_eq!(near.on_shelf("shelf-0").await.0[0], "00000");
        let on_seven = near.on_shelf("shelf-7").await.0;
        assert_eq!(
            on_seven.contains(&"00107".to_owned()),
            round >= 7,
            "{on_seven:?}"
        );
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    assert_eq!(near.told.first(RebuildPhase::Ready), None);
    assert!(
        near.told.count(RebuildPhase::Waiting) >= 2,
        "it tries again"
    );
    assert!(
        near.told.count(RebuildPhase::Waiting) <= 10,
        "and not all the time"
    );

    far.db.close().await;
    near.told.until(RebuildPhase::Ready).await;
    assert_eq!(
        near.on_shelf("shelf-7").await,
        (vec!["00007".to_owned(), "00107".to_owned()], false)
    );
    near.db.close().await;
}

/// Rule S6: two processes that were opened with two different servers. The catalog names one instance; answers stay right,
/// whoever builds.
#[tokio::test(start_paused = true)]
async fn s06_two_instances_of_an_index_never_give_a_wrong_answer() {
    let world = World::new(11);
    let (ours, theirs) = (MemoryIndex::new(), MemoryIndex::new());
    let (one, two) = (
        Process::start(&world, 0, &ours).await,
        Process::start(&world, 1, &theirs).await,
    );
    one.fill(0..10).await;
    for round in 0..40 {
        let (writer, reader) = if round % 2 == 0 {
            (&one, &two)
        } else {
            (&two, &one)
        };
        writer.fill(100 + round..101 + round).await;
        for process in [writer, reader] {
            let found = Item::find_by_weight_in(&process.db, 100..).await.unwrap();
            let ids: Vec<_> = found.iter().map(|item| item.weight).collect();
            assert_eq!(ids, (100..=100 + round).collect::<Vec<_>>());
        }
        tokio::time::sleep(Duration::from_secs(7)).await;
    }
    one.db.close().await;
    two.db.close().await;
}

/// A process without the backend that was told to abandon it; the one with it builds it again once the other one is gone.
#[tokio::test(start_paused = true)]
async fn s06_what_a_process_without_the_backend_abandoned_comes_back() {
    let world = World::new(12);
    let index = MemoryIndex::new();
    let with = Process::start(&world, 0, &index).await;
    with.fill(0..10).await;
    let builder = world
        .builder(1, world.store.clone())
        .abandon_missing_backends(true);
    let without = builder.open().await.unwrap();
    Item::create(&without, item(107)).await.unwrap();
    assert_eq!(
        with.on_shelf("shelf-7").await,
        (vec!["00007".to_owned(), "00107".to_owned()], true)
    );
    without.close().await;
    with.told.until(RebuildPhase::Ready).await;
    assert_eq!(
        with.on_shelf("shelf-7").await,
        (vec!["00007".to_owned(), "00107".to_owned()], false)
    );
    with.db.close().await;
}

/// The collection had its indexes in objects before; they stand in.
#[tokio::test(start_paused = true)]
async fn another_index_that_is_ready_stands_in() {
    let world = World::new(13);
    let before = world.open(0).await;
    Item::create(&before, item(7)).await.unwrap();
    before.close().await;
    let index = MemoryIndex::new();
    let process = Process::start(&world, 1, &index).await;
    process.db.rebuild_indexes::<Item>().await.unwrap();
    process.fill(8..20).await;
    assert_eq!(
        process.on_shelf("shelf-7").await,
        (vec!["00007".to_owned()], false)
    );

    index.take_away(true);
    let requests = process.db.request_counts().snapshot();
    let never = Item::find_by_shelf(&process.db, "shelf-7")
        .fallback(Fallback::Never)
        .await
        .unwrap();
    let requests = process.db.request_counts().snapshot() - requests;
    assert_eq!(
        (never.len(), requests.gets, requests.lists),
        (1, 1, 1),
        "one document, one page of entries"
    );
    process.db.close().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_fallback_a_query_is_unavailable_and_writes_go_on() {
    let world = World::new(14);
    let index = MemoryIndex::new();
    let process = Process::start(&world, 0, &index).await;
    process.fill(0..20).await;
    let strict = world
        .builder(1, world.store.clone())
        .fallback(Fallback::Never);
    let strict = strict.index(Arc::new(index.clone())).open().await.unwrap();
    assert_eq!(
        Item::find_by_shelf(&strict, "shelf-7").await.unwrap().len(),
        1
    );

    index.take_away(true);
    for error in [
        Item::find_by_shelf(&process.db, "shelf-7")
            .fallback(Fallback::Never)
            .await
            .unwrap_err(),
        Item::find_by_shelf(&strict, "shelf-7").await.unwrap_err(),
        Item::find_by_shelf(&strict, "shelf-7")
            .count()
            .await
            .unwrap_err(),
        Item::query(&strict)
            .filter(|item| item.shelf.eq("shelf-7"))
            .page(5)
            .await
            .unwrap_err(),
        Item::query(&strict)
            .filter(|item| item.shelf.eq("shelf-7"))
            .stream()
            .try_next()
            .await
            .unwrap_err(),
    ] {
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Unavailable, "SB-INDEX-UNAVAILABLE")
        );
    }
    // The request's own word counts; and what never had an index may be scanned for.
    assert_eq!(
        Item::find_by_shelf(&strict, "shelf-7")
            .fallback(Fallback::Scan)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(Item::list(&strict).await.unwrap().len(), 20);
    Item::create(&strict, item(107)).await.unwrap();
    index.take_away(false);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(
        Item::find_by_shelf(&strict, "shelf-7").await.unwrap().len(),
        2
    );
    strict.close().await;
    process.db.close().await;
}

#[tokio::test(start_paused = true)]
async fn switched_off_nothing_is_built_by_itself() {
    let world = World::new(15);
    let index = MemoryIndex::new();
    let told = Told::default();
    let builder = told.listen(&world, world.builder(0, world.store.clone()));
    let builder = builder
        .index(Arc::new(index.clone()))
        .reconcile(Reconcile::off());
    let db = builder.open().await.unwrap();
    Item::create(&db, item(7)).await.unwrap();
    index.flush();
    assert_eq!(Item::find_by_shelf(&db, "shelf-7").await.unwrap().len(), 1);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(states(&world).await, only("down"));
    assert_eq!(told.count(RebuildPhase::Waiting), 0);
    db.rebuild_indexes::<Item>().await.unwrap();
    assert_eq!(states(&world).await, only("ready"));
    assert_eq!(
        told.count(RebuildPhase::Ready),
        1,
        "what is asked for is told as well"
    );
    db.close().await;
}

/// The task ends with the database, also in the middle of a rebuild, which somebody else may go on with at once.
#[tokio::test(start_paused = true)]
async fn closing_ends_the_reconciler_and_releases_its_rebuild() {
    let world = World::new(16);
    let index = MemoryIndex::new();
    let process = Process::start(&world, 0, &index).await;
    process.fill(0..10).await;
    index.flush();
    process.on_shelf("shelf-7").await;
    process.told.until(RebuildPhase::Waiting).await;
    let closed_at = world.clock.elapsed();
    process.db.close().await;
    assert!(world.clock.elapsed() - closed_at < Duration::from_secs(1));
    assert_eq!(catalog(&world).await.get("builder"), None);
    let alive = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert_eq!(alive, 0, "tasks are left");
    let (asked, at) = (index.calls(), world.store.clone());
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(index.calls(), asked);
    drop(at);
    assert_eq!(states(&world).await, only("building"));
}

/// On real time: the task goes with the runtime in which it began, and another one begins with the next operation.
#[test]
fn a_database_that_changes_its_runtime_builds_in_the_next_one() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let (first, index) = (runtime(), MemoryIndex::new());
    let db = first.block_on(async {
        let builder = Db::builder().store(Arc::new(MemoryStore::new()));
        let builder = builder.index(Arc::new(index.clone()));
        let db = builder
            .in_flight_bound(Duration::from_secs(1))
            .open()
            .await
            .unwrap();
        Item::create(&db, item(7)).await.unwrap();
        db
    });
    drop(first);
    index.flush();
    runtime().block_on(async {
        let built = async {
            // By the index alone, once it is there.
            let found = || Item::find_by_shelf(&db, "shelf-7").fallback(Fallback::Never);
            while found().await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(found().await.unwrap().len(), 1);
        };
        let built = tokio::time::timeout(Duration::from_secs(60), built);
        built.await.expect("it is built again");
    });
}

/// The rate is kept.
#[tokio::test(start_paused = true)]
async fn a_rebuild_reads_no_more_than_it_may() {
    let world = World::new(17);
    let index = MemoryIndex::new();
    let told = Told::default();
    let builder = told.listen(&world, world.builder(0, world.store.clone()));
    let slowly = Reconcile {
        documents_per_second: 100,
        ..Reconcile::default()
    };
    let db = builder
        .index(Arc::new(index.clone()))
        .reconcile(slowly)
        .open()
        .await
        .unwrap();
    for number in 0..1_000 {
        Item::create(&db, item(number)).await.unwrap();
    }
    index.flush();
    let (reading_at, _) = told.until(RebuildPhase::Reading).await;
    let (ready_at, _) = told.until(RebuildPhase::Ready).await;
    let took = ready_at - reading_at;
    assert!(
        (Duration::from_secs(9)..Duration::from_secs(12)).contains(&took),
        "{took:?}"
    );
    db.close().await;
}

/// A pause earns nothing: here the LIST takes as long as half of the documents may.
#[tokio::test(start_paused = true)]
async fn a_rebuild_reads_no_faster_after_a_pause() {
    let world = World::new(22);
    let index = MemoryIndex::new();
    let filler = Process::start(&world, 0, &index).await;
    filler.fill(0..1_000).await;
    filler.db.close().await;
    let slow = Latencies {
        list: Duration::from_secs(5),
        ..Latencies::CONTRACT
    };
    let slow = LatentStore::exact(world.store.clone(), slow);
    let told = Told::default();
    let builder = told.listen(&world, world.builder(1, Arc::new(slow)));
    let slowly = Reconcile {
        documents_per_second: 100,
        ..Reconcile::default()
    };
    let builder = builder.index(Arc::new(index.clone())).reconcile(slowly);
    let db = builder.open().await.unwrap();
    index.flush();
    assert_eq!(Item::find_by_shelf(&db, "shelf-7").await.unwrap().len(), 10);
    let (reading_at, _) = told.until(RebuildPhase::Reading).await;
    let (ready_at, progress) = told.until(RebuildPhase::Ready).await;
    assert_eq!(progress.read, 1_000);
    let took = ready_at - reading_at;
    assert!(
        (Duration::from_millis(14_900)..Duration::from_secs(17)).contains(&took),
        "{took:?}"
    );
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_look_does_not_end_reconciling() {
    let world = World::new(23);
    let index = MemoryIndex::new();
    let (told, is_mended) = (Told::default(), AtomicBool::new(false));
    let builder = world.builder(0, world.store.clone());
    let (clock, list) = (world.clock.clone(), told.clone());
    let builder = builder.on_rebuild(move |progress| {
        assert!(
            is_mended.swap(true, Ordering::SeqCst),
            "a listener with a bug, once"
        );
        list.0
            .lock()
            .unwrap()
            .push((clock.elapsed(), progress.clone()));
    });
    let db = builder.index(Arc::new(index.clone())).open().await.unwrap();
    Item::create(&db, item(7)).await.unwrap();
    index.flush();
    assert_eq!(Item::find_by_shelf(&db, "shelf-7").await.unwrap().len(), 1);
    told.until(RebuildPhase::Ready).await;
    assert_eq!(states(&world).await, only("ready"));
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn times_without_end_do_not_end_reconciling() {
    let world = World::new(24);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let index = MemoryIndex::new();
    let told = Told::default();
    let seldom = Reconcile {
        look_every: Duration::MAX,
        ..Reconcile::default()
    };
    let builder = told.listen(&world, world.builder(0, world.store.clone()));
    let builder = builder.index(Arc::new(index.clone())).reconcile(seldom);
    let db = builder.open().await.unwrap();
    Item::create(&db, item(7)).await.unwrap();
    index.flush();
    assert_eq!(Item::find_by_shelf(&db, "shelf-7").await.unwrap().len(), 1);
    told.until(RebuildPhase::Ready).await;
    db.close().await;
}

/// One transaction, which reads another document besides.
async fn move_together(db: &Db, numbers: &'static [u32], shelf: &'static str) {
    let moved = db.transaction(|tx| async move {
        Item::get(&tx, &item(4).id).required().await?;
        for number in numbers {
            let mut item = Item::get(&tx, &item(*number).id).required().await?;
            item.shelf = shelf.to_owned();
            item.save(&tx).await?;
        }
        Ok(())
    });
    moved.await.unwrap();
}

/// The entity tag of a document is told with its entries, except where several objects of a transaction are not yet what they
/// will be.
#[tokio::test(start_paused = true)]
async fn after_a_failover_only_what_transactions_over_several_documents_wrote_is_read_again() {
    let world = World::new(25);
    let index = MemoryIndex::new();
    let process = Process::start(&world, 0, &index).await;
    process.fill(0..10).await;
    move_together(&process.db, &[3], "one").await;
    move_together(&process.db, &[5, 6], "two").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    index.restart_from(&index.backup());
    assert_eq!(process.on_shelf("two").await.0.len(), 2);
    let (_, progress) = process.told.until(RebuildPhase::Ready).await;
    assert_eq!((progress.listed, progress.read), (10, 2));
    assert_eq!(
        process.on_shelf("one").await,
        (vec!["00003".to_owned()], false)
    );
    process.db.close().await;
}

fn random_latency(world: &World, seed: u64) -> Arc<dyn CasStore> {
    let latencies = Latencies {
        get: Duration::from_millis(5),
        put: Duration::from_millis(5),
        list: Duration::from_millis(5),
    };
    Arc::new(LatentStore::random(world.store.clone(), latencies, seed))
}

#[tokio::test(start_paused = true)]
async fn index_and_document_agree_in_300_rounds_on_objects() {
    let world = World::new(18);
    let mut dbs = Vec::new();
    for client in 0..2 {
        dbs.push(
            world
                .builder(client, random_latency(&world, client))
                .open()
                .await
                .unwrap(),
        );
    }
    crate::rounds::play(&dbs, |_| {}).await;
}

/// The index is flushed, taken away and set back meanwhile.
#[tokio::test(start_paused = true)]
async fn index_and_document_agree_in_300_rounds_while_the_index_is_lost() {
    let world = World::new(19);
    let index = MemoryIndex::new();
    let (mut dbs, mut processes) = (Vec::new(), Vec::new());
    for client in 0..2 {
        let process = Process::on(&world, client, &index, random_latency(&world, client)).await;
        dbs.push(process.db.clone());
        processes.push(process);
    }
    let mut backup = None;
    crate::rounds::play(&dbs, |round| match round % 60 {
        10 => index.flush(),
        20 => backup = Some(index.backup()),
        30 => index.restart_from(backup.as_ref().unwrap()),
        40 => index.take_away(true),
        45 => index.take_away(false),
        50 => index.evict_indexes(),
        _ => {}
    })
    .await;
    for process in processes {
        process.db.close().await;
    }
}
