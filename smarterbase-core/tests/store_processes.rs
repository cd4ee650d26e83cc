//! Real processes on one folder, killed at any moment, and a disk that takes no more.
//!
//! A test starts its own executable again with an environment variable that makes the same test play the child.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use bytes::Bytes;
use smarterbase_core::{
    format::Key,
    port::{Attempt, CasStore, Expect, Rng, StoreErrorKind, SystemRng},
    store::{FileOptions, FileStore},
};

const FOLDER: &str = "SMARTERBASE_TEST_FOLDER";
const FSYNC: &str = "SMARTERBASE_TEST_FSYNC";

/// The words of a child, one per line.
const BEGUN: &str = "increment begun";
const ACKNOWLEDGED: &str = "increment acknowledged";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn counter() -> Key {
    Key::from_stored("counters/one.json")
}

/// 4 kB, so that a torn file would show.
fn body(number: u64) -> Bytes {
    let rng: &dyn Rng = &SystemRng;
    let filler = number.to_string().repeat(4_000 / number.to_string().len());
    Bytes::from(format!(
        r#"{{"_sb":{{"put":"{}","format":1}},"number":{number},"filler":"{filler}"}}"#,
        rng.nonce()
    ))
}

fn number(bytes: &[u8]) -> u64 {
    let value: serde_json::Value = serde_json::from_slice(bytes).expect("the file is whole");
    let number = value["number"].as_u64().unwrap();
    let filler = number.to_string().repeat(4_000 / number.to_string().len());
    assert_eq!(value["filler"], filler.as_str());
    number
}

async fn open(folder: &Path, fsync: bool) -> FileStore {
    let options = FileOptions {
        fsync,
        ..FileOptions::default()
    };
    FileStore::open(folder, options).await.unwrap()
}

/// The child: counts up until it is killed, and says so before and after each increment.
async fn count_for_ever(folder: &str) {
    let store = open(Path::new(folder), env::var_os(FSYNC).is_some()).await;
    let mut out = std::io::stdout();
    loop {
        let now = store.get(&counter()).await.unwrap().unwrap();
        let expect = Expect::Exactly(now.version);
        let next = body(number(&now.bytes) + 1);
        writeln!(out, "{BEGUN}").unwrap();
        match store.put(&counter(), &expect, next).await {
            Attempt::Applied(_) => writeln!(out, "{ACKNOWLEDGED}").unwrap(),
            Attempt::Rejected => {}
            other => panic!("{other:?}"),
        }
    }
}

fn start(test: &str, folder: &Path, fsync: bool) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if fsync {
        command.env(FSYNC, "1");
    }
    command.spawn().unwrap()
}

/// Kills the child once it acknowledged `after` increments and `pause` passed; returns how many it acknowledged.
fn kill(mut child: Child, after: usize, pause: Duration) -> u64 {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = 0;
    let is_acknowledgement = |line: &str| line.ends_with(ACKNOWLEDGED);
    while acknowledged < after as u64 {
        let line = lines.next().expect("the child counts until it is killed");
        acknowledged += u64::from(is_acknowledgement(&line.unwrap()));
    }
    #[allow(clippy::disallowed_methods, reason = "real processes need real time")]
    std::thread::sleep(pause);
    child.kill().unwrap();
    // What the child wrote before it died is still in the pipe; the last line may be cut.
    let rest = lines.map_while(Result::ok);
    acknowledged += rest.filter(|line| is_acknowledgement(line)).count() as u64;
    child.wait().unwrap();
    acknowledged
}

fn killed_processes_lose_nothing(test: &'static str, fsync: bool, rounds: u64) {
    if let Ok(folder) = env::var(FOLDER) {
        return block_on(count_for_ever(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(folder.path(), fsync).await;
        let created = store.put(&counter(), &Expect::Absent, body(0)).await;
        assert!(matches!(created, Attempt::Applied(_)));
    });
    let mut acknowledged = 0;
    let mut kills = 0;
    for round in 0..rounds {
        let children: Vec<Child> = (0..3).map(|_| start(test, folder.path(), fsync)).collect();
        for (place, child) in children.into_iter().enumerate() {
            let pause = Duration::from_micros((round * 3 + place as u64) * 137 % 3_000);
            acknowledged += kill(child, 3, pause);
            kills += 1;
        }
    }
    let last = block_on(async {
        let store = open(folder.path(), fsync).await;
        // A dead process holds no lock: the next write goes through.
        let now = store.get(&counter()).await.unwrap().unwrap();
        let last = number(&now.bytes);
        let next = store
            .put(&counter(), &Expect::Exactly(now.version), body(last + 1))
            .await;
        assert!(matches!(next, Attempt::Applied(_)), "{next:?}");
        last
    });
    assert!(acknowledged >= kills * 3);
    assert!(
        (acknowledged..=acknowledged + kills).contains(&last),
        "{last} counted, {acknowledged} acknowledged, {kills} killed in between"
    );
}

#[test]
fn killed_processes_lose_no_acknowledged_increment() {
    let test = "killed_processes_lose_no_acknowledged_increment";
    killed_processes_lose_nothing(test, true, 4);
}

#[test]
fn killed_processes_lose_no_acknowledged_increment_without_fsync() {
    let test = "killed_processes_lose_no_acknowledged_increment_without_fsync";
    killed_processes_lose_nothing(test, false, 10);
}

/// The child: its files may not grow beyond 8 kB.
async fn write_too_much(folder: &str) {
    let store = open(Path::new(folder), true).await;
    let now = store.get(&counter()).await.unwrap().unwrap();
    let expect = Expect::Exactly(now.version);
    let big = Bytes::from(vec![b'x'; 100_000]);
    match store.put(&counter(), &expect, big.clone()).await {
        Attempt::Refused(error) => assert_eq!(error.kind, StoreErrorKind::Full),
        other => panic!("{other:?}"),
    }
    let other = Key::from_stored("counters/two.json");
    let created = store.put(&other, &Expect::Absent, big).await;
    assert!(matches!(created, Attempt::Refused(error) if error.kind == StoreErrorKind::Full));
    // A full disk is no broken disk: what fits is still written.
    let small = store.put(&counter(), &expect, body(1)).await;
    assert!(matches!(small, Attempt::Applied(_)), "{small:?}");
}

#[test]
fn write_that_does_not_fit_on_the_disk_is_refused_and_leaves_nothing() {
    if let Ok(folder) = env::var(FOLDER) {
        return block_on(write_too_much(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(folder.path(), true).await;
        store.put(&counter(), &Expect::Absent, body(0)).await;
    });
    // Blocks of 512 bytes (POSIX). Ignored, the signal of a file that grows too much becomes an error of the write.
    let status = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 16; exec "$0" "$@""#])
        .arg(env::current_exe().unwrap())
        .args([
            "--exact",
            "write_that_does_not_fit_on_the_disk_is_refused_and_leaves_nothing",
            "--test-threads=1",
        ])
        .env(FOLDER, folder.path())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let left = std::fs::read_dir(folder.path().join(".sb/tmp")).unwrap();
    assert_eq!(left.count(), 0);
    block_on(async {
        let store = open(folder.path(), true).await;
        let now = store.get(&counter()).await.unwrap().unwrap();
        assert_eq!(number(&now.bytes), 1);
    });
}
