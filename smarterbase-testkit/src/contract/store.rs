//! The promises of [`CasStore`].
//!
//! ```no_run
//! use std::sync::Arc;
//! use smarterbase_core::{port::CasStore, store::MemoryStore};
//!
//! smarterbase_testkit::store_contract!(memory, async || Arc::new(MemoryStore::new()) as Arc<dyn CasStore>);
//! # fn main() {}
//! ```

#![allow(
    clippy::unwrap_used,
    reason = "a suite fails by panicking, and the panic shows the error"
)]

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures::future::join_all;
use smarterbase_core::{
    document::Version,
    format::{Key, Nonce, Prefix},
    port::{Attempt, CasStore, Changed, ConditionalDelete, Expect, Object, StoreErrorKind},
};

/// An empty store under test, and what must live as long as it (a folder, a server).
#[derive(Debug)]
pub struct Fixture {
    /// The store.
    pub store: Arc<dyn CasStore>,
    keep: Option<Box<dyn Any + Send>>,
}

impl Fixture {
    /// A store that lives on something else.
    #[must_use]
    pub fn new(store: Arc<dyn CasStore>, keep: impl Any + Send) -> Self {
        Self {
            store,
            keep: Some(Box::new(keep)),
        }
    }
}

impl From<Arc<dyn CasStore>> for Fixture {
    fn from(store: Arc<dyn CasStore>) -> Self {
        Self { store, keep: None }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        drop(self.keep.take());
    }
}

/// Makes a module with one `#[tokio::test]` per promise of a store.
///
/// The factory is an async closure without arguments that makes an **empty** store: an `Arc<dyn CasStore>`, or a
/// [`Fixture`](crate::contract::store::Fixture). It runs once per test. The caller needs `tokio` with `macros` and
/// `rt-multi-thread`.
#[macro_export]
macro_rules! store_contract {
    ($module:ident, $factory:expr) => {
        $crate::store_contract!(@tests $module, $factory,
            missing_object_reads_as_none,
            created_object_reads_back_byte_for_byte,
            create_over_an_object_is_rejected_and_changes_nothing,
            swap_at_the_current_version_is_applied,
            swap_at_an_old_version_is_rejected_and_changes_nothing,
            swap_of_a_missing_object_is_rejected_and_creates_nothing,
            put_returns_the_version_that_a_get_sees,
            every_put_makes_a_new_version,
            concurrent_creates_have_one_winner,
            concurrent_swaps_from_one_version_have_one_winner,
            concurrent_swap_and_removal_have_one_winner,
            concurrent_increments_lose_nothing,
            reader_never_sees_a_torn_object,
            unchanged_object_is_not_sent_again,
            changed_object_is_sent,
            removed_object_reads_as_gone,
            conditional_removal_at_an_old_version_leaves_the_object,
            conditional_removal_at_the_current_version_removes,
            conditional_removal_of_a_missing_object_is_rejected,
            object_made_again_never_has_a_removed_version,
            retired_object_is_gone,
            retiring_a_missing_object_succeeds,
            list_is_in_byte_order_of_whole_paths,
            list_of_a_prefix_leaves_its_neighbours_out,
            list_of_an_empty_prefix_finds_everything,
            list_of_nothing_is_empty,
            list_pages_have_no_gap_and_no_repeat,
            list_starts_after_a_key_that_does_not_exist,
            list_says_whether_more_follows,
            list_sees_puts_and_removals_at_once,
            list_tells_sizes_of_objects,
            list_limit_outside_1_to_1000_is_invalid,
        );
    };
    (@tests $module:ident, $factory:expr, $($promise:ident,)*) => {
        mod $module {
            #[allow(unused_imports, reason = "the factory may name anything of the file it stands in")]
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let fixture: $crate::contract::store::Fixture = ($factory)().await.into();
                    $crate::contract::store::$promise(std::sync::Arc::clone(&fixture.store)).await;
                }
            )*
        }
    };
}

/// A missing object reads as `None`, and as gone.
pub async fn missing_object_reads_as_none(store: Arc<dyn CasStore>) {
    assert!(get(&store, "users/1.json").await.is_none());
    let version = Version::from_e_tag("never seen");
    let changed = store.get_if_changed(&key("users/1.json"), &version).await;
    assert!(matches!(changed.unwrap(), Changed::Gone));
}

