//! Broken disks: what a write says then, and what it leaves behind.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tempfile::TempDir;

use super::{FileOptions, FileStore, disk::Disk};
use crate::{
    document::Version,
    format::{Key, Prefix},
    port::{Attempt, CasStore, Expect, StoreErrorKind},
};

/// One step of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Write,
    SyncFile,
    Rename,
    SyncFolder,
}

/// A disk that logs its steps and fails at some.
#[derive(Debug, Default)]
struct TestDisk {
    fails: Mutex<Vec<(Step, ErrorKind)>>,
    steps: Mutex<Vec<String>>,
    /// Removes the folder before the next rename into it.
    loses_folder: Mutex<bool>,
    /// How often the names of a folder were read.
    folders_read: AtomicUsize,
}

impl TestDisk {
    fn fail_next(&self, step: Step, error: ErrorKind) {
        self.fails.lock().unwrap().push((step, error));
    }

    fn step(&self, step: Step, what: &str) -> io::Result<()> {
        let log = format!("{step:?} {what}");
        self.steps.lock().unwrap().push(log.trim_end().to_owned());
        let mut fails = self.fails.lock().unwrap();
        match fails.iter().position(|(fails, _)| *fails == step) {
            Some(position) => Err(fails.remove(position).1.into()),
            None => Ok(()),
        }
    }

    fn take_steps(&self) -> Vec<String> {
        std::mem::take(&mut *self.steps.lock().unwrap())
    }
}

