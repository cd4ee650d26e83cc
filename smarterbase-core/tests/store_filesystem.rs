//! What only a folder can get wrong: other processes' files, folders that vanish, times that repeat.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use smarterbase_core::{
    ErrorKind,
    document::Version,
    format::{Key, Prefix},
    port::{Attempt, CasStore, Changed, Expect, StoreErrorKind},
    store::{FileOptions, FileStore},
};
use smarterbase_testkit::{SeededRng, TestClock};
use tempfile::TempDir;

fn key(path: &str) -> Key {
    Key::from_stored(path)
}

fn body(number: u32) -> Bytes {
    Bytes::from(format!(
        r#"{{"_sb":{{"put":"{number:020}","format":1}},"number":{number}}}"#
    ))
}

fn without_fsync() -> FileOptions {
    FileOptions {
        fsync: false,
        ..FileOptions::default()
    }
}

async fn open() -> (FileStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path(), without_fsync())
        .await
        .unwrap();
    (store, folder)
}

async fn create(store: &FileStore, path: &str, body: Bytes) -> Version {
    match store.put(&key(path), &Expect::Absent, body).await {
        Attempt::Applied(version) => version,
        other => panic!("{path}: {other:?}"),
    }
}

async fn listed(store: &FileStore, prefix: &str) -> Vec<String> {
    let page = store.list(&Prefix::new(prefix), None, 1_000).await.unwrap();
    page.objects
        .iter()
        .map(|object| object.key.as_str().to_owned())
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn object_is_a_plain_file_at_its_path() {
    let (store, folder) = open().await;
    create(&store, "users/ada.json", body(1)).await;
    let file = fs::read(folder.path().join("users/ada.json")).unwrap();
    assert_eq!(file, body(1));
    assert_eq!(names(&folder.path().join(".sb/tmp")), [""; 0]);
}

#[tokio::test]
async fn two_stores_on_one_folder_see_each_other() {
    let (store, folder) = open().await;
    let other = FileStore::open(folder.path(), FileOptions::default())
        .await
        .unwrap();
    let version = create(&store, "users/1.json", body(1)).await;
    let late = other
        .put(&key("users/1.json"), &Expect::Absent, body(2))
        .await;
    assert!(matches!(late, Attempt::Rejected));
    let expect = Expect::Exactly(version);
    let swapped = other.put(&key("users/1.json"), &expect, body(3)).await;
    assert!(matches!(swapped, Attempt::Applied(_)));
    let now = store.get(&key("users/1.json")).await.unwrap().unwrap();
    assert_eq!(now.bytes, body(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn threads_that_count_up_one_file_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = key("counter.json");
    let number = |bytes: &[u8]| -> u32 {
        let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        value["number"].as_u64().unwrap().try_into().unwrap()
    };
    let first = FileStore::open(folder.path(), without_fsync())
        .await
        .unwrap();
    create(&first, "counter.json", body(0)).await;
    let mut tasks = Vec::new();
    for _ in 0..8 {
        // A store of its own per task: nothing is shared but the folder.
        let store = FileStore::open(folder.path(), without_fsync())
            .await
            .unwrap();
        let path = path.clone();
        tasks.push(tokio::spawn(async move {
            let mut done = 0;
            while done < 100 {
                let now = store.get(&path).await.unwrap().unwrap();
                let expect = Expect::Exactly(now.version);
                let next = body(number(&now.bytes) + 1);
                match store.put(&path, &expect, next).await {
                    Attempt::Applied(_) => done += 1,
                    Attempt::Rejected => {}
                    other => panic!("{other:?}"),
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let last = first.get(&path).await.unwrap().unwrap();
    assert_eq!(number(&last.bytes), 800);
}

#[tokio::test(start_paused = true)]
async fn versions_grow_while_the_clock_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let options = FileOptions {
        fsync: false,
        clock: Arc::new(TestClock::new()),
        rng: Arc::new(SeededRng::new(1)),
        ..FileOptions::default()
    };
    let store = FileStore::open(folder.path(), options).await.unwrap();
    // The same bytes each time: only the modification time tells the versions apart.
    let mut seen = vec![create(&store, "users/1.json", body(1)).await];
    for _ in 0..100 {
        let expect = Expect::Exactly(seen.last().unwrap().clone());
        match store.put(&key("users/1.json"), &expect, body(1)).await {
            Attempt::Applied(version) => seen.push(version),
            other => panic!("{other:?}"),
        }
    }
    let count = seen.len();
    seen.sort_by_key(|version| version.e_tag.clone());
    seen.dedup();
    assert_eq!(seen.len(), count);
}

#[tokio::test(start_paused = true)]
async fn object_made_again_is_newer_than_the_removed_one_whatever_the_clock_says() {
    let folder = tempfile::tempdir().unwrap();
    let options = FileOptions {
        fsync: false,
        clock: Arc::new(TestClock::new()),
        ..FileOptions::default()
    };
    let store = FileStore::open(folder.path(), options).await.unwrap();
    let file = folder.path().join("users/1.json");
    create(&store, "users/1.json", body(1)).await;
    // As if another machine, whose clock runs ahead by 100 years, had written it.
    let ahead = SystemTime::UNIX_EPOCH + Duration::from_secs(5_000_000_000);
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(ahead)
        .unwrap();
    let old = store.get(&key("users/1.json")).await.unwrap().unwrap();
    let removed = store.delete_if(&key("users/1.json"), &old.version).await;
    assert!(matches!(removed, Attempt::Applied(_)));
    let new = create(&store, "users/1.json", body(1)).await;
    assert_ne!(new, old.version);
    assert!(fs::metadata(&file).unwrap().modified().unwrap() > ahead);
}

#[tokio::test]
async fn s29_file_with_an_old_time_but_another_put_is_another_version() {
    let (store, folder) = open().await;
    let file = folder.path().join("users/1.json");
    let old = create(&store, "users/1.json", body(1)).await;
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    // As a backup tool that restores times would.
    fs::write(&file, body(2)).unwrap();
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(time)
        .unwrap();
    let changed = store.get_if_changed(&key("users/1.json"), &old).await;
    assert!(matches!(changed, Ok(Changed::Now(now)) if now.bytes == body(2)));
    let late = store
        .put(&key("users/1.json"), &Expect::Exactly(old), body(3))
        .await;
    assert!(matches!(late, Attempt::Rejected), "{late:?}");
}

#[tokio::test]
async fn s29_version_of_a_list_never_matches_another_put() {
    let (store, folder) = open().await;
    let version = create(&store, "users/1.json", body(1)).await;
    fs::write(folder.path().join("users/2.json"), r#"{"by":"hand"}"#).unwrap();
    let page = store.list(&Prefix::new("users/"), None, 10).await.unwrap();
    assert_eq!(page.objects[0].version, version);
    // The head of a file made by hand does not tell its version, so the hint matches nothing.
    let by_hand = store.get(&key("users/2.json")).await.unwrap().unwrap();
    assert_ne!(page.objects[1].version, by_hand.version);
    let expect = Expect::Exactly(page.objects[1].version.clone());
    let swapped = store.put(&key("users/2.json"), &expect, body(2)).await;
    assert!(matches!(swapped, Attempt::Rejected));
}

#[tokio::test]
async fn file_made_by_hand_can_be_swapped() {
    let (store, folder) = open().await;
    fs::create_dir(folder.path().join("users")).unwrap();
    fs::write(folder.path().join("users/1.json"), r#"{"by":"hand"}"#).unwrap();
    let now = store.get(&key("users/1.json")).await.unwrap().unwrap();
    let expect = Expect::Exactly(now.version);
    let swapped = store.put(&key("users/1.json"), &expect, body(1)).await;
    assert!(matches!(swapped, Attempt::Applied(_)), "{swapped:?}");
}

#[tokio::test]
async fn s17_emptied_value_folder_is_removed_and_nothing_above_it() {
    let (store, folder) = open().await;
    let entries = [
        "_index/users/plan-1/o4/1.json!0-a-b",
        "_index/users/plan-1/o4/2.json!0-a-b",
    ];
    for entry in entries {
        create(&store, entry, Bytes::new()).await;
    }
    store.delete_retired(&key(entries[0])).await.unwrap();
    let index = folder.path().join("_index/users/plan-1");
    assert_eq!(names(&index), ["o4"]);
    store.delete_retired(&key(entries[1])).await.unwrap();
    assert_eq!(names(&index), [""; 0]);
    create(&store, entries[0], Bytes::new()).await;
    assert_eq!(listed(&store, "_index/").await, [entries[0]]);
}

#[tokio::test]
async fn s17_emptied_folders_of_documents_and_records_stay() {
    let (store, folder) = open().await;
    for path in ["users/1.json", "_tx/0a/1.json", "_history/users/1/2/3.json"] {
        create(&store, path, body(1)).await;
        store.delete_retired(&key(path)).await.unwrap();
        let parent = folder.path().join(path).parent().unwrap().to_owned();
        assert!(parent.is_dir(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s17_creators_and_removers_of_one_folder_never_lose_an_entry() {
    let (store, _folder) = open().await;
    let tasks = (0..4).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..150 {
                let entry = format!("_index/users/plan-1/o4/{task}.json!{round}-a-b");
                create(&store, &entry, Bytes::new()).await;
                let found = store.get(&key(&entry)).await.unwrap();
                assert!(found.is_some(), "{entry} is gone");
                store.delete_retired(&key(&entry)).await.unwrap();
            }
        })
    });
    for task in futures::future::join_all(tasks).await {
        task.unwrap();
    }
    assert!(listed(&store, "_index/").await.is_empty());
}

#[tokio::test]
async fn s17_list_reads_a_missing_folder_as_empty() {
    let (store, _folder) = open().await;
    assert!(listed(&store, "_index/users/plan-1/o4/").await.is_empty());
}

#[tokio::test]
async fn list_skips_what_is_no_object() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let (store, folder) = open().await;
    create(&store, "users/1.json", body(1)).await;
    let users = folder.path().join("users");
    fs::write(users.join(OsStr::from_bytes(b"\xFF.json")), "{}").unwrap();
    symlink("1.json", users.join("link.json")).unwrap();
    fs::create_dir(users.join("empty")).unwrap();
    assert_eq!(listed(&store, "").await, ["users/1.json"]);
    assert!(store.get(&key("users/link.json")).await.unwrap().is_none());
    assert!(store.get(&key("users/empty")).await.unwrap().is_none());
}

#[tokio::test]
async fn pages_of_a_big_folder_are_whole_and_in_order() {
    let (store, folder) = open().await;
    let users = folder.path().join("users");
    fs::create_dir(&users).unwrap();
    for number in 0..2_500 {
        // Empty folders between the files use up names that a page keeps in mind.
        fs::create_dir(users.join(format!("{number:05}"))).unwrap();
        fs::write(users.join(format!("{number:05}.json")), "{}").unwrap();
    }
    let mut found: Vec<String> = Vec::new();
    loop {
        let after = found.last().map(|path| key(path));
        let page = store
            .list(&Prefix::new("users/"), after.as_ref(), 999)
            .await;
        let page = page.unwrap();
        found.extend(page.objects.iter().map(|object| object.key.to_string()));
        if !page.has_more {
            break;
        }
    }
    let expected: Vec<String> = (0..2_500)
        .map(|number| format!("users/{number:05}.json"))
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn paths_that_leave_the_root_or_fit_no_filesystem_are_invalid() {
    let (store, _folder) = open().await;
    let long = "x".repeat(256);
    for path in [
        "",
        "/",
        "/etc/x",
        "../x",
        "a/../b",
        "a//b",
        "./a",
        "a/",
        ".sb/tmp/x",
        ".sb",
        "a\0b",
        &long,
    ] {
        let put = store.put(&key(path), &Expect::Absent, body(1)).await;
        assert!(
            matches!(&put, Attempt::Refused(error) if error.kind == StoreErrorKind::Invalid),
            "{path:?}: {put:?}"
        );
        let got = store.get(&key(path)).await.unwrap_err();
        assert_eq!(got.kind, StoreErrorKind::Invalid, "{path:?}");
        let removed = store.delete_retired(&key(path)).await.unwrap_err();
        assert_eq!(removed.kind, StoreErrorKind::Invalid, "{path:?}");
    }
    for prefix in ["../", "/", "a/../", "a//"] {
        let listed = store.list(&Prefix::new(prefix), None, 1).await;
        assert_eq!(
            listed.unwrap_err().kind,
            StoreErrorKind::Invalid,
            "{prefix:?}"
        );
    }
}

#[tokio::test]
async fn file_in_the_place_of_a_folder_is_refused() {
    let (store, _folder) = open().await;
    create(&store, "users", body(1)).await;
    let put = store
        .put(&key("users/1.json"), &Expect::Absent, body(2))
        .await;
    assert!(matches!(put, Attempt::Refused(error) if error.kind == StoreErrorKind::Invalid));
    assert!(store.get(&key("users/1.json")).await.unwrap().is_none());
    create(&store, "orders/1.json", body(3)).await;
    let put = store.put(&key("orders"), &Expect::Absent, body(4)).await;
    assert!(matches!(put, Attempt::Refused(error) if error.kind == StoreErrorKind::Invalid));
}

#[tokio::test]
async fn read_only_store_reads_and_refuses_to_write() {
    let (store, folder) = open().await;
    let version = create(&store, "users/1.json", body(1)).await;
    let options = FileOptions {
        read_only: true,
        ..FileOptions::default()
    };
    let reader = FileStore::open(folder.path(), options).await.unwrap();
    let now = reader.get(&key("users/1.json")).await.unwrap().unwrap();
    assert_eq!(now.version, version);
    let changed = reader.get_if_changed(&key("users/1.json"), &version).await;
    assert!(matches!(changed, Ok(Changed::Unchanged)));
    assert_eq!(listed(&reader, "").await, ["users/1.json"]);
    let expect = Expect::Exactly(version.clone());
    let put = reader.put(&key("users/1.json"), &expect, body(2)).await;
    assert!(matches!(put, Attempt::Refused(error) if error.kind == StoreErrorKind::ReadOnly));
    let removed = reader.delete_if(&key("users/1.json"), &version).await;
    assert!(matches!(removed, Attempt::Refused(error) if error.kind == StoreErrorKind::ReadOnly));
    let retired = reader.delete_retired(&key("users/1.json")).await;
    assert_eq!(retired.unwrap_err().kind, StoreErrorKind::ReadOnly);
}

#[tokio::test]
async fn read_only_store_leaves_a_folder_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("users")).unwrap();
    fs::write(folder.path().join("users/1.json"), "{}").unwrap();
    fs::create_dir_all(folder.path().join("_sys")).unwrap();
    fs::write(folder.path().join("_sys/format.json"), "{}").unwrap();
    let options = FileOptions {
        read_only: true,
        ..FileOptions::default()
    };
    let store = FileStore::open(folder.path(), options).await.unwrap();
    assert!(store.get(&key("users/1.json")).await.unwrap().is_some());
    assert!(store.get(&key("_sys/format.json")).await.unwrap().is_some());
    assert_eq!(names(folder.path()), ["_sys", "users"]);
}

#[tokio::test]
async fn opening_makes_the_folder_unless_read_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b");
    let options = FileOptions {
        read_only: true,
        ..FileOptions::default()
    };
    let error = FileStore::open(&path, options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    FileStore::open(&path, FileOptions::default())
        .await
        .unwrap();
    assert!(path.is_dir());
}

#[tokio::test]
async fn file_cannot_be_opened_as_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let error = FileStore::open(&path, FileOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
}

#[tokio::test]
async fn filesystem_that_nobody_knows_is_refused() {
    // procfs is neither a disk nor a network.
    let error = FileStore::open("/proc", FileOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("network filesystem"), "{error}");
}

#[tokio::test]
async fn temporary_files_are_removed_when_an_hour_old() {
    let (_store, folder) = open().await;
    let tmp = folder.path().join(".sb/tmp");
    for (name, age) in [("old", 3_700), ("young", 60)] {
        let file = fs::File::create(tmp.join(name)).unwrap();
        #[allow(clippy::disallowed_methods, reason = "a real file has real times")]
        let time = SystemTime::now() - Duration::from_secs(age);
        file.set_modified(time).unwrap();
    }
    FileStore::open(folder.path(), FileOptions::default())
        .await
        .unwrap();
    assert_eq!(names(&tmp), ["young"]);
}

#[tokio::test]
async fn store_whose_folder_is_gone_says_so() {
    let (store, folder) = open().await;
    folder.close().unwrap();
    let got = store.get(&key("users/1.json")).await.unwrap_err();
    assert_eq!(got.kind, StoreErrorKind::NoSuchStore);
    let listed = store.list(&Prefix::new(""), None, 1).await.unwrap_err();
    assert_eq!(listed.kind, StoreErrorKind::NoSuchStore);
    let put = store
        .put(&key("users/1.json"), &Expect::Absent, body(1))
        .await;
    assert!(matches!(put, Attempt::Refused(error) if error.kind == StoreErrorKind::NoSuchStore));
}

#[tokio::test]
async fn s30_record_is_not_read_while_its_writer_holds_the_lock() {
    let (store, folder) = open().await;
    create(&store, "_tx/00/1.json", body(1)).await;
    create(&store, "users/1.json", body(1)).await;
    // Another process that is between rename and fsync holds the locks.
    let locks = folder.path().join(".sb/locks");
    let held: Vec<fs::File> = names(&locks)
        .iter()
        .map(|name| fs::File::open(locks.join(name)).unwrap())
        .inspect(|file| file.lock().unwrap())
        .collect();
    assert_eq!(held.len(), 2);
    let wait = Duration::from_millis(100);
    let (record, document) = (key("_tx/00/1.json"), key("users/1.json"));
    let version = Version::default();
    let plain = store.get(&document).await.unwrap();
    assert!(plain.is_some(), "a plain read needs no lock");
    let reading = store.get(&record);
    assert!(tokio::time::timeout(wait, reading).await.is_err());
    let validating = store.get_if_changed(&document, &version);
    assert!(tokio::time::timeout(wait, validating).await.is_err());
    drop(held);
    assert!(store.get(&record).await.unwrap().is_some());
    let validated = store.get_if_changed(&document, &version).await;
    assert!(matches!(validated, Ok(Changed::Now(_))));
}

#[tokio::test]
async fn lock_files_are_never_removed() {
    let (store, folder) = open().await;
    for number in 0..20 {
        let path = format!("_index/users/plan-1/v{number}/1.json!0-a-b");
        create(&store, &path, Bytes::new()).await;
        store.delete_retired(&key(&path)).await.unwrap();
    }
    let before = names(&folder.path().join(".sb/locks"));
    assert!(before.len() > 10);
    FileStore::open(folder.path(), FileOptions::default())
        .await
        .unwrap();
    assert_eq!(names(&folder.path().join(".sb/locks")), before);
}

#[tokio::test]
async fn folder_without_permission_is_denied() {
    let (store, folder) = open().await;
    create(&store, "users/1.json", body(1)).await;
    let users = folder.path().join("users");
    fs::set_permissions(&users, fs::Permissions::from_mode(0o500)).unwrap();
    let put = store
        .put(&key("users/2.json"), &Expect::Absent, body(2))
        .await;
    fs::set_permissions(&users, fs::Permissions::from_mode(0o700)).unwrap();
    match put {
        Attempt::Refused(error) => assert_eq!(error.kind, StoreErrorKind::Denied),
        // Root may write everywhere.
        Attempt::Applied(_) => assert_eq!(fs::metadata(&users).unwrap().uid(), 0),
        other => panic!("{other:?}"),
    }
    assert_eq!(names(&folder.path().join(".sb/tmp")), [""; 0]);
}
