//! One process that counts, takes numbers and does jobs that must be done once, side by side and again and again, until it is
//! killed.
//!
//! It tells its parent by lines: `begin` before it adds 1 to the counter and `added`, `failed` or `unknown` after it;
//! `numbers <task> <number>…`; and `job <number> <answer>`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use smarterbase::prelude::*;

use crate::locker::open;

/// How many tasks of each kind a process runs.
const TASKS: u64 = 3;
/// How many jobs there are for all processes.
pub(crate) const JOBS: u64 = 120;

/// What jobs write: their numbers, once each.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Document)]
#[document(name = "ledgers")]
pub(crate) struct Ledger {
    #[key]
    pub(crate) id: u64,
    pub(crate) jobs: Vec<u64>,
}

/// How many ledgers the jobs are spread over.
pub(crate) const LEDGERS: u64 = 8;

/// What a worker is started with.
#[derive(Debug)]
pub(crate) struct Arguments {
    folder: PathBuf,
    redis: String,
    seed: u64,
}

const FOLDER: &str = "COUNTERS_FOLDER";
const REDIS: &str = "COUNTERS_REDIS";
const SEED: &str = "COUNTERS_SEED";

impl Arguments {
    pub(crate) fn from_environment() -> Option<Self> {
        Some(Self {
            folder: std::env::var_os(FOLDER)?.into(),
            redis: std::env::var(REDIS).ok()?,
            seed: std::env::var(SEED).ok()?.parse().ok()?,
        })
    }

    pub(crate) fn environment(
        folder: &Path,
        redis: &str,
        seed: u64,
    ) -> [(&'static str, String); 3] {
        let folder = folder.to_str().unwrap().to_owned();
        [
            (FOLDER, folder),
            (REDIS, redis.to_owned()),
            (SEED, seed.to_string()),
        ]
    }
}

pub(crate) fn run(arguments: Arguments) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let db = open(&arguments.folder, &arguments.redis).await;
        let counting = (0..TASKS).map(|_| tokio::spawn(count(db.clone())));
        let numbering = (0..TASKS).map(|task| tokio::spawn(number(db.clone(), task)));
        let working = tokio::spawn(work(db.clone(), arguments.seed));
        let tasks = counting.chain(numbering).chain([working]);
        futures::future::join_all(tasks.collect::<Vec<_>>()).await;
    });
}

async fn count(db: Db) {
    let counter = db.counter("hot");
    loop {
        tell("begin");
        match counter.increment().await {
            Ok(_) => tell("added"),
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => tell("unknown"),
            Err(_) => tell("failed"),
        }
        pause().await;
    }
}

/// Each task has a block of its own, so that small and large reservations meet.
async fn number(db: Db, task: u64) {
    let block = [1, 5, 64][usize::try_from(task).unwrap()];
    let sequence = db.sequence("hot").block(block);
    for count in 0.. {
        if let Ok(numbers) = sequence.next_many(1 + count % 3).await {
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            tell(&format!("numbers {task} {}", numbers.join(" ")));
        }
        pause().await;
    }
}

/// Jobs in an order of its own: every job is asked for by many processes.
async fn work(db: Db, seed: u64) {
    for turn in 0.. {
        let job = (turn * 7 + seed * 31) % JOBS;
        let attempt: Id<Ledger> = db.new_id();
        let answer = attempt.to_string();
        let doing = db.transaction(|tx| {
            let answer = answer.clone();
            async move {
                let ledger = job % LEDGERS;
                let mut found = Ledger::get(&tx, &ledger).required().await?;
                found.jobs.push(job);
                found.save(&tx).await?;
                Ok(answer)
            }
        });
        if let Ok(answer) = doing.idempotent(format!("job-{job}")).await {
            tell(&format!("job {job} {answer}"));
        }
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

fn tell(text: &str) {
    let mut output = std::io::stdout().lock();
    // The parent may be gone; then so is this process, soon.
    let _ = writeln!(output, "{text}").and_then(|()| output.flush());
}
