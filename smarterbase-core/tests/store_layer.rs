//! What the layers do, in virtual time and with exact counts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use smarterbase_core::{
    document::Version,
    format::{Key, Prefix},
    port::{
        Attempt, Capabilities, CasStore, Changed, Clock, Expect, ListPage, Object, StoreError,
        StoreErrorKind, SystemRng,
    },
    store::{
        LayerSettings, MemoryStore, Requests,
        layer::{Counted, Deadlines, Limited, Retried, RetryLimits},
        stack,
    },
};
use smarterbase_testkit::{CallKind, Fault, FaultStore, SeededRng, TestClock};

fn key(path: &str) -> Key {
    Key::from_stored(path)
}

fn memory() -> Arc<dyn CasStore> {
    Arc::new(MemoryStore::new())
}

#[tokio::test]
async fn every_kind_of_request_and_every_byte_is_counted() {
    let store = Counted::new(memory());
    let counts = store.counts();
    let first = store.put(&key("a"), &Expect::Absent, "12345".into()).await;
    let Attempt::Applied(first) = first else {
        panic!("{first:?}");
    };
    let before_swap = counts.snapshot();
    let expect = Expect::Exactly(first);
    let Attempt::Applied(second) = store.put(&key("a"), &expect, "1234567".into()).await else {
        panic!("the swap was not applied");
    };
    assert_eq!((counts.snapshot() - before_swap).total(), 1);
    store.put(&key("a"), &expect, "1".into()).await;
    store.get(&key("a")).await.unwrap();
    store.get_if_changed(&key("a"), &second).await.unwrap();
    store
        .get_if_changed(&key("a"), &Version::default())
        .await
        .unwrap();
    store.list(&Prefix::new(""), None, 10).await.unwrap();
    store.delete_if(&key("a"), &second).await;
    store.delete_retired(&key("a")).await.unwrap();
    let expected = Requests {
        gets: 3,
        unchanged: 1,
        creates: 1,
        swaps: 2,
        conditional_deletes: 1,
        deletes: 1,
        lists: 1,
        bytes_in: 14,
        bytes_out: 13,
    };
    assert_eq!(counts.snapshot(), expected);
    assert_eq!(counts.snapshot().total(), 9);
}