/// The bytes come back as they were put: JSON, none at all, not UTF-8, a megabyte.
pub async fn created_object_reads_back_byte_for_byte(store: Arc<dyn CasStore>) {
    let bodies = [
        body("text"),
        Bytes::new(),
        Bytes::from_static(&[0, 0xFF, 0xFE]),
        Bytes::from(vec![7; 1 << 20]),
    ];
    for (number, bytes) in bodies.into_iter().enumerate() {
        let path = format!("users/{number}.json");
        create(&store, &path, &bytes).await;
        assert_eq!(present(&store, &path).await.bytes, bytes);
    }
}

/// A create where an object is changes nothing.
pub async fn create_over_an_object_is_rejected_and_changes_nothing(store: Arc<dyn CasStore>) {
    let first = body("first");
    let version = create(&store, "users/1.json", &first).await;
    let again = put(&store, "users/1.json", &Expect::Absent, &body("second")).await;
    assert!(matches!(again, Attempt::Rejected), "{again:?}");
    let now = present(&store, "users/1.json").await;
    assert_eq!((now.bytes, now.version), (first, version));
}

/// A swap at the current version is applied.
pub async fn swap_at_the_current_version_is_applied(store: Arc<dyn CasStore>) {
    let version = create(&store, "users/1.json", &body("first")).await;
    let second = body("second");
    swap(&store, "users/1.json", &version, &second).await;
    assert_eq!(present(&store, "users/1.json").await.bytes, second);
}

/// A swap at a version that was replaced changes nothing.
pub async fn swap_at_an_old_version_is_rejected_and_changes_nothing(store: Arc<dyn CasStore>) {
    let old = create(&store, "users/1.json", &body("first")).await;
    let second = body("second");
    swap(&store, "users/1.json", &old, &second).await;
    let late = put(
        &store,
        "users/1.json",
        &Expect::Exactly(old),
        &body("third"),
    )
    .await;
    assert!(matches!(late, Attempt::Rejected), "{late:?}");
    assert_eq!(present(&store, "users/1.json").await.bytes, second);
}

/// A swap where no object is creates none.
pub async fn swap_of_a_missing_object_is_rejected_and_creates_nothing(store: Arc<dyn CasStore>) {
    let elsewhere = create(&store, "users/2.json", &body("elsewhere")).await;
    let expect = Expect::Exactly(elsewhere);
    let swapped = put(&store, "users/1.json", &expect, &body("first")).await;
    assert!(matches!(swapped, Attempt::Rejected), "{swapped:?}");
    assert!(get(&store, "users/1.json").await.is_none());
}

/// The version that a put returns is the one that reads see, and can be swapped from.
pub async fn put_returns_the_version_that_a_get_sees(store: Arc<dyn CasStore>) {
    let created = create(&store, "users/1.json", &body("first")).await;
    assert_eq!(present(&store, "users/1.json").await.version, created);
    let swapped = swap(&store, "users/1.json", &created, &body("second")).await;
    assert_eq!(present(&store, "users/1.json").await.version, swapped);
}

/// No two puts of one key make the same version, as long as their bytes differ.
pub async fn every_put_makes_a_new_version(store: Arc<dyn CasStore>) {
    let mut seen = vec![create(&store, "users/1.json", &body("same text")).await];
    for _ in 0..50 {
        let last = seen.last().expect("never empty");
        let version = swap(&store, "users/1.json", last, &body("same text")).await;
        assert!(!seen.contains(&version), "{version:?} came back");
        seen.push(version);
    }
}

/// Of 32 creates at once exactly one is applied, and its bytes are there.
pub async fn concurrent_creates_have_one_winner(store: Arc<dyn CasStore>) {
    for round in 0..4 {
        race(&store, &format!("users/{round}.json"), &Expect::Absent).await;
    }
}

/// Of 32 swaps from one version exactly one is applied, and its bytes are there.
pub async fn concurrent_swaps_from_one_version_have_one_winner(store: Arc<dyn CasStore>) {
    for round in 0..4 {
        let path = format!("users/{round}.json");
        let version = create(&store, &path, &body("first")).await;
        race(&store, &path, &Expect::Exactly(version)).await;
    }
}

