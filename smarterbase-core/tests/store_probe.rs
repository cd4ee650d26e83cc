//! The probe passes the stores of this crate and catches stores that lie.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use smarterbase_core::{
    document::Version,
    format::{Key, Prefix, database::ProbeReport},
    port::{
        Attempt, Capabilities, CasStore, Changed, ConditionalDelete, Expect, ListPage, Object,
        StoreError, StoreErrorKind,
    },
    store::{
        FileOptions, FileStore, LayerSettings, MemoryStore, probe,
        probe::{deletes_conditionally, failed_required, lists_sorted},
        stack,
    },
};
use smarterbase_testkit::{Fault, FaultStore, SeededRng, TestClock};

async fn examine(store: &dyn CasStore) -> Result<ProbeReport, StoreError> {
    probe(store, &SeededRng::new(7), &TestClock::new()).await
}

async fn failed_number(lie: Lie) -> Option<u8> {
    let report = examine(&Liar::new(lie)).await.unwrap();
    failed_required(&report).map(|check| check.number)
}

#[tokio::test(start_paused = true)]
async fn memory_store_passes_every_check_and_is_left_empty() {
    let store = MemoryStore::new();
    let report = examine(&store).await.unwrap();
    let numbers: Vec<u8> = report.checks.iter().map(|check| check.number).collect();
    assert_eq!(numbers, (1..=13).collect::<Vec<_>>());
    assert!(report.checks.iter().all(|check| check.failure.is_none()));
    assert!(deletes_conditionally(&report) && lists_sorted(&report));
    let left = store.list(&Prefix::new(""), None, 1).await.unwrap();
    assert!(left.objects.is_empty());
}