/// A store that takes a second per call and knows how many calls run at once.
#[derive(Debug)]
struct Slow {
    inner: Arc<dyn CasStore>,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Slow {
    fn new(inner: Arc<dyn CasStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    async fn work(&self) {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(running, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl CasStore for Slow {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        self.work().await;
        self.inner.get(key).await
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        self.work().await;
        self.inner.get_if_changed(key, version).await
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        self.work().await;
        self.inner.put(key, expect, body).await
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        self.work().await;
        self.inner.delete_if(key, version).await
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        self.work().await;
        self.inner.delete_retired(key).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        self.work().await;
        self.inner.list(prefix, after, limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn call_that_takes_too_long_ends_in_time() {
    let clock = TestClock::new();
    let timeout = Duration::from_millis(900);
    let store = Deadlines::new(Slow::new(memory()), Arc::new(clock), timeout);
    let error = store.get(&key("a")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Timeout);
    assert_eq!(clock.elapsed(), timeout);
    let listed = store.list(&Prefix::new(""), None, 1).await;
    assert_eq!(listed.unwrap_err().kind, StoreErrorKind::Timeout);
    let put = store.put(&key("a"), &Expect::Absent, Bytes::new()).await;
    assert!(matches!(put, Attempt::Unknown(error) if error.kind == StoreErrorKind::Timeout));
    let removed = store.delete_if(&key("a"), &Version::default()).await;
    assert!(matches!(removed, Attempt::Unknown(error) if error.kind == StoreErrorKind::Timeout));
}

#[tokio::test(start_paused = true)]
async fn call_within_its_time_is_answered() {
    let timeout = Duration::from_millis(1_100);
    let store = Deadlines::new(Slow::new(memory()), Arc::new(TestClock::new()), timeout);
    assert!(store.get(&key("a")).await.unwrap().is_none());
}

async fn get_at_once(store: &Arc<Limited>, number: usize) {
    let calls = (0..number).map(|_| {
        let store = Arc::clone(store);
        async move { store.get(&key("a")).await.is_ok() }
    });
    futures::future::join_all(calls).await;
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_run_at_once_than_allowed() {
    let clock = TestClock::new();
    let slow = Slow::new(memory());
    let store = Arc::new(Limited::new(Arc::clone(&slow) as Arc<dyn CasStore>, 8));
    get_at_once(&store, 32).await;
    assert_eq!(slow.most.load(Ordering::Relaxed), 8);
    assert_eq!(clock.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn throttling_halves_the_bound_once_per_wave_and_never_below_one() {
    let throttle = (0..1_000).map(|number| (number, Fault::Throttle));
    let throttling = FaultStore::with_faults(memory(), throttle);
    let slow = Slow::new(Arc::new(throttling));
    let store = Arc::new(Limited::new(slow, 64));
    for bound in [32, 16, 8, 4, 2, 1, 1] {
        let before = store.bound();
        get_at_once(&store, before).await;
        assert_eq!(store.bound(), bound);
    }
}

#[tokio::test(start_paused = true)]
async fn fewer_calls_run_at_once_after_throttling() {
    let throttle = (0..8).map(|number| (number, Fault::Throttle));
    let slow = Slow::new(Arc::new(FaultStore::with_faults(memory(), throttle)));
    let store = Arc::new(Limited::new(Arc::clone(&slow) as Arc<dyn CasStore>, 8));
    // All 8 places are taken when the bound falls to 4: the calls that run give back 4 of them.
    get_at_once(&store, 8).await;
    slow.most.store(0, Ordering::Relaxed);
    get_at_once(&store, 8).await;
    assert_eq!(slow.most.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn good_answers_raise_the_bound_to_where_it_started() {
    let throttling = FaultStore::at(memory(), 0, Fault::Throttle);
    let store = Arc::new(Limited::new(Arc::new(throttling), 4));
    get_at_once(&store, 1).await;
    assert_eq!(store.bound(), 2);
    get_at_once(&store, 2).await;
    assert_eq!(store.bound(), 3);
    get_at_once(&store, 3).await;
    assert_eq!(store.bound(), 4);
    get_at_once(&store, 100).await;
    assert_eq!(store.bound(), 4);
}

#[tokio::test(start_paused = true)]
async fn dropped_call_gives_its_place_back() {
    let slow = Slow::new(memory());
    let store = Arc::new(Limited::new(slow, 1));
    for _ in 0..3 {
        let dropped = tokio::time::timeout(Duration::from_millis(10), store.get(&key("a"))).await;
        assert!(dropped.is_err());
    }
    assert!(store.get(&key("a")).await.is_ok());
}

fn retried(faulty: &Arc<FaultStore>, limits: RetryLimits) -> Retried {
    Retried::new(
        Arc::clone(faulty) as Arc<dyn CasStore>,
        Arc::new(TestClock::new()),
        Arc::new(SeededRng::new(1)),
        limits,
    )
}

fn failing(faults: impl IntoIterator<Item = (u64, Fault)>) -> Arc<FaultStore> {
    Arc::new(FaultStore::with_faults(memory(), faults))
}

#[tokio::test(start_paused = true)]
async fn reads_lists_and_retirements_are_tried_again() {
    let faults = [
        (0, Fault::FailBefore),
        (2, Fault::Throttle),
        (4, Fault::Unavailable),
        (6, Fault::LoseReply),
    ];
    let faulty = failing(faults);
    let store = retried(&faulty, RetryLimits::default());
    assert!(store.get(&key("a")).await.unwrap().is_none());
    store
        .get_if_changed(&key("a"), &Version::default())
        .await
        .unwrap();
    store.list(&Prefix::new(""), None, 1).await.unwrap();
    store.delete_retired(&key("a")).await.unwrap();
    assert_eq!(faulty.log().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn conditional_writes_are_one_attempt() {
    let faulty = failing((0..10).map(|number| (number, Fault::Unavailable)));
    let store = retried(&faulty, RetryLimits::default());
    let put = store.put(&key("a"), &Expect::Absent, Bytes::new()).await;
    assert!(matches!(put, Attempt::Unknown(_)));
    let removed = store.delete_if(&key("a"), &Version::default()).await;
    assert!(matches!(removed, Attempt::Unknown(_)));
    assert_eq!(faulty.log().count(CallKind::Create), 1);
    assert_eq!(faulty.log().count(CallKind::DeleteIf), 1);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_in_number() {
    let faulty = failing((0..100).map(|number| (number, Fault::Unavailable)));
    let limits = RetryLimits {
        attempts: 3,
        time: Duration::from_secs(3_600),
    };
    let error = retried(&faulty, limits).get(&key("a")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert_eq!(faulty.log().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_in_time() {
    let faulty = failing((0..10_000).map(|number| (number, Fault::Unavailable)));
    let limits = RetryLimits {
        attempts: u32::MAX,
        time: Duration::from_secs(5),
    };
    let clock = TestClock::new();
    retried(&faulty, limits).get(&key("a")).await.unwrap_err();
    assert!(clock.elapsed() <= Duration::from_secs(5));
    assert!(faulty.log().len() > 8);
}

#[tokio::test(start_paused = true)]
async fn denied_read_is_not_tried_again() {
    let faulty = failing([(0, Fault::Deny)]);
    let store = retried(&faulty, RetryLimits::default());
    let error = store.get(&key("a")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Denied);
    assert_eq!(faulty.log().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn stack_counts_every_attempt_and_times_each_of_them() {
    let slow = Slow::new(failing([(0, Fault::Unavailable)]));
    let clock = TestClock::new();
    let settings = LayerSettings {
        attempt_timeout: Duration::from_millis(1_500),
        most_at_once: 1,
        ..LayerSettings::default()
    };
    let (store, counts) = stack(slow, Arc::new(clock), Arc::new(SystemRng), settings);
    // Three calls of a second each, one at a time: waiting for a place does not use up an attempt's time.
    let (first, second) = (key("a"), key("b"));
    let (first, second) = tokio::join!(store.get(&first), store.get(&second));
    assert!(first.unwrap().is_none() && second.unwrap().is_none());
    assert_eq!(counts.snapshot().gets, 3);
    assert!(clock.elapsed() >= Duration::from_secs(3));
}