async fn race(store: &Arc<dyn CasStore>, path: &str, expect: &Expect) {
    let bodies: Vec<Bytes> = (0..32)
        .map(|racer| body(&format!("racer {racer}")))
        .collect();
    let racers = bodies.iter().map(|bytes| {
        let (store, path) = (Arc::clone(store), path.to_owned());
        let (expect, bytes) = (expect.clone(), bytes.clone());
        tokio::spawn(async move { put(&store, &path, &expect, &bytes).await })
    });
    let attempts = join_all(racers).await;
    let mut winners = Vec::new();
    for (attempt, bytes) in attempts.into_iter().zip(bodies) {
        match attempt.unwrap() {
            Attempt::Applied(version) => winners.push((version, bytes)),
            Attempt::Rejected => {}
            other => panic!("a racer neither won nor lost: {other:?}"),
        }
    }
    let now = present(store, path).await;
    assert_eq!(winners, [(now.version, now.bytes)]);
}

/// Of a swap and a removal from one version exactly one is applied.
pub async fn concurrent_swap_and_removal_have_one_winner(store: Arc<dyn CasStore>) {
    if store.capabilities().conditional_delete == ConditionalDelete::Unsupported {
        return removal_is_refused(&store).await;
    }
    for round in 0..16 {
        let path = format!("users/{round}.json");
        let version = create(&store, &path, &body("first")).await;
        let swapping = tokio::spawn({
            let (store, path, version) = (Arc::clone(&store), path.clone(), version.clone());
            async move { put(&store, &path, &Expect::Exactly(version), &body("second")).await }
        });
        let removed = is_applied(&store.delete_if(&key(&path), &version).await);
        let swapped = is_applied(&swapping.await.unwrap());
        assert!(removed != swapped, "removed {removed}, swapped {swapped}");
        assert_eq!(get(&store, &path).await.is_some(), swapped);
    }
}

/// 8 tasks that count up one object by swaps lose no increment.
pub async fn concurrent_increments_lose_nothing(store: Arc<dyn CasStore>) {
    create(&store, "counter.json", &count(0)).await;
    let tasks = (0..8).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..10 {
                increment(&store, "counter.json").await;
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    assert_eq!(counted(&present(&store, "counter.json").await), 80);
}

async fn increment(store: &Arc<dyn CasStore>, path: &str) {
    for _ in 0..10_000 {
        let now = match store.get(&key(path)).await {
            Ok(now) => now.expect("nobody removes it"),
            // A service under load may fail a read; asking again is what its readers do.
            Err(error) => {
                assert!(error.is_transient(), "{error}");
                continue;
            }
        };
        let next = count(counted(&now) + 1);
        if is_applied(&put(store, path, &Expect::Exactly(now.version), &next).await) {
            return;
        }
    }
    panic!("the counter cannot be swapped");
}

/// A reader during swaps sees the bytes of one put, never of two.
pub async fn reader_never_sees_a_torn_object(store: Arc<dyn CasStore>) {
    let page = |letter: u8| Bytes::from(vec![letter; 200_000]);
    let mut version = create(&store, "page", &page(b'a')).await;
    let reader = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            let mut last = b'a';
            while last < b'p' {
                let bytes = present(&store, "page").await.bytes;
                last = bytes[0];
                assert!(bytes.len() == 200_000 && bytes.iter().all(|byte| *byte == last));
            }
        }
    });
    for letter in b'b'..=b'p' {
        version = swap(&store, "page", &version, &page(letter)).await;
    }
    reader.await.unwrap();
}

/// A conditional read at the current version sends no bytes.
pub async fn unchanged_object_is_not_sent_again(store: Arc<dyn CasStore>) {
    create(&store, "users/1.json", &body("first")).await;
    let version = present(&store, "users/1.json").await.version;
    let changed = store.get_if_changed(&key("users/1.json"), &version).await;
    assert!(matches!(changed, Ok(Changed::Unchanged)), "{changed:?}");
}

