//! Locks under contention, with a real Redis, without one, and with one that fails in between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use smarterbase::{
    Db,
    port::{Clock, SystemClock},
    redis::{RedisLink, RedisLockQueue, RedisOptions},
    store::{FileOptions, FileStore, MemoryStore},
};
use smarterbase_testkit::server::redis::RedisServer;

const CONTENDERS: usize = 32;
const INSTANCES: usize = 4;
const ROUNDS: u32 = 10;
const SECTION: Duration = Duration::from_millis(5);

/// Several open databases over one store, as processes have them.
async fn instances(
    store: impl Fn() -> Arc<dyn smarterbase::port::CasStore>,
    redis: Option<&str>,
) -> Vec<Db> {
    let mut opened = Vec::new();
    for _ in 0..INSTANCES {
        let mut builder = Db::builder().store(store());
        if let Some(url) = redis {
            let link = RedisLink::open(RedisOptions::from_url(url).unwrap())
                .await
                .unwrap();
            builder = builder.lock_queue(Arc::new(RedisLockQueue::new(link)));
        }
        opened.push(builder.open().await.unwrap());
    }
    opened
}

/// What everybody sees of one lock.
#[derive(Default)]
struct Section {
    is_taken: AtomicBool,
    last_token: AtomicU64,
    /// How long it was held by all together, in nanoseconds.
    held: AtomicU64,
}

impl Section {
    /// Enters, stays for a while, leaves. Fails where somebody else is in it.
    async fn visit(&self, token: u64) {
        let begun = SystemClock.elapsed();
        assert!(!self.is_taken.swap(true, Ordering::SeqCst), "two holders");
        let last = self.last_token.swap(token, Ordering::SeqCst);
        assert!(last < token, "the token {token} came after {last}");
        tokio::time::sleep(SECTION).await;
        assert!(self.is_taken.swap(false, Ordering::SeqCst));
        let held = SystemClock.elapsed() - begun;
        self.held
            .fetch_add(u64::try_from(held.as_nanos()).unwrap(), Ordering::SeqCst);
    }
}

/// How a contest went.
#[derive(Debug)]
#[allow(
    dead_code,
    reason = "most figures are for people, who see them printed"
)]
struct Figures {
    total: Duration,
    /// What the sections took by themselves, one after the other.
    ideal: Duration,
    median: Duration,
    longest: Duration,
    gets: u64,
    puts: u64,
}

/// 32 contenders, 8 in each instance, ten rounds of 5 ms.
async fn contest(instances: &[Db]) -> Figures {
    let section = Arc::new(Section::default());
    let begun = SystemClock.elapsed();
    let contenders: Vec<_> = (0..CONTENDERS)
        .map(|number| {
            let (db, section) = (instances[number % INSTANCES].clone(), section.clone());
            tokio::spawn(async move { contend(&db, &section).await })
        })
        .collect();
    let mut waits = Vec::new();
    for contender in contenders {
        waits.extend(contender.await.unwrap());
    }
    waits.sort();
    let counts = instances.iter().map(|db| db.request_counts().snapshot());
    let counts: Vec<_> = counts.collect();
    Figures {
        total: SystemClock.elapsed() - begun,
        ideal: Duration::from_nanos(section.held.load(Ordering::SeqCst)),
        median: waits[waits.len() / 2],
        longest: *waits.last().unwrap(),
        gets: counts.iter().map(|counts| counts.gets).sum(),
        puts: counts.iter().map(|counts| counts.puts()).sum(),
    }
}

async fn contend(db: &Db, section: &Section) -> Vec<Duration> {
    let mut waits = Vec::new();
    for _ in 0..ROUNDS {
        let asked = SystemClock.elapsed();
        let guard = db.lock("hot").await.unwrap();
        waits.push(SystemClock.elapsed() - asked);
        section.visit(guard.fencing_token()).await;
        guard.release().await.unwrap();
    }
    waits
}

