//! Counters and sequences beside what they are made of: one caller, and many that want the same.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::try_join_all;
use redis::aio::MultiplexedConnection;
use smarterbase::Db;
use smarterbase_core::{
    format::Key,
    port::{Attempt, CasStore, Expect, Rng, SystemRng},
    store::{FileOptions, FileStore, MemoryStore},
};
use smarterbase_testkit::{TestClock, server::redis::RedisServer};
use tokio::time::Instant;

use crate::{
    measure::{Effort, Took, each, now, row, table},
    paced::PacedStore,
};

/// How often each worker counts.
const EACH: usize = 20;
/// Who wants the same, in all.
const WORKERS: usize = 32;

/// One caller, on this machine.
pub(crate) async fn measure(effort: Effort, folder: &Path) -> anyhow::Result<()> {
    table(
        "Counters and sequences, one caller",
        &["Operation", "median (p95)", "× raw"],
    );
    let server = RedisServer::start(&[])?;
    let connection = connect(&server).await?;
    let redis = each(effort.of(5_000), async |_| increment(&connection).await).await;
    print("raw: Redis `INCR`", redis, redis);
    let memory: Arc<dyn CasStore> = Arc::new(MemoryStore::new());
    compare(effort.of(5_000), "memory", &memory).await?;
    let options = FileOptions {
        fsync: false,
        ..FileOptions::default()
    };
    let disk: Arc<dyn CasStore> =
        Arc::new(FileStore::open(folder.join("counters"), options).await?);
    compare(effort.of(500), "folder, fsync off", &disk).await?;
    together(effort, &connection).await
}

async fn compare(runs: usize, place: &str, store: &Arc<dyn CasStore>) -> anyhow::Result<()> {
    let raw = raw_swaps(runs, store).await?;
    print(&format!("raw: a compare-and-swap, {place}"), raw, raw);
    let db = Db::builder().store(store.clone()).open().await?;
    let counter = db.counter("alone");
    let took = each(runs, async |_| counter.increment().await).await;
    print(&format!("`counter.increment()`, {place}"), took, raw);
    for block in [1, 64] {
        let sequence = db.sequence("alone").block(block);
        let took = each(runs, async |_| sequence.next().await).await;
        print(
            &format!("`sequence.next()`, block {block}, {place}"),
            took,
            raw,
        );
    }
    Ok(())
}

fn print(name: &str, took: Took, raw: Took) {
    row(&[
        name.to_owned(),
        took.to_string(),
        format!("{:.2}", took.over(raw)),
    ]);
}

async fn connect(server: &RedisServer) -> anyhow::Result<MultiplexedConnection> {
    let client = redis::Client::open(server.url())?;
    Ok(client.get_multiplexed_async_connection().await?)
}

async fn increment(connection: &MultiplexedConnection) -> u64 {
    let mut connection = connection.clone();
    let mut command = redis::cmd("INCR");
    let counted = command.arg("alone").query_async(&mut connection).await;
    counted.expect("Redis answers")
}

fn body() -> Bytes {
    let mut random = [0; 16];
    SystemRng.fill(&mut random);
    format!("{{\"value\":\"{random:?}\"}}").into()
}

async fn raw_swaps(runs: usize, store: &Arc<dyn CasStore>) -> anyhow::Result<Took> {
    let key = Key::from_stored("raw/counter.json");
    let mut version = match store.put(&key, &Expect::Absent, body()).await {
        Attempt::Applied(version) => version,
        refused => anyhow::bail!("a create failed: {refused:?}"),
    };
    Ok(each(runs, async |_| {
        let expected = Expect::Exactly(version.clone());
        match store.put(&key, &expected, body()).await {
            Attempt::Applied(next) => version = next,
            refused => panic!("nobody else swaps: {refused:?}"),
        }
    })
    .await)
}

/// Many in one program, at the same time: what one of them takes on average.
async fn together(effort: Effort, connection: &MultiplexedConnection) -> anyhow::Result<()> {
    table(
        &format!("{WORKERS} callers of one program at the same time, memory"),
        &["Operation", "per second"],
    );
    let rounds = effort.of(1_000);
    let begun = now();
    for _ in 0..rounds {
        futures::future::join_all((0..WORKERS).map(|_| increment(connection))).await;
    }
    rate("raw: Redis `INCR`", rounds, begun.elapsed());
    let store = Arc::new(MemoryStore::new());
    let db = Db::builder().store(store).open().await?;
    let counter = db.counter("hot");
    let begun = now();
    for _ in 0..rounds {
        try_join_all((0..WORKERS).map(|_| counter.increment())).await?;
    }
    rate("`counter.increment()`", rounds, begun.elapsed());
    let sequence = db.sequence("hot");
    let begun = now();
    for _ in 0..rounds {
        try_join_all((0..WORKERS).map(|_| sequence.next())).await?;
    }
    rate("`sequence.next()`, block 64", rounds, begun.elapsed());
    Ok(())
}

