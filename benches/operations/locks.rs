//! Locks beside what they are made of: uncontended, from hand to hand, far away, and with 32 contenders.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use smarterbase::Db;
use smarterbase_core::{
    document::Version,
    format::Key,
    port::{Attempt, CasStore, Expect, Rng, SystemRng},
    store::{FileOptions, FileStore, MemoryStore},
};
use smarterbase_redis::{RedisLink, RedisLockQueue, RedisOptions};
use smarterbase_testkit::{TestClock, server::redis::RedisServer};

use crate::{
    measure::{Effort, Took, each, now, row, short, table},
    paced::PacedStore,
};

const CONTENDERS: usize = 32;
const INSTANCES: usize = 4;
const SECTION: Duration = Duration::from_millis(5);

/// Measures and prints, on this machine.
pub(crate) async fn measure(effort: Effort, folder: &Path) -> anyhow::Result<()> {
    let server = RedisServer::start(&[])?;
    uncontended(effort, folder, &server).await?;
    contended(effort, &server).await
}

/// A lock that nobody else wants: taken and released.
async fn uncontended(effort: Effort, folder: &Path, server: &RedisServer) -> anyhow::Result<()> {
    table(
        "Locks, taken and released by one caller",
        &["Lock", "median (p95)", "× raw"],
    );
    let runs = effort.of(2_000);
    let print = |name: &str, took: Took, raw: Took| {
        row(&[
            name.to_owned(),
            took.to_string(),
            format!("{:.1}", took.over(raw)),
        ]);
    };
    let redis = raw_redis(runs, server).await?;
    print(
        "raw: Redis `SET NX PX`, then compare and delete",
        redis,
        redis,
    );
    let memory: Arc<dyn CasStore> = Arc::new(MemoryStore::new());
    let swaps = raw_swaps(runs, &memory).await?;
    print("raw: two compare-and-swaps in memory", swaps, swaps);
    let db = Db::builder().store(memory.clone()).open().await?;
    print(
        "`db.lock`, memory (× the swaps)",
        ours(runs, &db).await,
        swaps,
    );
    let db = with_queue(memory, server).await?;
    print(
        "`db.lock`, memory, queue in Redis (× Redis)",
        ours(runs, &db).await,
        redis,
    );
    let options = FileOptions {
        fsync: false,
        ..FileOptions::default()
    };
    let disk: Arc<dyn CasStore> = Arc::new(FileStore::open(folder.join("locks"), options).await?);
    let swaps = raw_swaps(effort.of(500), &disk).await?;
    print(
        "raw: two compare-and-swaps in a folder, fsync off",
        swaps,
        swaps,
    );
    let db = Db::builder().store(disk).open().await?;
    print(
        "`db.lock`, folder, fsync off (× the swaps)",
        ours(effort.of(500), &db).await,
        swaps,
    );
    Ok(())
}

async fn ours(runs: usize, db: &Db) -> Took {
    each(runs, async |_| {
        let guard = db.lock("alone").await.expect("nobody else wants it");
        guard.release().await.expect("it was held");
    })
    .await
}

async fn with_queue(store: Arc<dyn CasStore>, server: &RedisServer) -> anyhow::Result<Db> {
    let link = RedisLink::open(RedisOptions::from_url(&server.url())?).await?;
    let queue = Arc::new(RedisLockQueue::new(link));
    Ok(Db::builder().store(store).lock_queue(queue).open().await?)
}

/// A document that is swapped twice, without anything around it.
async fn raw_swaps(runs: usize, store: &Arc<dyn CasStore>) -> anyhow::Result<Took> {
    let key = Key::from_stored("raw/lock.json");
    let mut version = match store.put(&key, &Expect::Absent, body()).await {
        Attempt::Applied(version) => version,
        refused => anyhow::bail!("a create failed: {refused:?}"),
    };
    Ok(each(runs, async |_| {
        for _ in 0..2 {
            version = swap(store, &key, &version)
                .await
                .expect("nobody else swaps");
        }
    })
    .await)
}

