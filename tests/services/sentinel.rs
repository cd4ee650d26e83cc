//! A failover through a Sentinel, to a replica that lags: answers stay right, and Redis serves them again by itself.

use std::{sync::Arc, time::Duration};

use smarterbase::{
    Db,
    prelude::*,
    redis::{RedisIndex, RedisOptions},
    store::MemoryStore,
};
use smarterbase_testkit::server::redis::{RedisSentinel, RedisServer};

use super::{Book, eventually, on_shelf};

async fn open(store: &MemoryStore, url: &str) -> Db {
    let options = RedisOptions::from_url(url).unwrap();
    Db::builder()
        .store(Arc::new(store.clone()))
        .index(Arc::new(RedisIndex::open(options).await.unwrap()))
        .in_flight_bound(Duration::from_secs(1))
        .open()
        .await
        .unwrap()
}

/// From here on the replica gets nothing: it cannot log in again.
fn let_replicas_lag(primary: &RedisServer) {
    let mut connection = primary.connect().unwrap();
    for words in [
        ["CONFIG", "SET", "requirepass", "later"],
        ["CLIENT", "KILL", "TYPE", "replica"],
    ] {
        ::redis::cmd(words[0])
            .arg(&words[1..])
            .exec(&mut connection)
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_to_a_replica_that_lags_gives_no_wrong_answer() {
    let mut primary = RedisServer::start(&[]).unwrap();
    let port = primary.port().to_string();
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port]).unwrap();
    replica.wait_until_it_follows(&primary).unwrap();
    let sentinel = RedisSentinel::start(&primary).unwrap();
    let store = MemoryStore::new();
    let (one, two) = (
        open(&store, &sentinel.url()).await,
        open(&store, &sentinel.url()).await,
    );
    Book::create(&one, Book::new("1", "a")).await.unwrap();
    Book::create(&one, Book::new("2", "a")).await.unwrap();
    sentinel.wait_until_it_sees(&replica).unwrap();
    replica.wait_until_it_follows(&primary).unwrap();
    let_replicas_lag(&primary);
    // The replica never learns of these.
    Book::create(&one, Book::new("3", "a")).await.unwrap();
    Book::update(&one, &"2".to_owned(), |book| {
        book.shelf = "b".into();
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(
        on_shelf(&two, "a").await,
        (vec!["1".into(), "3".into()], false)
    );

    primary.kill();
    let mut expected = vec!["1".to_owned(), "3".to_owned()];
    let mut number = 3;
    let mut is_served = false;
    for _ in 0..600 {
        number += 1;
        Book::create(&one, Book::new(&number.to_string(), "a"))
            .await
            .unwrap();
        expected.push(number.to_string());
        expected.sort();
        let (found, listed) = on_shelf(&two, "a").await;
        assert_eq!(found, expected);
        assert_eq!(on_shelf(&one, "b").await.0, ["2"]);
        is_served = !listed && sentinel.primary().unwrap() == replica.port();
        if is_served {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(is_served, "the successor does not serve queries");
    eventually("both processes use the successor", async || {
        !on_shelf(&one, "a").await.1 && !on_shelf(&two, "a").await.1
    })
    .await;
    one.close().await;
    two.close().await;
}