/// A conditional read at an old version sends what is there now.
pub async fn changed_object_is_sent(store: Arc<dyn CasStore>) {
    let old = create(&store, "users/1.json", &body("first")).await;
    let second = body("second");
    let new = swap(&store, "users/1.json", &old, &second).await;
    match store.get_if_changed(&key("users/1.json"), &old).await {
        Ok(Changed::Now(now)) => assert_eq!((now.bytes, now.version), (second, new)),
        other => panic!("{other:?}"),
    }
}

/// A conditional read of a removed object says that it is gone.
pub async fn removed_object_reads_as_gone(store: Arc<dyn CasStore>) {
    let version = create(&store, "_tx/00/1.json", &body("record")).await;
    store.delete_retired(&key("_tx/00/1.json")).await.unwrap();
    let changed = store.get_if_changed(&key("_tx/00/1.json"), &version).await;
    assert!(matches!(changed, Ok(Changed::Gone)), "{changed:?}");
}

/// A conditional removal at a version that was replaced leaves the object.
pub async fn conditional_removal_at_an_old_version_leaves_the_object(store: Arc<dyn CasStore>) {
    if store.capabilities().conditional_delete == ConditionalDelete::Unsupported {
        return removal_is_refused(&store).await;
    }
    let old = create(&store, "users/1.json", &body("first")).await;
    let second = body("second");
    swap(&store, "users/1.json", &old, &second).await;
    let removed = store.delete_if(&key("users/1.json"), &old).await;
    assert!(matches!(removed, Attempt::Rejected), "{removed:?}");
    assert_eq!(present(&store, "users/1.json").await.bytes, second);
}

/// A conditional removal at the current version removes the object.
pub async fn conditional_removal_at_the_current_version_removes(store: Arc<dyn CasStore>) {
    if store.capabilities().conditional_delete == ConditionalDelete::Unsupported {
        return removal_is_refused(&store).await;
    }
    let version = create(&store, "users/1.json", &body("first")).await;
    let removed = store.delete_if(&key("users/1.json"), &version).await;
    assert!(is_applied(&removed), "{removed:?}");
    assert!(get(&store, "users/1.json").await.is_none());
}

/// A conditional removal of a missing object is rejected.
pub async fn conditional_removal_of_a_missing_object_is_rejected(store: Arc<dyn CasStore>) {
    if store.capabilities().conditional_delete == ConditionalDelete::Unsupported {
        return removal_is_refused(&store).await;
    }
    let version = create(&store, "users/1.json", &body("first")).await;
    store.delete_if(&key("users/1.json"), &version).await;
    let again = store.delete_if(&key("users/1.json"), &version).await;
    assert!(matches!(again, Attempt::Rejected), "{again:?}");
}

/// What a store without conditional removal must do: say so, and leave the object.
async fn removal_is_refused(store: &Arc<dyn CasStore>) {
    let version = create(store, "users/refused.json", &body("first")).await;
    match store.delete_if(&key("users/refused.json"), &version).await {
        Attempt::Refused(error) => assert_eq!(error.kind, StoreErrorKind::Unsupported),
        other => panic!("{other:?}"),
    }
    present(store, "users/refused.json").await;
}

/// An object that is made again, removed each time, has a new version each time.
pub async fn object_made_again_never_has_a_removed_version(store: Arc<dyn CasStore>) {
    let mut seen: Vec<Version> = Vec::new();
    for _ in 0..20 {
        let version = create(&store, "users/1.json", &body("same text")).await;
        assert!(!seen.contains(&version), "{version:?} came back");
        store.delete_retired(&key("users/1.json")).await.unwrap();
        seen.push(version);
    }
}

/// A retired object is gone.
pub async fn retired_object_is_gone(store: Arc<dyn CasStore>) {
    let entry = "_index/users/plan-1f0c9a2b/o4/1.json!0-abc-def";
    create(&store, entry, &Bytes::new()).await;
    store.delete_retired(&key(entry)).await.unwrap();
    assert!(get(&store, entry).await.is_none());
}

/// Retiring what is not there succeeds.
pub async fn retiring_a_missing_object_succeeds(store: Arc<dyn CasStore>) {
    let entry = key("_index/users/plan-1f0c9a2b/o4/1.json!0-abc-def");
    store.delete_retired(&entry).await.unwrap();
    store.delete_retired(&entry).await.unwrap();
}

