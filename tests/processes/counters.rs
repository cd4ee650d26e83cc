//! Eight processes that count, take numbers and do jobs, killed all the time, while Redis is flushed and killed: no increment
//! that was acknowledged is lost, no number is given twice, and every job is done once.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Mutex,
    thread,
    time::Duration,
};

use smarterbase::prelude::*;
use smarterbase_core::port::{Clock, SystemClock};
use smarterbase_testkit::server::redis::RedisServer;

use crate::{
    counter::{Arguments, JOBS, LEDGERS, Ledger},
    locker::open,
    locks::break_redis,
};

const WORKERS: u64 = 8;

/// What all processes told.
#[derive(Debug, Default)]
struct Told {
    begun: u64,
    added: u64,
    unknown: u64,
    failed: u64,
    numbers: Vec<u64>,
    answers: BTreeMap<u64, BTreeSet<String>>,
    kills: u64,
}

/// What is stored at the end.
#[derive(Debug)]
struct Stored {
    value: u64,
    next: u64,
    jobs: Vec<u64>,
}

pub(crate) fn everything_acknowledged_counts_once(seconds: u64) {
    let folder = tempfile::tempdir().unwrap();
    let server = cfg!(feature = "redis").then(|| RedisServer::start(&[]).unwrap());
    let url = server.as_ref().map_or(String::new(), RedisServer::url);
    look(folder.path(), async |db| {
        let ledgers = (0..LEDGERS).map(|id| Ledger {
            id,
            ..Ledger::default()
        });
        for ledger in ledgers {
            Ledger::create(db, ledger).await.unwrap();
        }
    });
    let told = Mutex::new(Told::default());
    let deadline = SystemClock.elapsed() + Duration::from_secs(seconds);
    let (path, url, told_ref) = (folder.path(), &url, &told);
    thread::scope(|scope| {
        for place in 0..WORKERS {
            scope.spawn(move || keep_killing(path, url, place, told_ref, deadline));
        }
        if let Some(server) = server {
            break_redis(server, deadline);
        }
    });
    let stored = look(folder.path(), async |db| Stored {
        value: u64::try_from(db.counter("hot").get().await.unwrap()).unwrap(),
        next: db.sequence("hot").peek().await.unwrap(),
        jobs: jobs(db).await,
    });
    judge(&told.into_inner().unwrap(), stored, seconds);
}

async fn jobs(db: &Db) -> Vec<u64> {
    let mut jobs = Vec::new();
    for id in 0..LEDGERS {
        jobs.extend(&Ledger::get(db, &id).required().await.unwrap().jobs);
    }
    jobs.sort_unstable();
    jobs
}

fn judge(told: &Told, stored: Stored, seconds: u64) {
    // Those that ended without a reply, and those that said that they do not know.
    let open = told.begun - told.added - told.failed;
    println!(
        "counters: {} increments acknowledged, {open} with an unknown outcome, {} stored; {} numbers up to {}; {} jobs; {} \
         processes killed",
        told.added,
        stored.value,
        told.numbers.len(),
        stored.next,
        stored.jobs.len(),
        told.kills
    );
    assert!(told.unknown <= open);
    assert!(
        (told.added..=told.added + open).contains(&stored.value),
        "{} are stored",
        stored.value
    );
    let different: BTreeSet<u64> = told.numbers.iter().copied().collect();
    assert_eq!(different.len(), told.numbers.len(), "a number came twice");
    assert!(different.last().is_some_and(|last| *last < stored.next));
    let done: BTreeSet<u64> = stored.jobs.iter().copied().collect();
    assert_eq!(done.len(), stored.jobs.len(), "a job was done twice");
    for (job, answers) in &told.answers {
        assert_eq!(answers.len(), 1, "job {job} has two answers: {answers:?}");
        assert!(done.contains(job), "job {job} was answered and not done");
    }
    assert!(told.kills >= WORKERS * seconds / 3, "{} kills", told.kills);
    let enough = 20 * seconds;
    assert!(told.added >= enough, "hardly anything was counted");
    assert!(told.numbers.len() as u64 >= enough, "hardly any numbers");
    assert!(told.answers.len() as u64 >= JOBS / 10, "hardly any jobs");
}

/// One place in the fleet: its worker is killed after a while, and another one takes its place.
#[allow(clippy::disallowed_methods, reason = "a thread that only waits")]
fn keep_killing(folder: &Path, redis: &str, place: u64, told: &Mutex<Told>, deadline: Duration) {
    for life in 0.. {
        if SystemClock.elapsed() >= deadline {
            return;
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .envs(Arguments::environment(
                folder,
                redis,
                life * WORKERS + place,
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let listening = thread::spawn(move || listen(output));
        thread::sleep(Duration::from_millis(
            700 + (life * 7 + place * 13) % 10 * 100,
        ));
        child.kill().unwrap();
        child.wait().unwrap();
        told.lock().unwrap().add(listening.join().unwrap());
    }
}

fn listen(output: impl BufRead) -> Told {
    let mut told = Told {
        kills: 1,
        ..Told::default()
    };
    let mut last = BTreeMap::new();
    // A line without its end was cut off by the kill, and says nothing.
    for line in output.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8(line).unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["begin"] => told.begun += 1,
            ["added"] => told.added += 1,
            ["unknown"] => told.unknown += 1,
            ["failed"] => told.failed += 1,
            ["numbers", task, numbers @ ..] => {
                for number in numbers {
                    let number: u64 = number.parse().unwrap();
                    let before = last.insert((*task).to_owned(), number);
                    assert!(
                        before.is_none_or(|before| before < number),
                        "{before:?}, {number}"
                    );
                    told.numbers.push(number);
                }
            }
            ["job", job, answer] => {
                let answers = told.answers.entry(job.parse().unwrap()).or_default();
                answers.insert((*answer).to_owned());
            }
            _ => {}
        }
    }
    told
}

impl Told {
    fn add(&mut self, other: Self) {
        self.begun += other.begun;
        self.added += other.added;
        self.unknown += other.unknown;
        self.failed += other.failed;
        self.kills += other.kills;
        self.numbers.extend(other.numbers);
        for (job, answers) in other.answers {
            self.answers.entry(job).or_default().extend(answers);
        }
    }
}

fn look<R>(folder: &Path, work: impl AsyncFnOnce(&Db) -> R) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let db = open(folder, "").await;
        let seen = work(&db).await;
        db.close().await;
        seen
    })
}