async fn swap(store: &Arc<dyn CasStore>, key: &Key, version: &Version) -> Option<Version> {
    let expected = Expect::Exactly(version.clone());
    match store.put(key, &expected, body()).await {
        Attempt::Applied(version) => Some(version),
        _ => None,
    }
}

fn body() -> Bytes {
    let mut random = [0; 16];
    SystemRng.fill(&mut random);
    format!("{{\"lock\":\"{random:?}\"}}").into()
}

async fn raw_redis(runs: usize, server: &RedisServer) -> anyhow::Result<Took> {
    let connection = connect(server).await?;
    Ok(each(runs, async |_| {
        let mut connection = connection.clone();
        assert!(set(&mut connection, "alone", "1").await);
        compare_and_delete(&mut connection, "alone", "1").await;
    })
    .await)
}

async fn connect(server: &RedisServer) -> anyhow::Result<MultiplexedConnection> {
    let client = redis::Client::open(server.url())?;
    Ok(client.get_multiplexed_async_connection().await?)
}

async fn set(connection: &mut MultiplexedConnection, key: &str, token: &str) -> bool {
    let mut command = redis::cmd("SET");
    command.arg(key).arg(token).arg("NX").arg("PX").arg(30_000);
    let set: Option<String> = command
        .query_async(connection)
        .await
        .expect("Redis answers");
    set.is_some()
}

async fn compare_and_delete(connection: &mut MultiplexedConnection, key: &str, token: &str) {
    let script = redis::Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    );
    let mut call = script.key(key);
    call.arg(token);
    let deleted: u32 = call.invoke_async(connection).await.expect("Redis answers");
    assert_eq!(deleted, 1, "somebody else had it");
}

/// Something that 32 contenders take in turns.
trait Contested: Send + Sync + 'static {
    fn visit(&self, number: usize) -> impl Future<Output = Duration> + Send;
}

/// Waits for the lock, stays for 5 ms, and gives it back. Gives how long it waited.
struct Locks(Vec<Db>);

impl Contested for Locks {
    async fn visit(&self, number: usize) -> Duration {
        let asked = now();
        let guard = self.0[number % INSTANCES]
            .lock("hot")
            .await
            .expect("in time");
        let waited = asked.elapsed();
        tokio::time::sleep(SECTION).await;
        guard.release().await.expect("it was held");
        waited
    }
}

/// `SET NX`, again after a pause of 5 to 100 ms.
struct RawRedis(Vec<MultiplexedConnection>);

impl Contested for RawRedis {
    async fn visit(&self, number: usize) -> Duration {
        let asked = now();
        let (mut connection, token) = (self.0[number % INSTANCES].clone(), number.to_string());
        let mut tries = 0;
        while !set(&mut connection, "hot", &token).await {
            back_off(&mut tries).await;
        }
        let waited = asked.elapsed();
        tokio::time::sleep(SECTION).await;
        compare_and_delete(&mut connection, "hot", &token).await;
        waited
    }
}

/// An object that is created and removed, again after a pause of 5 to 100 ms.
struct RawObject(Arc<dyn CasStore>);

impl Contested for RawObject {
    async fn visit(&self, _number: usize) -> Duration {
        let (asked, key) = (now(), Key::from_stored("raw/hot.json"));
        let mut tries = 0;
        let version = loop {
            match self.0.put(&key, &Expect::Absent, body()).await {
                Attempt::Applied(version) => break version,
                _ => back_off(&mut tries).await,
            }
        };
        let waited = asked.elapsed();
        tokio::time::sleep(SECTION).await;
        self.0.delete_if(&key, &version).await;
        waited
    }
}

async fn back_off(tries: &mut u32) {
    let longest = (5_u64 << (*tries).min(5)).min(100);
    *tries += 1;
    let rng: &dyn Rng = &SystemRng;
    tokio::time::sleep(Duration::from_millis(1 + rng.below(longest))).await;
}

