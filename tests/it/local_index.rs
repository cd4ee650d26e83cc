//! Indexes in one file of this machine: chosen by URL or by the builder, and never believed where they may be wrong.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use smarterbase::{LocalIndex, LocalOptions, prelude::*};
use smarterbase_core::store::{FileOptions, FileStore};
use smarterbase_testkit::{TestClock, invariant};
use tempfile::TempDir;

use crate::user::User;

/// A database in a folder, under virtual time.
struct Home {
    folder: TempDir,
    clock: Arc<TestClock>,
}

/// What a program is opened with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum With {
    Objects,
    Local,
    /// Objects, and whatever else the catalog names is given up.
    ObjectsAlone,
    /// Only reads, without the index.
    Nothing,
}

impl Home {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(TestClock::new()),
        }
    }

    fn index(&self) -> PathBuf {
        self.folder.path().join(".sb/index.redb")
    }

    async fn open(&self, with: With) -> Db {
        let options = FileOptions {
            fsync: false,
            clock: self.clock.clone(),
            ..FileOptions::default()
        };
        let store = FileStore::open(self.folder.path(), options).await.unwrap();
        let builder = Db::builder()
            .store(Arc::new(store))
            .clock(self.clock.clone())
            .in_flight_bound(Duration::from_secs(2))
            .abandon_missing_backends(with == With::ObjectsAlone)
            .read_only(with == With::Nothing);
        let builder = match with {
            With::Local => builder.index(Arc::new(self.local().await)),
            With::Objects | With::ObjectsAlone | With::Nothing => builder,
        };
        builder.open().await.unwrap()
    }

    async fn local(&self) -> LocalIndex {
        let options = LocalOptions {
            clock: self.clock.clone(),
            ..LocalOptions::default()
        };
        LocalIndex::open(self.index(), options).await.unwrap()
    }

    /// A database with these users in the plan, closed again.
    async fn filled(ids: &[&str]) -> Self {
        let home = Self::new();
        home.create(With::Local, ids).await;
        home
    }

    async fn create(&self, with: With, ids: &[&str]) {
        let db = self.open(with).await;
        for id in ids {
            User::create(&db, User::new(id).plan("pro")).await.unwrap();
        }
        db.close().await;
    }

    /// Whoever is there is found, at once by a scan, and after a rebuild by the index.
    async fn expect_lost_and_rebuilt(&self, ids: &[&str]) {
        let db = self.open(With::Local).await;
        assert_eq!(pro(&db).await, (ids_of(ids), true), "before the rebuild");
        db.rebuild_indexes::<User>().await.unwrap();
        assert_eq!(pro(&db).await, (ids_of(ids), false), "after the rebuild");
        let store = db_store(self.folder.path()).await;
        assert_eq!(
            invariant::wrong_answers::<User>(&db, &store).await,
            Vec::<String>::new()
        );
        db.close().await;
    }
}

async fn db_store(folder: &Path) -> FileStore {
    FileStore::open(folder, FileOptions::default())
        .await
        .unwrap()
}

