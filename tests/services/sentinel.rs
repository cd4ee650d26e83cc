//! A failover through a Sentinel, to a replica that lags: answers stay right, and Redis serves them again by itself.

use std::{sync::Arc, time::Duration};

use smarterbase::{
    Db,
    prelude::*,
    redis::{RedisIndex, RedisOptions},
    store::MemoryStore,
};
use smarterbase_testkit::server::redis::{RedisSentinel, RedisServer};

use super::{Book, on_shelf};

async fn open(store: &MemoryStore, url: &str) -> Db {
    // Whether a query scans is what these tests look at, and a busy machine may be slow.
    let options = RedisOptions::from_url(url)
        .unwrap()
        .with_deadline(Duration::from_secs(2));
    Db::builder()
        .store(Arc::new(store.clone()))
        .index(Arc::new(RedisIndex::open(options).await.unwrap()))
        .in_flight_bound(Duration::from_secs(1))
        .open()
        .await
        .unwrap()
}

/// A primary with a replica that lags: it never learns that book 3 came to shelf `a`, and book 2 went to `b`.
struct Scene {
    primary: RedisServer,
    replica: RedisServer,
    sentinel: RedisSentinel,
    dbs: [Db; 2],
}

impl Scene {
    async fn new() -> Self {
        let primary = RedisServer::start(&[]).unwrap();
        let port = primary.port().to_string();
        let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port]).unwrap();
        replica.wait_until_it_follows(&primary).unwrap();
        let sentinel = RedisSentinel::start(&primary).unwrap();
        let store = MemoryStore::new();
        let dbs = [
            open(&store, &sentinel.url()).await,
            open(&store, &sentinel.url()).await,
        ];
        for id in ["1", "2"] {
            Book::create(&dbs[0], Book::new(id, "a")).await.unwrap();
        }
        sentinel.wait_until_it_sees(&replica).unwrap();
        replica.wait_until_it_follows(&primary).unwrap();
        primary.let_replicas_lag().unwrap();
        Book::create(&dbs[0], Book::new("3", "a")).await.unwrap();
        let mut book = Book::get(&dbs[0], &"2".to_owned())
            .required()
            .await
            .unwrap();
        book.shelf = "b".into();
        book.save(&dbs[0]).await.unwrap();
        Self {
            primary,
            replica,
            sentinel,
            dbs,
        }
    }

    /// Asks both processes until the successor serves them, after `meanwhile` each time, which gives what must be on `a`.
    async fn until_served_again(&mut self, mut meanwhile: impl AsyncFnMut(&Db) -> Vec<String>) {
        self.primary.kill();
        for _ in 0..600 {
            let expected = meanwhile(&self.dbs[0]).await;
            let mut is_served = self.sentinel.primary().unwrap() == self.replica.port();
            for db in &self.dbs {
                let (found, listed) = on_shelf(db, "a").await;
                assert_eq!(found, expected);
                assert_eq!(on_shelf(db, "b").await.0, ["2"]);
                is_served &= !listed;
            }
            if is_served {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the successor does not serve queries");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_to_a_replica_that_lags_gives_no_wrong_answer() {
    let mut scene = Scene::new().await;
    assert_eq!(
        on_shelf(&scene.dbs[1], "a").await,
        (vec!["1".into(), "3".into()], false)
    );
    scene
        .until_served_again(async |_| vec!["1".to_owned(), "3".to_owned()])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_during_a_failover_and_none_is_lost() {
    let mut scene = Scene::new().await;
    let mut ids = vec!["1".to_owned(), "3".to_owned()];
    scene
        .until_served_again(async |db| {
            let id = (ids.len() + 2).to_string();
            Book::create(db, Book::new(&id, "a")).await.unwrap();
            ids.push(id);
            ids.sort();
            ids.clone()
        })
        .await;
}

/// What the child process runs stands in `verify.rs`.
#[test]
fn sentinels_of_the_environment_are_told_the_password_that_it_names() {
    let primary = RedisServer::start(&[]).unwrap();
    let sentinel = RedisSentinel::start(&primary).unwrap();
    let secret = "pass word/@:?";
    ::redis::cmd("ACL")
        .arg(&["SETUSER", "default", "on", &format!(">{secret}")])
        .exec(&mut sentinel.connect().unwrap())
        .unwrap();
    let child = |password: &str| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "verify::a_program_that_opens_by_the_environment",
                "--exact",
                "--ignored",
            ])
            .env("REDIS_URL", sentinel.url())
            .env("REDIS_SENTINEL_USER", "default")
            .env("REDIS_SENTINEL_PASSWORD", password)
            .output()
            .unwrap()
    };
    let used = child(secret);
    let text = String::from_utf8_lossy(&used.stdout);
    assert!(used.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
    assert!(!child("wrong").status.success());
}