async fn contended(effort: Effort, server: &RedisServer) -> anyhow::Result<()> {
    table(
        "Locks, 32 contenders in 4 instances, 10 rounds of 5 ms",
        &[
            "Lock",
            "total",
            "median wait",
            "longest wait",
            "GET + PUT per round",
        ],
    );
    let store = || Arc::new(MemoryStore::new()) as Arc<dyn CasStore>;
    let rounds = if effort.is_quick { 2 } else { 10 };
    let (mut queued, mut looking, mut connections) = (Vec::new(), Vec::new(), Vec::new());
    let (one, other) = (store(), store());
    for _ in 0..INSTANCES {
        queued.push(with_queue(one.clone(), server).await?);
        looking.push(Db::builder().store(other.clone()).open().await?);
        connections.push(connect(server).await?);
    }
    let requests = |dbs: &[Db]| -> u64 {
        let counts = dbs.iter().map(|db| db.request_counts().snapshot());
        counts.map(|counts| counts.gets + counts.puts()).sum()
    };
    for (name, dbs) in [
        ("`db.lock`, queue in Redis", queued),
        ("`db.lock`, without Redis", looking),
    ] {
        let before = requests(&dbs);
        let counted = dbs.clone();
        contest(name, rounds, Locks(dbs), || {
            Some(requests(&counted) - before)
        })
        .await?;
    }
    contest(
        "raw: Redis `SET NX`, backoff",
        rounds,
        RawRedis(connections),
        || None,
    )
    .await?;
    contest(
        "raw: create and delete in memory, backoff",
        rounds,
        RawObject(store()),
        || None,
    )
    .await
}

async fn contest(
    name: &str,
    rounds: usize,
    contested: impl Contested,
    requests: impl Fn() -> Option<u64>,
) -> anyhow::Result<()> {
    let (contested, begun) = (Arc::new(contested), now());
    let mut contenders = Vec::new();
    for number in 0..CONTENDERS {
        let contested = contested.clone();
        contenders.push(tokio::spawn(async move {
            let mut waits = Vec::new();
            for _ in 0..rounds {
                waits.push(contested.visit(number).await);
            }
            waits
        }));
    }
    let mut waits: Vec<Duration> = Vec::new();
    for contender in contenders {
        waits.extend(contender.await?);
    }
    let total = begun.elapsed();
    waits.sort();
    let per_round = |count: u64| format!("{:.1}", count as f64 / (CONTENDERS * rounds) as f64);
    row(&[
        name.to_owned(),
        short(total),
        short(waits[waits.len() / 2]),
        short(waits[waits.len() - 1]),
        requests().map_or_else(|| "-".to_owned(), per_round),
    ]);
    Ok(())
}

/// How long a lock takes on a store far away. Exact, on virtual time.
pub(crate) fn measure_far_away() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    runtime.block_on(far_away())
}

async fn far_away() -> anyhow::Result<()> {
    table(
        "Locks, far away (GET 10 ms, PUT 20 ms; virtual time)",
        &["Lock", "after", "requests"],
    );
    let store = PacedStore::over(MemoryStore::new());
    let clock = Arc::new(TestClock::new());
    let db = Db::builder().store(store).clock(clock).open().await?;
    let print = |name: &str, took: Duration, before| {
        let cost = db.request_counts().snapshot() - before;
        let requests = format!("{} GET + {} PUT", cost.gets, cost.puts());
        row(&[
            name.to_owned(),
            format!("{} ms", took.as_millis()),
            requests,
        ]);
    };
    let begun = tokio::time::Instant::now();
    let before = db.request_counts().snapshot();
    db.lock("x").await?.release().await?;
    print("taken and released", begun.elapsed(), before);
    let begun = tokio::time::Instant::now();
    let before = db.request_counts().snapshot();
    let first = db.lock("x").await?;
    print("taken again by the same process", begun.elapsed(), before);
    let next = tokio::spawn({
        let db = db.clone();
        async move { db.lock("x").await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    let begun = tokio::time::Instant::now();
    let before = db.request_counts().snapshot();
    first.release().await?;
    let next = next.await??;
    print("from one to the next in a process", begun.elapsed(), before);
    next.release().await?;
    Ok(())
}