impl Disk for TestDisk {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        use io::Write;
        // A disk fills up in the middle of a write.
        file.write_all(&bytes[..bytes.len() / 2])?;
        self.step(Step::Write, "")?;
        file.write_all(&bytes[bytes.len() / 2..])
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        self.step(Step::SyncFile, "")?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let folder = to.parent().unwrap();
        let mut loses_folder = self
            .loses_folder
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut *loses_folder) {
            fs::remove_dir(folder).unwrap();
        }
        self.step(Step::Rename, &name(to))?;
        fs::rename(from, to)
    }

    fn read_folder(&self, folder: &Path) -> io::Result<fs::ReadDir> {
        self.folders_read.fetch_add(1, Ordering::Relaxed);
        fs::read_dir(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(Step::SyncFolder, &name(folder))?;
        File::open(folder)?.sync_all()
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn key(path: &str) -> Key {
    Key::from_stored(path)
}

async fn open() -> (FileStore, Arc<TestDisk>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let disk = Arc::new(TestDisk::default());
    let on = Arc::clone(&disk) as Arc<dyn Disk>;
    let store = FileStore::open_on(root, FileOptions::default(), on)
        .await
        .unwrap();
    disk.take_steps();
    (store, disk, folder)
}

async fn create(store: &FileStore, path: &str) -> Attempt {
    let body = Bytes::from_static(br#"{"_sb":{"put":"0123456789abcdefghij"}}"#);
    store.put(&key(path), &Expect::Absent, body).await
}

fn is_applied(attempt: &Attempt) -> bool {
    matches!(attempt, Attempt::Applied(_))
}

fn refused(attempt: &Attempt) -> Option<StoreErrorKind> {
    match attempt {
        Attempt::Refused(error) => Some(error.kind),
        _ => None,
    }
}

fn temporary_files(folder: &TempDir) -> usize {
    fs::read_dir(folder.path().join("root/.sb/tmp"))
        .unwrap()
        .count()
}

#[tokio::test]
async fn put_returns_after_every_step_in_this_order() {
    let (store, disk, _folder) = open().await;
    assert!(is_applied(&create(&store, "a/b/1.json").await));
    let first = [
        "SyncFolder root",
        "SyncFolder a",
        "Write",
        "SyncFile",
        "Rename 1.json",
        "SyncFolder b",
    ];
    assert_eq!(disk.take_steps(), first);
    assert!(is_applied(&create(&store, "a/b/2.json").await));
    let second = ["Write", "SyncFile", "Rename 2.json", "SyncFolder b"];
    assert_eq!(disk.take_steps(), second);
}

#[tokio::test]
async fn folder_whose_maker_died_before_syncing_it_is_synced_by_the_next() {
    let (store, disk, folder) = open().await;
    fs::create_dir_all(folder.path().join("root/a/b")).unwrap();
    assert!(is_applied(&create(&store, "a/b/1.json").await));
    // `a` holds `b`, so its own name is safe; `b` holds nothing yet.
    assert_eq!(disk.take_steps()[0], "SyncFolder a");
}

#[tokio::test]
async fn s17_lost_folder_is_made_again_and_its_ancestors_are_synced_again() {
    let (store, disk, _folder) = open().await;
    let entry = "_index/users/plan-1/o4/1.json!0-a-b";
    assert!(is_applied(
        &create(&store, "_index/users/plan-1/o5/1.json!0-a-b").await
    ));
    disk.take_steps();
    *disk.loses_folder.lock().unwrap() = true;
    assert!(is_applied(&create(&store, entry).await));
    let expected = [
        "SyncFolder plan-1",
        "Write",
        "SyncFile",
        "Rename 1.json!0-a-b",
        "SyncFolder plan-1",
        "Rename 1.json!0-a-b",
        "SyncFolder o4",
    ];
    assert_eq!(disk.take_steps(), expected);
    assert!(store.get(&key(entry)).await.unwrap().is_some());
}

#[tokio::test]
async fn s17_folder_that_keeps_vanishing_ends_in_an_answer() {
    let (store, disk, folder) = open().await;
    for _ in 0..100 {
        disk.fail_next(Step::Rename, ErrorKind::NotFound);
    }
    let put = create(&store, "users/1.json").await;
    assert!(matches!(put, Attempt::Unknown(_)), "{put:?}");
    assert_eq!(temporary_files(&folder), 0);
}

#[tokio::test]
async fn full_disk_before_the_rename_is_refused_and_leaves_nothing() {
    for step in [Step::Write, Step::SyncFile, Step::Rename] {
        for error in [
            ErrorKind::StorageFull,
            ErrorKind::QuotaExceeded,
            ErrorKind::FileTooLarge,
        ] {
            let (store, disk, folder) = open().await;
            disk.fail_next(step, error);
            let put = create(&store, "users/1.json").await;
            assert_eq!(refused(&put), Some(StoreErrorKind::Full), "{step:?}");
            assert_eq!(temporary_files(&folder), 0);
            let listed = store.list(&Prefix::new(""), None, 10).await.unwrap();
            assert!(listed.objects.is_empty());
            // A full disk is no broken disk.
            assert!(is_applied(&create(&store, "users/1.json").await));
        }
    }
}

#[tokio::test]
async fn missing_permission_and_read_only_disks_are_refused() {
    let cases = [
        (ErrorKind::PermissionDenied, StoreErrorKind::Denied),
        (ErrorKind::ReadOnlyFilesystem, StoreErrorKind::ReadOnly),
        (ErrorKind::InvalidFilename, StoreErrorKind::Invalid),
    ];
    for (error, kind) in cases {
        let (store, disk, _folder) = open().await;
        disk.fail_next(Step::Rename, error);
        let put = create(&store, "users/1.json").await;
        assert_eq!(refused(&put), Some(kind));
    }
}

#[tokio::test]
async fn broken_write_before_the_rename_is_unknown_and_can_be_sent_again() {
    for step in [Step::Write, Step::SyncFile] {
        let (store, disk, folder) = open().await;
        disk.fail_next(step, ErrorKind::Other);
        let put = create(&store, "users/1.json").await;
        assert!(matches!(put, Attempt::Unknown(_)), "{put:?}");
        assert_eq!(temporary_files(&folder), 0);
        assert!(is_applied(&create(&store, "users/1.json").await));
    }
}

#[tokio::test]
async fn s30_error_of_the_rename_or_of_the_fsync_after_it_is_unknown_and_ends_all_writing() {
    for step in [Step::Rename, Step::SyncFolder] {
        let (store, disk, _folder) = open().await;
        assert!(is_applied(&create(&store, "users/1.json").await));
        disk.fail_next(step, ErrorKind::Other);
        let put = create(&store, "users/2.json").await;
        assert!(matches!(put, Attempt::Unknown(_)), "{put:?}");
        s30_is_doubtful(&store, "users/2.json").await;
        let next = create(&store, "users/3.json").await;
        assert_eq!(refused(&next), Some(StoreErrorKind::ReadOnly));
        let retired = store.delete_retired(&key("users/1.json")).await;
        assert_eq!(retired.unwrap_err().kind, StoreErrorKind::ReadOnly);
        let read = store.get(&key("users/1.json")).await.unwrap();
        assert!(read.is_some(), "reading goes on");
    }
}

#[tokio::test]
async fn s30_full_disk_at_the_fsync_after_the_rename_is_unknown_all_the_same() {
    let (store, disk, _folder) = open().await;
    assert!(is_applied(&create(&store, "users/1.json").await));
    disk.fail_next(Step::SyncFolder, ErrorKind::StorageFull);
    let put = create(&store, "users/2.json").await;
    assert!(matches!(put, Attempt::Unknown(_)), "{put:?}");
    s30_is_doubtful(&store, "users/2.json").await;
}

/// What the page cache shows is no proof that the disk has it: who reads back must not take it for applied.
async fn s30_is_doubtful(store: &FileStore, path: &str) {
    let read = store.get(&key(path)).await.unwrap_err();
    assert_eq!(read.kind, StoreErrorKind::ReadOnly);
    let validated = store.get_if_changed(&key(path), &Version::default()).await;
    assert_eq!(validated.unwrap_err().kind, StoreErrorKind::ReadOnly);
}

#[tokio::test]
async fn s30_error_of_the_fsync_after_a_removal_is_unknown_and_ends_all_writing() {
    let (store, disk, _folder) = open().await;
    let Attempt::Applied(version) = create(&store, "users/1.json").await else {
        panic!("the create was not applied");
    };
    disk.fail_next(Step::SyncFolder, ErrorKind::Other);
    let removed = store.delete_if(&key("users/1.json"), &version).await;
    assert!(matches!(removed, Attempt::Unknown(_)), "{removed:?}");
    let next = create(&store, "users/2.json").await;
    assert_eq!(refused(&next), Some(StoreErrorKind::ReadOnly));
}

#[tokio::test]
async fn without_fsync_nothing_waits_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(TestDisk::default());
    let options = FileOptions {
        fsync: false,
        ..FileOptions::default()
    };
    let on = Arc::clone(&disk) as Arc<dyn Disk>;
    let store = FileStore::open_on(folder.path().join("root"), options, on)
        .await
        .unwrap();
    assert!(is_applied(&create(&store, "a/b/1.json").await));
    assert_eq!(disk.take_steps(), ["Write", "Rename 1.json"]);
}

/// A folder with as many names, put there behind the store's back.
fn fill(folder: &TempDir, names: usize) {
    let users = folder.path().join("root/users");
    fs::create_dir_all(&users).unwrap();
    for name in 0..names {
        fs::write(users.join(format!("{name:06}.json")), "{}").unwrap();
    }
}

/// All names, in pages of 500.
async fn walk(store: &FileStore) -> Vec<String> {
    let (prefix, mut names, mut after) = (Prefix::new("users/"), Vec::new(), None);
    loop {
        let page = store.list(&prefix, after.as_ref(), 500).await.unwrap();
        names.extend(
            page.objects
                .iter()
                .map(|listed| listed.key.as_str().to_owned()),
        );
        after = page
            .objects
            .into_iter()
            .next_back()
            .map(|listed| listed.key);
        if !page.has_more {
            return names;
        }
    }
}

#[tokio::test]
async fn names_of_a_large_quiet_folder_are_read_once_and_no_change_is_missed() {
    let (store, disk, folder) = open().await;
    fill(&folder, 1_200);
    let mut expected: Vec<String> = (0..1_200)
        .map(|name| format!("users/{name:06}.json"))
        .collect();
    assert_eq!(walk(&store).await, expected);

    tokio::time::sleep(Duration::from_millis(3_100)).await;
    let before = disk.folders_read.load(Ordering::Relaxed);
    assert_eq!(walk(&store).await, expected);
    assert_eq!(walk(&store).await, expected);
    assert_eq!(disk.folders_read.load(Ordering::Relaxed) - before, 1);

    for round in 0..20 {
        let path = format!("users/{round:06}-again.json");
        assert!(is_applied(&create(&store, &path).await));
        expected.push(path.clone());
        expected.sort();
        assert_eq!(walk(&store).await, expected);
        fs::remove_file(folder.path().join("root").join(&path)).unwrap();
        expected.retain(|kept| *kept != path);
        assert_eq!(walk(&store).await, expected);
    }
    fs::remove_dir_all(folder.path().join("root/users")).unwrap();
    assert_eq!(walk(&store).await, [""; 0]);
}

#[tokio::test]
async fn walk_through_kept_names_begins_anywhere() {
    let (store, _disk, folder) = open().await;
    fill(&folder, 1_200);
    let below = folder.path().join("root/users/000300");
    fs::create_dir(&below).unwrap();
    fs::write(below.join("x.json"), "{}").unwrap();
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    let names = walk(&store).await;
    assert_eq!(names.len(), 1_201);
    for position in [0, 1, 299, 300, 301, 302, 1_198, 1_199] {
        let after = key(&names[position]);
        let page = store.list(&Prefix::new("users/"), Some(&after), 2).await;
        let found = page.unwrap().objects.into_iter().map(|listed| listed.key);
        let wanted = names
            .iter()
            .skip(position + 1)
            .take(2)
            .map(|name| key(name));
        assert!(found.eq(wanted), "after {after:?}");
    }
}

#[tokio::test]
async fn folder_with_too_many_names_is_read_in_pieces() {
    let (store, _disk, folder) = open().await;
    fill(&folder, 1_200);
    let names = walk(&store).await;
    // As if somebody else held the names of a large folder.
    let _turn = store.files.names.take_turn();
    let read = store
        .files
        .list(&Prefix::new("users/"), None, 2_000)
        .unwrap();
    let read: Vec<_> = read.iter().map(|listed| listed.key.as_str()).collect();
    assert_eq!(read, names);
}