fn in_memory() -> impl Fn() -> Arc<dyn smarterbase::port::CasStore> {
    let store = MemoryStore::new();
    move || Arc::new(store.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_32_contenders_wait_hardly_longer_than_their_turn_takes() {
    let server = RedisServer::start(&[]).unwrap();
    let mut seen = Vec::new();
    // A busy machine can only make it longer: one contest of three within the bound is enough.
    for _ in 0..3 {
        let figures = contest(&instances(in_memory(), Some(&server.url())).await).await;
        println!("locks of 32 contenders with Redis: {figures:?}");
        let turn = figures.ideal / ROUNDS;
        if figures.longest * 2 <= turn * 3 {
            return;
        }
        seen.push(format!(
            "the longest wait was {:?}, a turn of all takes {turn:?}",
            figures.longest
        ));
    }
    panic!("{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_32_contenders_never_meet() {
    let figures = contest(&instances(in_memory(), None).await).await;
    println!("locks of 32 contenders without Redis: {figures:?}");
    let folder = tempfile::tempdir().unwrap();
    let options = FileOptions {
        fsync: false,
        ..FileOptions::default()
    };
    let store = Arc::new(FileStore::open(folder.path(), options).await.unwrap());
    let figures = contest(&instances(|| store.clone(), None).await).await;
    println!("locks of 32 contenders in a folder, without Redis: {figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contenders_never_meet_while_redis_is_killed_flushed_and_frozen() {
    let mut server = RedisServer::start(&[]).unwrap();
    let instances = instances(in_memory(), Some(&server.url())).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let trouble = std::thread::spawn({
        let is_over = is_over.clone();
        move || {
            let mut rounds = 0;
            while !is_over.load(Ordering::SeqCst) {
                break_it(&mut server, rounds);
                rounds += 1;
            }
            rounds
        }
    });
    let figures = contest(&instances).await;
    is_over.store(true, Ordering::SeqCst);
    let rounds = trouble.join().unwrap();
    println!("locks of 32 contenders, Redis broken {rounds} times: {figures:?}");
    assert!(rounds >= 2, "Redis was hardly broken");
}

#[allow(clippy::disallowed_methods, reason = "a thread that only waits")]
fn break_it(server: &mut RedisServer, round: u32) {
    let pause = || std::thread::sleep(Duration::from_millis(300));
    pause();
    match round % 3 {
        0 => drop(server.flush()),
        1 => {
            server.kill();
            pause();
            server.restart().unwrap();
        }
        _ => {
            server.freeze().unwrap();
            pause();
            server.thaw().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiter_of_another_process_is_woken_at_once_by_redis_that_a_url_names() {
    let server = RedisServer::start(&[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for index in ["objects", "redis"] {
        let url = format!(
            "{}?index={index}&redis=redis%3A%2F%2F127.0.0.1%3A{}",
            folder.path().display(),
            server.port()
        );
        let one = smarterbase::open(&url).await.unwrap();
        let other = smarterbase::open(&url).await.unwrap();
        let mut waits = Vec::new();
        for _ in 0..5 {
            let held = one.lock("x").await.unwrap();
            let waiting = tokio::spawn({
                let other = other.clone();
                async move {
                    let guard = other.lock("x").await.unwrap();
                    (guard, SystemClock.elapsed())
                }
            });
            // Long enough that a waiter without a queue would look only every second.
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            let released = SystemClock.elapsed();
            held.release().await.unwrap();
            let (guard, taken) = waiting.await.unwrap();
            guard.release().await.unwrap();
            waits.push(taken - released);
        }
        waits.sort();
        println!("woken by Redis after {waits:?}");
        // One that looks by itself does it every second; of five, a busy machine delays some.
        assert!(waits[0] < Duration::from_millis(500), "{waits:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_down_costs_an_uncontended_lock_nothing_but_a_warning() {
    let mut server = RedisServer::start(&[]).unwrap();
    let instances = instances(in_memory(), Some(&server.url())).await;
    server.kill();
    for _ in 0..20 {
        let guard = instances[0].lock("x").await.unwrap();
        assert!(instances[1].lock("x").try_once().await.unwrap().is_none());
        guard.release().await.unwrap();
        instances[1]
            .lock("x")
            .await
            .unwrap()
            .release()
            .await
            .unwrap();
    }
}