/// Paths whose order by folders differs from their order by bytes.
const PATHS: [&str; 14] = [
    "a!b.json",
    "a%20.json",
    "a-/1.json",
    "a-.json",
    "a.b/1.json",
    "a.json",
    "a.json!1/2",
    "a/-.json",
    "a/1.json",
    "a/b/c/d.json",
    "a/b0.json",
    "a0.json",
    "a_/1.json",
    "b/1.json",
];

async fn with_paths(store: &Arc<dyn CasStore>) -> Vec<String> {
    for path in PATHS.iter().rev() {
        create(store, path, &body(path)).await;
    }
    let mut sorted = PATHS.map(str::to_owned).to_vec();
    sorted.sort();
    sorted
}

/// A LIST is in the byte order of whole paths, whatever folders there are.
pub async fn list_is_in_byte_order_of_whole_paths(store: Arc<dyn CasStore>) {
    let sorted = with_paths(&store).await;
    assert_eq!(list(&store, "", None, 1_000).await, sorted);
}

/// A LIST of `a/` finds neither `a.json` nor `a0.json`.
pub async fn list_of_a_prefix_leaves_its_neighbours_out(store: Arc<dyn CasStore>) {
    with_paths(&store).await;
    let found = list(&store, "a/", None, 1_000).await;
    assert_eq!(found, ["a/-.json", "a/1.json", "a/b/c/d.json", "a/b0.json"]);
    assert_eq!(list(&store, "a/b/", None, 1_000).await, ["a/b/c/d.json"]);
}

/// A LIST of the empty prefix finds every object.
pub async fn list_of_an_empty_prefix_finds_everything(store: Arc<dyn CasStore>) {
    create(&store, "_sys/format.json", &body("format")).await;
    create(&store, "users/1.json", &body("user")).await;
    let found = list(&store, "", None, 1_000).await;
    assert_eq!(found, ["_sys/format.json", "users/1.json"]);
}

/// A LIST where nothing is has no objects.
pub async fn list_of_nothing_is_empty(store: Arc<dyn CasStore>) {
    create(&store, "users/1.json", &body("user")).await;
    assert!(list(&store, "orders/", None, 10).await.is_empty());
    let beyond = list(&store, "users/", Some("users/2.json"), 10).await;
    assert!(beyond.is_empty());
}

/// Pages of any size, each after the last key of the one before, are together the whole.
pub async fn list_pages_have_no_gap_and_no_repeat(store: Arc<dyn CasStore>) {
    let sorted = with_paths(&store).await;
    for limit in [1, 2, 3, 5, 13, 14, 15] {
        let mut found: Vec<String> = Vec::new();
        loop {
            let page = list(&store, "", found.last().map(String::as_str), limit).await;
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, sorted, "with {limit} per page");
    }
}

/// `after` need not exist: the LIST goes on at the next greater path.
pub async fn list_starts_after_a_key_that_does_not_exist(store: Arc<dyn CasStore>) {
    with_paths(&store).await;
    let found = list(&store, "", Some("a/a"), 2).await;
    assert_eq!(found, ["a/b/c/d.json", "a/b0.json"]);
    let found = list(&store, "a/", Some("a/b/c"), 1).await;
    assert_eq!(found, ["a/b/c/d.json"]);
    let before_all = list(&store, "a/", Some("Z"), 1).await;
    assert_eq!(before_all, ["a/-.json"]);
}

/// `has_more` is true exactly when another object follows.
pub async fn list_says_whether_more_follows(store: Arc<dyn CasStore>) {
    for number in 0..3 {
        create(&store, &format!("users/{number}.json"), &body("user")).await;
    }
    create(&store, "v/1.json", &body("neighbour")).await;
    for (limit, has_more) in [(1, true), (2, true), (3, false), (4, false)] {
        let page = store.list(&Prefix::new("users/"), None, limit).await;
        assert_eq!(page.unwrap().has_more, has_more, "with {limit} per page");
    }
}

