//! Every fault at every request of counting and of reserving numbers: what was acknowledged counts, what was refused does not,
//! and no number is given twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{Arc, Mutex},
};

use futures::future::join_all;
use smarterbase::{Result, prelude::*};
use smarterbase_testkit::{Fault, FaultStore, sweep::World};

/// What became of the changes of the attacked client, each of which adds a bit of its own; and the numbers that it was given.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Report>>);

#[derive(Clone, Debug, Default)]
struct Report {
    /// Changes that were asked for.
    begun: i64,
    done: i64,
    unknown: i64,
    not_done: i64,
    numbers: Vec<u64>,
    replies: Vec<&'static str>,
}

impl Told {
    fn with<R>(&self, work: impl FnOnce(&mut Report) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }

    async fn add(&self, db: &Db, bit: u32) {
        let by = 1_i64 << bit;
        self.with(|report| report.begun |= by);
        let answer = db.counter("x").add(by).await;
        self.with(|report| {
            report.replies.push(reply(&answer));
            match answer {
                Ok(value) if value & by == 0 => panic!("{value} does not hold {by}"),
                Ok(_) => report.done |= by,
                Err(error) if error.kind() == ErrorKind::OutcomeUnknown => report.unknown |= by,
                Err(_) => report.not_done |= by,
            }
        });
    }

    async fn number(&self, db: &Db, block: u32) {
        let answer = db.sequence("x").block(block).next_many(2).await;
        self.with(|report| {
            report.replies.push(reply(&answer));
            if let Err(error) = &answer {
                assert_ne!(error.kind(), ErrorKind::OutcomeUnknown);
            }
            report.numbers.extend(answer.unwrap_or_default());
        });
    }
}

fn reply<T>(answer: &Result<T>) -> &'static str {
    answer.as_ref().map_or_else(Error::code, |_| "done")
}

type Act = for<'a> fn(&'a Db, &'a Told) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs the client once per call and fault, with a rival that does the same meanwhile; `check` looks at what is left.
async fn attack(act: Act, check: fn(&[Report], i64, &BTreeSet<u64>) -> Option<String>) {
    let calls = rehearse(act).await;
    let (mut trials, mut replies, mut wrong) = (0, BTreeMap::<&str, u64>::new(), Vec::new());
    for call in 1..calls {
        let stays = [
            Fault::FailBefore,
            Fault::LoseReply,
            Fault::ApplyLater,
            Fault::Deny,
        ];
        let once = Fault::ALL.map(|fault| (fault, 1));
        for (fault, times) in once.into_iter().chain(stays.map(|fault| (fault, 5_000))) {
            let (was_hit, report, found) = trial(act, call, fault, times, check).await;
            trials += u64::from(was_hit);
            for reply in &report.replies {
                *replies.entry(reply).or_default() += 1;
            }
            let is_overcome = times == 1
                && !matches!(fault, Fault::CrashBefore | Fault::CrashAfter | Fault::Deny);
            if is_overcome && report.replies.iter().any(|reply| *reply != "done") {
                wrong.push(format!(
                    "{fault:?} at call {call} was not overcome: {report:?}"
                ));
            }
            wrong.extend(found.map(|found| format!("{fault:?} × {times} at call {call}: {found}")));
        }
    }
    println!("{calls} calls, {trials} trials: {replies:?}");
    assert!(trials >= 10, "hardly any fault was met");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn rehearse(act: Act) -> u64 {
    let world = World::new(7);
    world.open(0).await;
    let store = Arc::new(FaultStore::recording(world.store.clone()));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    act(&db, &Told::default()).await;
    db.close().await;
    store.log().len() as u64
}

async fn trial(
    act: Act,
    call: u64,
    fault: Fault,
    times: u64,
    check: fn(&[Report], i64, &BTreeSet<u64>) -> Option<String>,
) -> (bool, Report, Option<String>) {
    let world = World::new(7);
    world.open(0).await;
    let faults = (call..call + times).map(|call| (call, fault));
    let store = Arc::new(FaultStore::with_faults(world.store.clone(), faults));
    let db = world.builder(1, store.clone()).open().await.unwrap();
    let (attacked, rival, last) = (Told::default(), Told::default(), Told::default());
    let rivaling = tokio::spawn({
        let (db, rival) = (world.open(2).await, rival.clone());
        async move {
            rival.add(&db, 40).await;
            rival.number(&db, 3).await;
            rival.add(&db, 41).await;
        }
    });
    tokio::select! {
        biased;
        () = store.crash() => {}
        () = act(&db, &attacked) => {}
    }
    rivaling.await.unwrap();
    store.release_delayed().await;
    let next = world.open(3).await;
    last.add(&next, 50).await;
    last.number(&next, 5).await;
    let value = next.counter("x").get().await.unwrap();
    let reports = [&attacked, &rival, &last].map(|told| told.with(|report| report.clone()));
    let numbers = reports
        .iter()
        .flat_map(|report| report.numbers.iter().copied());
    let found = check(&reports, value, &numbers.collect());
    let [attacked, ..] = reports;
    (store.was_hit(), attacked, found)
}

/// Every acknowledged bit is there, and no other one but of changes with an unknown outcome or without a reply.
fn counted(reports: &[Report], value: i64, _: &BTreeSet<u64>) -> Option<String> {
    let all = |bits: fn(&Report) -> i64| reports.iter().fold(0, |sum, report| sum | bits(report));
    let done = all(|report| report.done);
    let may_be = all(|report| report.begun & !report.not_done);
    let is_right = value & done == done && value & !may_be == 0;
    (!is_right).then(|| format!("{value:b}, but {reports:?}"))
}

fn unique(reports: &[Report], _: i64, numbers: &BTreeSet<u64>) -> Option<String> {
    let given: usize = reports.iter().map(|report| report.numbers.len()).sum();
    let are_sorted = reports.iter().all(|report| report.numbers.is_sorted());
    (given != numbers.len() || !are_sorted || reports[2].numbers.len() != 2)
        .then(|| format!("{reports:?}"))
}

#[tokio::test(start_paused = true)]
async fn counting_survives_every_fault() {
    let act: Act = |db, told| {
        Box::pin(async move {
            told.add(db, 0).await;
            told.add(db, 1).await;
            join_all((2..6).map(|bit| told.add(db, bit))).await;
            told.add(db, 6).await;
        })
    };
    attack(act, counted).await;
}

#[tokio::test(start_paused = true)]
async fn reserving_numbers_survives_every_fault() {
    let act: Act = |db, told| {
        Box::pin(async move {
            told.number(db, 3).await;
            told.number(db, 3).await;
            told.number(db, 3).await;
            told.number(db, 3).await;
        })
    };
    attack(act, unique).await;
}