fn ids_of(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

/// Who is in the plan, and whether documents or entries had to be listed.
async fn pro(db: &Db) -> (Vec<String>, bool) {
    let before = db.request_counts().snapshot();
    let users = User::find_by_plan(db, "pro").await.unwrap();
    let requests = db.request_counts().snapshot() - before;
    let mut ids: Vec<String> = users.iter().map(|user| user.id.clone()).collect();
    ids.sort();
    (ids, requests.lists > 0)
}

fn url(folder: &Path, query: &str) -> String {
    format!("{}?{query}", folder.display())
}

#[tokio::test]
async fn url_chooses_the_local_index_and_the_catalog_records_it() {
    let folder = tempfile::tempdir().unwrap();
    let db = smarterbase::open(url(folder.path(), "index=local"))
        .await
        .unwrap();
    User::create(&db, User::new("1").plan("pro")).await.unwrap();
    assert_eq!(pro(&db).await, (ids_of(&["1"]), false));
    let definitions = db.definitions::<User>().await.unwrap();
    let plan = definitions
        .iter()
        .find(|known| known.name.starts_with("plan"));
    let backends: Vec<_> = plan.unwrap().backends.iter().collect();
    assert_eq!(backends.len(), 1, "{backends:?}");
    assert_eq!(backends[0].0, "local");
    assert!(folder.path().join(".sb/index.redb").is_file());
    db.close().await;
    let db = smarterbase::open(url(folder.path(), "index=local"))
        .await
        .unwrap();
    assert_eq!(pro(&db).await, (ids_of(&["1"]), false));
    db.close().await;
    let index = folder.path().join("elsewhere/index.redb");
    let other = format!("memory:?index=local&index_path={}", index.display());
    smarterbase::open(other).await.unwrap().close().await;
    assert!(index.is_file());
}

#[tokio::test]
async fn local_index_without_a_place_is_misconfigured() {
    for query in [
        "memory:?index_path=x",
        "./x?index=loca",
        "s3://bucket/x?index=local",
    ] {
        let error = smarterbase::open(query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured, "{query}: {error}");
    }
}

/// The performance contract of opening, besides the `_sys/format.json` of every opening: nothing is listed, nothing is written,
/// and no document is read.
#[tokio::test(start_paused = true)]
async fn clean_opening_asks_for_one_object_and_a_query_for_its_hits() {
    let ids: Vec<String> = (0..40).map(|number| format!("{number:02}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let home = Home::filled(&ids).await;
    let db = home.open(With::Local).await;
    let opened = db.request_counts().snapshot();
    assert_eq!(
        (opened.gets, opened.puts(), opened.lists, opened.deletes),
        (1, 0, 0, 0),
        "{opened:?}"
    );
    User::get(&db, &"00".to_owned()).await.unwrap().unwrap();
    let before = db.request_counts().snapshot();
    let found = User::find_by_plan(&db, "pro").limit(10).await.unwrap();
    let requests = db.request_counts().snapshot() - before;
    assert_eq!(found.len(), 10);
    assert_eq!((requests.puts(), requests.lists), (0, 0), "{requests:?}");
    assert!(requests.gets <= 14, "{requests:?}");
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_one_index_of_the_file_rules_out_is_not_read() {
    let home = Home::new();
    let db = home.open(With::Local).await;
    for number in 0..40 {
        let plan = if number % 4 == 0 { "pro" } else { "free" };
        let rare = if number % 5 == 0 { "rare" } else { "all" };
        let user = User::new(&format!("u{number:02}")).plan(plan).tags(&[rare]);
        User::create(&db, user).await.unwrap();
    }
    let both = User::query(&db).filter(|user| user.plan.eq("pro") & user.tags.has("rare"));
    let found = both.explain().await.unwrap();
    assert_eq!(found.result.len(), 2);
    let profile = found.profile;
    assert!(profile.plan.contains("tags"), "{}", profile.plan);
    assert_eq!((profile.requests.gets, profile.ruled_out), (2, 6));
    assert_eq!((profile.candidates, profile.dropped), (2, 0));
    db.close().await;
}

/// A session is named once, however many documents it writes; an index entry costs no request.
#[tokio::test(start_paused = true)]
async fn a_create_puts_the_document_and_its_claims_and_nothing_for_the_index() {
    let home = Home::filled(&["0"]).await;
    let db = home.open(With::Local).await;
    User::create(&db, User::new("1").plan("pro")).await.unwrap();
    let before = db.request_counts().snapshot();
    User::create(&db, User::new("2").plan("pro")).await.unwrap();
    let requests = db.request_counts().snapshot() - before;
    assert_eq!(
        (requests.puts(), requests.lists, requests.deletes),
        (2, 0, 0),
        "{requests:?}"
    );
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn second_opening_gets_a_clear_error_or_works_with_another_backend() {
    let home = Home::filled(&["1"]).await;
    let first = home.open(With::Local).await;
    let error = LocalIndex::open(home.index(), LocalOptions::default()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("in use"), "{error}");
    assert!(error.to_string().contains("index.redb"), "{error}");
    let other = home.open(With::Objects).await;
    let refused = User::create(&other, User::new("2").plan("pro")).await;
    assert_eq!(refused.unwrap_err().code(), "SB-NO-SUCH-BACKEND");
    let reader = home.open(With::Nothing).await;
    assert_eq!(pro(&reader).await, (ids_of(&["1"]), true));
    assert_eq!(pro(&first).await, (ids_of(&["1"]), false));
    first.close().await;
    // The file is free again.
    home.open(With::Local).await.close().await;
}

#[tokio::test(start_paused = true)]
async fn s6_program_with_another_backend_refuses_or_marks_the_local_index_down() {
    let home = Home::filled(&["1"]).await;
    let local = home.open(With::Local).await;
    assert_eq!(pro(&local).await, (ids_of(&["1"]), false));
    let abandoning = home.open(With::ObjectsAlone).await;
    User::create(&abandoning, User::new("2").plan("pro"))
        .await
        .unwrap();
    let mut first = User::get(&abandoning, &"1".to_owned())
        .required()
        .await
        .unwrap();
    first.plan = "free".to_owned();
    first.save(&abandoning).await.unwrap();
    // The one that has it open learns of it in time.
    assert_eq!(pro(&local).await.0, ["2"]);
    local.close().await;
    abandoning.close().await;
    home.expect_lost_and_rebuilt(&["2"]).await;
}

#[tokio::test(start_paused = true)]
async fn s6_older_copy_of_the_index_never_gives_a_short_answer() {
    let home = Home::filled(&["1"]).await;
    let backup = home.folder.path().join("backup");
    fs::copy(home.index(), &backup).unwrap();
    home.create(With::Local, &["2"]).await;
    fs::copy(&backup, home.index()).unwrap();
    home.expect_lost_and_rebuilt(&["1", "2"]).await;
}

/// As a copy of a folder holds it, that was made while a program wrote: the index before, the documents after.
#[tokio::test(start_paused = true)]
async fn s6_copy_of_a_whole_index_is_not_believed() {
    let home = Home::filled(&["1"]).await;
    let copy = home.folder.path().join("copy");
    fs::copy(home.index(), &copy).unwrap();
    fs::rename(&copy, home.index()).unwrap();
    home.expect_lost_and_rebuilt(&["1"]).await;
}

#[tokio::test(start_paused = true)]
async fn s6_stray_index_of_another_database_never_gives_an_answer() {
    let (home, other) = (Home::filled(&["1"]).await, Home::filled(&["8", "9"]).await);
    fs::copy(other.index(), home.index()).unwrap();
    home.expect_lost_and_rebuilt(&["1"]).await;
}

#[tokio::test(start_paused = true)]
async fn s6_index_newer_than_restored_documents_never_gives_a_short_answer() {
    let home = Home::filled(&["1"]).await;
    let backup = tempfile::tempdir().unwrap();
    copy_documents(home.folder.path(), backup.path());
    let db = home.open(With::Local).await;
    let mut user = User::get(&db, &"1".to_owned()).required().await.unwrap();
    user.plan = "free".to_owned();
    user.save(&db).await.unwrap();
    db.close().await;
    // The documents go back, the index does not.
    copy_documents(backup.path(), home.folder.path());
    home.expect_lost_and_rebuilt(&["1"]).await;
}

/// Everything but `.sb`.
fn copy_documents(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == ".sb" {
            continue;
        }
        if source.is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_documents(&source, &target);
        } else {
            fs::copy(source, target).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn removed_index_is_rebuilt() {
    let home = Home::filled(&["1", "2"]).await;
    fs::remove_file(home.index()).unwrap();
    home.expect_lost_and_rebuilt(&["1", "2"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_not_believed_is_built_again_by_itself() {
    let home = Home::filled(&["1", "2"]).await;
    fs::remove_file(home.index()).unwrap();
    let db = home.open(With::Local).await;
    let mut seconds = 0;
    while pro(&db).await != (ids_of(&["1", "2"]), false) {
        assert_eq!(pro(&db).await.0, ids_of(&["1", "2"]), "meanwhile");
        tokio::time::sleep(Duration::from_secs(1)).await;
        seconds += 1;
        assert!(seconds < 60, "nobody builds it");
    }
    db.close().await;
}

/// Watches `_handle` in `db.rs`: a rebuild keeps the engine, and the engine the file.
#[tokio::test(start_paused = true)]
async fn dropping_the_database_in_the_middle_of_a_rebuild_gives_the_file_back_soon() {
    let home = Home::filled(&["1", "2"]).await;
    fs::remove_file(home.index()).unwrap();
    let db = home.open(With::Local).await;
    let clone = db.clone();
    assert_eq!(pro(&db).await, (ids_of(&["1", "2"]), true));
    drop(db);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let definitions = clone.definitions::<User>().await.unwrap();
    let plan = definitions
        .iter()
        .find(|known| known.name.starts_with("plan"));
    let state = plan.unwrap().backends["local"];
    assert_eq!(state, "building");
    drop(clone);
    tokio::time::sleep(Duration::from_secs(1)).await;
    home.expect_lost_and_rebuilt(&["1", "2"]).await;
}

#[tokio::test(start_paused = true)]
async fn damaged_index_is_rebuilt_and_nothing_is_lost() {
    for (begin, end) in [(4_096, usize::MAX), (0, 9), (64, 512)] {
        let home = Home::filled(&["1", "2"]).await;
        let mut bytes = fs::read(home.index()).unwrap();
        let end = end.min(bytes.len());
        bytes[begin..end].fill(0);
        fs::write(home.index(), bytes).unwrap();
        home.expect_lost_and_rebuilt(&["1", "2"]).await;
    }
    let home = Home::filled(&["1", "2"]).await;
    let bytes = fs::read(home.index()).unwrap();
    fs::write(home.index(), &bytes[..bytes.len() / 2]).unwrap();
    home.expect_lost_and_rebuilt(&["1", "2"]).await;
}

#[tokio::test(start_paused = true)]
async fn file_that_is_no_index_is_left_alone() {
    let home = Home::filled(&["1"]).await;
    fs::write(home.index(), "a diary").unwrap();
    let error = LocalIndex::open(home.index(), LocalOptions::default()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error}");
    assert_eq!(fs::read(home.index()).unwrap(), b"a diary");
}

#[tokio::test(start_paused = true)]
async fn switching_from_objects_to_local_and_back_is_a_rebuild() {
    let home = Home::new();
    home.create(With::Objects, &["1", "2"]).await;
    let db = home.open(With::Local).await;
    let before = db.request_counts().snapshot();
    assert_eq!(pro(&db).await.0, ["1", "2"]);
    let requests = db.request_counts().snapshot() - before;
    assert!(requests.lists > 0, "objects still answer");
    db.rebuild_indexes::<User>().await.unwrap();
    assert_eq!(pro(&db).await, (ids_of(&["1", "2"]), false));
    User::create(&db, User::new("3").plan("pro")).await.unwrap();
    assert_eq!(pro(&db).await, (ids_of(&["1", "2", "3"]), false));
    db.close().await;

    let db = home.open(With::ObjectsAlone).await;
    User::create(&db, User::new("4").plan("pro")).await.unwrap();
    assert_eq!(pro(&db).await.0, ["1", "2", "3", "4"]);
    db.rebuild_indexes::<User>().await.unwrap();
    assert_eq!(pro(&db).await.0, ["1", "2", "3", "4"]);
    db.close().await;
    // The file still says what it said before, and nobody believes it.
    home.expect_lost_and_rebuilt(&["1", "2", "3", "4"]).await;
}

#[tokio::test]
async fn reader_uses_the_file_beside_other_readers_and_changes_nothing() {
    let home = Home::filled(&["1"]).await;
    let before = fs::read(home.index()).unwrap();
    let open = || smarterbase::open(url(home.folder.path(), "index=local&read_only=true"));
    let (first, second) = (open().await.unwrap(), open().await.unwrap());
    assert_eq!(pro(&first).await, (ids_of(&["1"]), false));
    assert_eq!(pro(&second).await, (ids_of(&["1"]), false));
    let writer = LocalIndex::open(home.index(), LocalOptions::default()).await;
    assert_eq!(writer.unwrap_err().kind(), ErrorKind::Misconfigured);
    first.close().await;
    second.close().await;
    assert_eq!(fs::read(home.index()).unwrap(), before);
    fs::remove_file(home.index()).unwrap();
    let without = open().await.unwrap();
    assert_eq!(pro(&without).await, (ids_of(&["1"]), true));
}