fn rate(name: &str, rounds: usize, took: Duration) {
    let done = (rounds * WORKERS) as f64;
    row(&[name.to_owned(), format!("{:.0}", done / took.as_secs_f64())]);
}

/// Many that want the same, far away, on virtual time: exact.
pub(crate) fn measure_far_away() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    runtime.block_on(far_away())
}

async fn far_away() -> anyhow::Result<()> {
    table(
        "One counter and one sequence, far away (GET 10 ms, PUT 20 ms; virtual time)",
        &[
            "Operation",
            "Programs × callers",
            "per second",
            "PUT each",
            "GET each",
        ],
    );
    for (programs, callers) in [(1, 1), (1, 32), (8, 4), (32, 1)] {
        let store = PacedStore::over(MemoryStore::new());
        by_hand(&store, programs * callers).await?;
        for (name, work) in [
            ("`counter.increment()`", Work::Count),
            ("`sequence.next()`, block 1", Work::Number(1)),
            ("`sequence.next()`, block 64", Work::Number(64)),
        ] {
            contest(name, work, programs, callers).await?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Work {
    Count,
    Number(u32),
}

async fn contest(name: &str, work: Work, programs: usize, callers: usize) -> anyhow::Result<()> {
    let store = PacedStore::over(MemoryStore::new());
    let clock = Arc::new(TestClock::new());
    let mut handles = Vec::new();
    for _ in 0..programs {
        let builder = Db::builder().store(store.clone());
        handles.push(builder.clock(clock.clone()).open().await?);
    }
    let counts = |handles: &[Db]| {
        let all = handles.iter().map(|db| db.request_counts().snapshot());
        all.fold((0, 0), |(puts, gets), one| {
            (puts + one.puts(), gets + one.gets)
        })
    };
    let before = counts(&handles);
    let begun = Instant::now();
    let working = (0..programs * callers).map(|number| repeat(&handles[number % programs], work));
    try_join_all(working).await?;
    let took = begun.elapsed();
    let after = counts(&handles);
    let done = (programs * callers * EACH) as f64;
    print_contest(
        name,
        &format!("{programs} × {callers}"),
        done / took.as_secs_f64(),
        (after.0 - before.0) as f64 / done,
        (after.1 - before.1) as f64 / done,
    );
    Ok(())
}

async fn repeat(db: &Db, work: Work) -> smarterbase::Result<()> {
    for _ in 0..EACH {
        match work {
            Work::Count => drop(db.counter("hot").increment().await?),
            Work::Number(block) => drop(db.sequence("hot").block(block).next().await?),
        }
    }
    Ok(())
}

fn print_contest(name: &str, who: &str, rate: f64, puts: f64, gets: f64) {
    row(&[
        name.to_owned(),
        who.to_owned(),
        format!("{rate:.0}"),
        format!("{puts:.2}"),
        format!("{gets:.2}"),
    ]);
}

/// Every caller reads, swaps, and does it again when it lost: what one writes first.
async fn by_hand(store: &Arc<PacedStore>, callers: usize) -> anyhow::Result<()> {
    let key = Key::from_stored("raw/counter.json");
    store.put(&key, &Expect::Absent, body()).await;
    let begun = Instant::now();
    let working = (0..callers).map(|_| async {
        let mut puts = 0_usize;
        for _ in 0..EACH {
            loop {
                let found = store.get(&key).await?;
                let found = found.expect("it was put before");
                puts += 1;
                let expected = Expect::Exactly(found.version);
                if let Attempt::Applied(_) = store.put(&key, &expected, body()).await {
                    break;
                }
            }
        }
        anyhow::Ok(puts)
    });
    let puts: usize = try_join_all(working).await?.into_iter().sum();
    let done = (callers * EACH) as f64;
    let each = puts as f64 / done;
    let rate = done / begun.elapsed().as_secs_f64();
    print_contest(
        "raw: read, swap, again",
        &format!("{callers} callers"),
        rate,
        each,
        each,
    );
    Ok(())
}