#[tokio::test]
async fn file_store_passes_every_check_and_is_left_empty() {
    for fsync in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let options = FileOptions {
            fsync,
            ..FileOptions::default()
        };
        let store = FileStore::open(folder.path(), options).await.unwrap();
        let report = examine(&store).await.unwrap();
        let failed: Vec<_> = report
            .checks
            .iter()
            .filter(|check| check.failure.is_some())
            .collect();
        assert!(failed.is_empty(), "{failed:?}");
        let left = store.list(&Prefix::new(""), None, 1).await.unwrap();
        assert!(left.objects.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn probe_makes_about_150_requests() {
    let store = FaultStore::recording(Arc::new(MemoryStore::new()));
    examine(&store).await.unwrap();
    let requests = store.log().len();
    assert!((100..=180).contains(&requests), "{requests}");
}

#[tokio::test(start_paused = true)]
async fn store_that_ignores_create_if_absent_is_refused() {
    assert_eq!(failed_number(Lie::IgnoresAbsent).await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn store_that_ignores_versions_is_refused() {
    assert_eq!(failed_number(Lie::IgnoresVersions).await, Some(3));
}

#[tokio::test(start_paused = true)]
async fn store_that_swaps_missing_objects_is_refused() {
    assert_eq!(failed_number(Lie::SwapsMissing).await, Some(4));
}

#[tokio::test(start_paused = true)]
async fn store_that_lets_several_creates_win_is_refused() {
    assert_eq!(failed_number(Lie::ChecksCreatesTooEarly).await, Some(5));
}

#[tokio::test(start_paused = true)]
async fn store_that_lets_several_swaps_win_is_refused() {
    assert_eq!(failed_number(Lie::ChecksSwapsTooEarly).await, Some(6));
}

#[tokio::test(start_paused = true)]
async fn store_that_rejects_right_versions_is_refused() {
    assert_eq!(failed_number(Lie::RejectsEveryVersion).await, Some(3));
}

#[tokio::test(start_paused = true)]
async fn store_whose_versions_repeat_passes_and_says_so() {
    let report = examine(&Liar::new(Lie::HashesBytes)).await.unwrap();
    assert_eq!(failed_required(&report), None);
    assert!(report.checks[6].failure.is_some());
}

#[tokio::test(start_paused = true)]
async fn store_that_removes_at_any_version_cannot_delete_conditionally() {
    let report = examine(&Liar::new(Lie::RemovesAtAnyVersion)).await.unwrap();
    assert_eq!(failed_required(&report), None);
    assert!(!deletes_conditionally(&report));
}

#[tokio::test(start_paused = true)]
async fn probe_finds_its_way_through_lost_replies() {
    for seed in 0..8 {
        let faults = [Fault::LoseReply, Fault::Reject, Fault::FailBefore];
        let faulty = FaultStore::random(Arc::new(MemoryStore::new()), seed, 150, faults);
        let faulty = Arc::new(faulty);
        let (store, _counts) = stack(
            Arc::clone(&faulty) as Arc<dyn CasStore>,
            Arc::new(TestClock::new()),
            Arc::new(SeededRng::new(seed)),
            LayerSettings::default(),
        );
        let report = examine(&*store).await.unwrap();
        assert_eq!(failed_required(&report), None, "seed {seed}");
        assert!(faulty.was_hit());
    }
}

#[tokio::test(start_paused = true)]
async fn store_that_does_not_answer_is_no_finding() {
    for fault in [Fault::Deny, Fault::CrashBefore] {
        let store = FaultStore::at(Arc::new(MemoryStore::new()), 20, fault);
        let error = examine(&store).await.unwrap_err();
        let expected = match fault {
            Fault::Deny => StoreErrorKind::Denied,
            _ => StoreErrorKind::Unavailable,
        };
        assert_eq!(error.kind, expected);
    }
}

#[test]
fn report_without_a_required_check_fails_it() {
    let report = ProbeReport {
        version: 1,
        checks: Vec::new(),
    };
    assert_eq!(failed_required(&report).unwrap().number, 1);
}

/// What a store claims to do and does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    IgnoresAbsent,
    IgnoresVersions,
    SwapsMissing,
    ChecksCreatesTooEarly,
    ChecksSwapsTooEarly,
    RejectsEveryVersion,
    HashesBytes,
    RemovesAtAnyVersion,
}

/// A store that works but for one lie.
#[derive(Debug)]
struct Liar {
    lie: Lie,
    puts: AtomicU64,
    objects: Mutex<BTreeMap<Key, Object>>,
}

impl Liar {
    fn new(lie: Lie) -> Self {
        Self {
            lie,
            puts: AtomicU64::new(0),
            objects: Mutex::default(),
        }
    }

    fn now(&self, key: &Key) -> Option<Object> {
        self.objects.lock().unwrap().get(key).cloned()
    }

    fn accepts(&self, now: Option<&Object>, expect: &Expect) -> bool {
        match (expect, now) {
            (Expect::Absent, None) => true,
            (Expect::Absent, Some(_)) => self.lie == Lie::IgnoresAbsent,
            (Expect::Exactly(_), None) => self.lie == Lie::SwapsMissing,
            (Expect::Exactly(version), Some(now)) => match self.lie {
                Lie::IgnoresVersions => true,
                Lie::RejectsEveryVersion => false,
                _ => now.version == *version,
            },
        }
    }

    fn checks_too_early(&self, expect: &Expect) -> bool {
        match expect {
            Expect::Absent => self.lie == Lie::ChecksCreatesTooEarly,
            Expect::Exactly(_) => self.lie == Lie::ChecksSwapsTooEarly,
        }
    }

    fn version(&self, bytes: &Bytes) -> Version {
        match self.lie {
            Lie::HashesBytes => Version::from_e_tag(String::from_utf8_lossy(bytes)),
            _ => Version::from_e_tag(self.puts.fetch_add(1, Ordering::Relaxed).to_string()),
        }
    }
}

#[async_trait]
impl CasStore for Liar {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            conditional_delete: ConditionalDelete::Native,
            sorted_list: true,
            location: "a lie".to_owned(),
            is_volatile: true,
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        Ok(self.now(key))
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        Ok(match self.now(key) {
            None => Changed::Gone,
            Some(now) if now.version == *version => Changed::Unchanged,
            Some(now) => Changed::Now(now),
        })
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        if !self.accepts(self.now(key).as_ref(), expect) {
            return Attempt::Rejected;
        }
        if self.checks_too_early(expect) {
            tokio::task::yield_now().await;
        }
        let version = self.version(&body);
        let object = Object {
            version: version.clone(),
            bytes: body,
        };
        self.objects.lock().unwrap().insert(key.clone(), object);
        Attempt::Applied(version)
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        let is_right = self.now(key).is_some_and(|now| now.version == *version);
        if !is_right && self.lie != Lie::RemovesAtAnyVersion {
            return Attempt::Rejected;
        }
        self.objects.lock().unwrap().remove(key);
        Attempt::Applied(Version::default())
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        self.objects.lock().unwrap().remove(key);
        Ok(())
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        let copy = MemoryStore::new();
        let objects = self.objects.lock().unwrap().clone();
        for (key, object) in objects {
            copy.put(&key, &Expect::Absent, object.bytes).await;
        }
        copy.list(prefix, after, limit).await
    }
}
