//! A process with a local index, killed with `kill -9` while it writes: what it acknowledged is found, and the index is
//! rebuilt from the documents.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use smarterbase::{LocalIndex, LocalOptions, prelude::*};
use smarterbase_core::{
    port::Rng,
    store::{FileOptions, FileStore},
};
use smarterbase_testkit::SeededRng;

const FOLDER: &str = "LOCAL_INDEX_FOLDER";
const SEED: &str = "LOCAL_INDEX_SEED";
const PLACES: u64 = 24;
const GROUPS: u64 = 4;

/// Something that moves between groups.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "movers")]
struct Mover {
    #[key]
    id: u64,
    #[index]
    group: u64,
}

/// What a worker is started with.
#[derive(Debug)]
pub(crate) struct Arguments {
    folder: PathBuf,
    seed: u64,
}

impl Arguments {
    pub(crate) fn from_environment() -> Option<Self> {
        Some(Self {
            folder: std::env::var_os(FOLDER)?.into(),
            seed: std::env::var(SEED).ok()?.parse().ok()?,
        })
    }
}

/// Moves documents, several at a time, and says before and after what it does.
pub(crate) fn run(arguments: Arguments) {
    runtime().block_on(async {
        let db = open(&arguments.folder).await;
        let rng = SeededRng::new(arguments.seed);
        let lanes = (0..4).map(|lane| {
            let (db, rng) = (&db, &rng);
            async move {
                loop {
                    move_one(db, rng, lane).await;
                }
            }
        });
        futures::future::join_all(lanes).await;
    });
}

/// A lane has documents of its own, so that its last word about one is the last one.
async fn move_one(db: &Db, rng: &dyn Rng, lane: u64) {
    let mover = Mover {
        id: rng.below(PLACES / 4) * 4 + lane,
        group: rng.below(GROUPS),
    };
    let (id, group) = (mover.id, mover.group);
    tell(&format!("moves {id} {group}"));
    Mover::overwrite(db, mover).await.unwrap();
    tell(&format!("moved {id} {group}"));
}

fn tell(line: &str) {
    let mut output = std::io::stdout().lock();
    // The parent may be gone; then so is this process, soon.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn open(folder: &Path) -> Db {
    let options = FileOptions {
        fsync: false,
        ..FileOptions::default()
    };
    let store = FileStore::open(folder, options).await.unwrap();
    let path = folder.join(".sb/index.redb");
    let index = LocalIndex::open(path, LocalOptions::default()).await;
    Db::builder()
        .store(Arc::new(store))
        .index(Arc::new(index.unwrap()))
        .in_flight_bound(Duration::from_secs(1))
        .open()
        .await
        .unwrap()
}

/// Where each document was last, as far as its process said: moved there, or on the way.
#[derive(Default)]
struct Log {
    moved: BTreeMap<u64, u64>,
    moving: BTreeMap<u64, u64>,
}

impl Log {
    fn read(&mut self, output: ChildStdout) {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut words = line.split(' ');
            let what = words.next().unwrap().to_owned();
            let mut number = || words.next().and_then(|word| word.parse().ok());
            // The last line may be cut off.
            let (Some(id), Some(group)) = (number(), number()) else {
                return;
            };
            if what == "moves" {
                self.moving.insert(id, group);
            } else {
                self.moving.remove(&id);
                self.moved.insert(id, group);
            }
        }
    }
}

/// The test.
pub(crate) fn a_killed_process_loses_nothing_and_the_index_is_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::default();
    let mut acknowledged = 0;
    for round in 0..3 {
        let mut child = start(folder.path(), round);
        let output = child.stdout.take().unwrap();
        wait(Duration::from_millis(700 + 150 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        log.read(output);
        acknowledged += log.moved.len();
        runtime().block_on(check(folder.path(), &log));
    }
    assert!(acknowledged > 20, "only {acknowledged} moves");
    println!("local index: 3 processes killed, everything acknowledged was found");
}

#[allow(clippy::disallowed_methods, reason = "a thread that only waits")]
fn wait(duration: Duration) {
    std::thread::sleep(duration);
}

fn start(folder: &Path, round: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .env(FOLDER, folder)
        .env(SEED, round.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The next process finds everything without the index at first, and with it after a rebuild.
async fn check(folder: &Path, log: &Log) {
    let db = open(folder).await;
    let first = check_groups(&db, log).await;
    assert!(first > 0, "the index of a killed process was believed");
    db.rebuild_indexes::<Mover>().await.unwrap();
    let again = check_groups(&db, log).await;
    assert_eq!(
        again, 0,
        "a query after the rebuild was not served by the index"
    );
    db.close().await;
}

/// Every document is found in its group, which is one that its process named, and in no other one. Gives how many LISTs
/// it took.
async fn check_groups(db: &Db, log: &Log) -> u64 {
    let mut truth = BTreeMap::new();
    for id in 0..PLACES {
        let found = Mover::get(db, &id).await.unwrap();
        let group = found.map(|mover| mover.group);
        let is_told = group == log.moved.get(&id).copied() || group == log.moving.get(&id).copied();
        assert!(is_told, "document {id} is in group {group:?}");
        truth.extend(group.map(|group| (id, group)));
    }
    let before = db.request_counts().snapshot();
    for group in 0..GROUPS {
        let found = Mover::find_by_group(db, group).await.unwrap();
        let mut found: Vec<u64> = found.iter().map(|mover| mover.id).collect();
        found.sort_unstable();
        let expected = truth.iter().filter(|(_, known)| **known == group);
        let expected: Vec<u64> = expected.map(|(id, _)| *id).collect();
        assert_eq!(found, expected, "in group {group}");
    }
    (db.request_counts().snapshot() - before).lists
}
