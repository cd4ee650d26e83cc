//! The parent: starts workers, kills them, and writes down what they said.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use smarterbase_core::port::{Clock, SystemClock};
use smarterbase_testkit::history::{Outcome, Transaction};

use crate::{
    line::{Event, Line},
    worker::{self, Arguments, LISTS, List},
};
use smarterbase::prelude::*;

const WORKERS: u64 = 3;

/// What all workers said, and a last look at every list; and how many workers were killed.
pub(crate) fn run(seconds: u64) -> (Vec<Transaction>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let next = AtomicU64::new(1);
    let log = Arc::new(Mutex::new(Vec::new()));
    let deadline = SystemClock.elapsed() + Duration::from_secs(seconds);
    let (next, log) = (&next, &log);
    let kills: u64 = thread::scope(|scope| {
        let folder = folder.path();
        let watches: Vec<_> = (0..WORKERS)
            .map(|place| scope.spawn(move || keep_killing(folder, place, next, log, deadline)))
            .collect();
        watches.into_iter().map(|watch| watch.join().unwrap()).sum()
    });
    let mut transactions = std::mem::take(&mut *log.lock().unwrap());
    transactions.push(last_look(folder.path()));
    (transactions, kills)
}

/// One place in the fleet: its worker is killed after a while, and another one takes its place.
#[allow(clippy::disallowed_methods, reason = "a thread that only waits")]
fn keep_killing(
    folder: &Path,
    place: u64,
    next: &AtomicU64,
    log: &Arc<Mutex<Vec<Transaction>>>,
    deadline: Duration,
) -> u64 {
    let mut kills = 0;
    while SystemClock.elapsed() < deadline {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let mut child = start(folder, number);
        let output = BufReader::new(child.stdout.take().unwrap());
        let log = log.clone();
        let listening = thread::spawn(move || listen(output, number, &log));
        thread::sleep(Duration::from_millis(
            500 + (number * 7 + place * 13) % 10 * 100,
        ));
        child.kill().unwrap();
        child.wait().unwrap();
        listening.join().unwrap();
        kills += 1;
    }
    kills
}

fn start(folder: &Path, number: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .envs(Arguments::environment(folder, number))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// Makes transactions of a worker's lines. One that has no end has an outcome that nobody knows.
fn listen(output: impl BufRead, number: u64, log: &Mutex<Vec<Transaction>>) {
    let mut running: Option<Transaction> = None;
    for line in output.lines() {
        let Some(line) = line.ok().as_deref().and_then(Line::read) else {
            break;
        };
        match line.event {
            Event::Begin => {
                let invoked = running
                    .as_ref()
                    .map_or(line.time, |running| running.invoked);
                running = Some(Transaction::unknown(number, invoked, line.operations));
            }
            event => {
                let Some(begun) = running.take() else {
                    continue;
                };
                log.lock().unwrap().push(ended(begun, event, line));
            }
        }
    }
    // It was killed while a transaction ran.
    log.lock().unwrap().extend(running);
}

fn ended(begun: Transaction, event: Event, line: Line) -> Transaction {
    let outcome = match event {
        Event::Commit => Outcome::Committed,
        Event::Fail => Outcome::Aborted,
        Event::Begin | Event::Unknown => Outcome::Unknown,
    };
    Transaction {
        outcome,
        completed: (outcome != Outcome::Unknown).then_some(line.time),
        operations: line.operations,
        ..begun
    }
}

fn last_look(folder: &Path) -> Transaction {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let nanoseconds = || u64::try_from(SystemClock.elapsed().as_nanos()).unwrap();
    runtime.block_on(async {
        let db = worker::open(folder).await;
        let begun = nanoseconds();
        let operations = db.snapshot(|tx| async move {
            let mut operations = Vec::new();
            for list in 0..LISTS {
                let found = List::get(&tx, &list).await?;
                operations.push(worker::read(list, found.as_ref()));
            }
            Ok(operations)
        });
        let operations = operations.await.unwrap();
        db.close().await;
        Transaction::committed(0, begun..nanoseconds(), operations)
    })
}