/// A LIST sees every put and every removal that was acknowledged before it began.
pub async fn list_sees_puts_and_removals_at_once(store: Arc<dyn CasStore>) {
    for number in 0..10 {
        let path = format!("_index/users/plan-1f0c9a2b/o4/{number}.json!0-a-b");
        create(&store, &path, &Bytes::new()).await;
        assert_eq!(list(&store, "_index/users/", None, 10).await, [&*path]);
        store.delete_retired(&key(&path)).await.unwrap();
        assert!(list(&store, "_index/users/", None, 10).await.is_empty());
    }
}

/// A LIST tells the size of every object, and of none a version that never was.
pub async fn list_tells_sizes_of_objects(store: Arc<dyn CasStore>) {
    let bytes = body("first");
    create(&store, "users/1.json", &bytes).await;
    create(&store, "users/2.json", &Bytes::new()).await;
    let page = store.list(&Prefix::new("users/"), None, 10).await.unwrap();
    let sizes: Vec<u64> = page.objects.iter().map(|object| object.size).collect();
    assert_eq!(sizes, [bytes.len() as u64, 0]);
}

/// A LIST of no objects, or of more than 1,000, is refused.
pub async fn list_limit_outside_1_to_1000_is_invalid(store: Arc<dyn CasStore>) {
    for limit in [0, 1_001] {
        let page = store.list(&Prefix::new("users/"), None, limit).await;
        assert_eq!(page.unwrap_err().kind, StoreErrorKind::Invalid);
    }
    assert!(list(&store, "users/", None, 1_000).await.is_empty());
}

fn key(path: &str) -> Key {
    Key::from_stored(path)
}

/// An object as the engine writes them: a fresh `put` first.
fn body(text: &str) -> Bytes {
    static PUTS: AtomicU64 = AtomicU64::new(1);
    let put = PUTS.fetch_add(1, Ordering::Relaxed);
    let mut random = [0; 13];
    random[..8].copy_from_slice(&put.to_be_bytes());
    let put = Nonce::from_random(random);
    Bytes::from(format!(
        r#"{{"_sb":{{"put":"{put}","format":1}},"text":{text:?}}}"#
    ))
}

fn count(count: u64) -> Bytes {
    body(&count.to_string())
}

fn counted(object: &Object) -> u64 {
    let value: serde_json::Value = serde_json::from_slice(&object.bytes).unwrap();
    value["text"].as_str().unwrap().parse().unwrap()
}

async fn get(store: &Arc<dyn CasStore>, path: &str) -> Option<Object> {
    store.get(&key(path)).await.unwrap()
}

async fn present(store: &Arc<dyn CasStore>, path: &str) -> Object {
    get(store, path).await.expect("the object is there")
}

async fn put(store: &Arc<dyn CasStore>, path: &str, expect: &Expect, body: &Bytes) -> Attempt {
    store.put(&key(path), expect, body.clone()).await
}

async fn create(store: &Arc<dyn CasStore>, path: &str, body: &Bytes) -> Version {
    applied(put(store, path, &Expect::Absent, body).await)
}

async fn swap(store: &Arc<dyn CasStore>, path: &str, at: &Version, body: &Bytes) -> Version {
    applied(put(store, path, &Expect::Exactly(at.clone()), body).await)
}

fn applied(attempt: Attempt) -> Version {
    match attempt {
        Attempt::Applied(version) => version,
        other => panic!("not applied: {other:?}"),
    }
}

fn is_applied(attempt: &Attempt) -> bool {
    matches!(attempt, Attempt::Applied(_))
}

async fn list(
    store: &Arc<dyn CasStore>,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Vec<String> {
    let after = after.map(key);
    let page = store
        .list(&Prefix::new(prefix), after.as_ref(), limit)
        .await;
    let objects = page.unwrap().objects;
    assert!(objects.len() <= limit);
    objects
        .iter()
        .map(|object| object.key.as_str().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    /// A promise that the macro forgets would never run.
    #[test]
    fn macro_runs_every_promise() {
        let source = include_str!("store.rs");
        let promises: Vec<&str> = source
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn "))
            .filter_map(|line| line.split_once('(').map(|(name, _)| name))
            .collect();
        assert!(promises.len() > 30);
        for promise in promises {
            let line = format!("            {promise},");
            assert!(source.lines().any(|other| other == line), "{promise}");
        }
    }
}
