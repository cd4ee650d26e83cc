//! The promises of a lock queue, and what it does when the server does not.

use std::{sync::Arc, time::Duration};

use smarterbase_core::{
    format::Nonce,
    port::{LockQueue, QueuedLock},
};
use smarterbase_redis::{RedisLink, RedisLockQueue, RedisOptions};
use smarterbase_testkit::{contract::lock_queue::Fixture, server::redis::RedisServer};

use crate::patient;

async fn queue_on(server: &RedisServer) -> RedisLockQueue {
    RedisLockQueue::new(RedisLink::open(patient(&server.url())).await.unwrap())
}

async fn fresh() -> Fixture {
    let server = RedisServer::start(&[]).unwrap();
    let one = Arc::new(queue_on(&server).await);
    let other = Arc::new(queue_on(&server).await);
    Fixture::new(one, other, server)
}

smarterbase_testkit::lock_queue_contract!(redis, async || fresh().await);

const KEEP: Duration = Duration::from_secs(30);

fn waiter() -> Nonce {
    Nonce::from_random([7; 13])
}

fn lock() -> QueuedLock {
    QueuedLock {
        database: Nonce::from_random([1; 13]),
        name: "%41%2fb".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiter_is_woken_again_after_the_server_came_back() {
    let mut server = RedisServer::start(&[]).unwrap();
    let queue = queue_on(&server).await;
    assert_eq!(queue.enter(&lock(), waiter(), KEEP).await, Ok(0));
    server.restart().unwrap();
    for _ in 0..200 {
        if queue.enter(&lock(), waiter(), KEEP).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    queue.wake(&lock()).await.unwrap();
    let waiting = queue.wait(waiter(), Duration::from_secs(60));
    let woken = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(woken.is_ok(), "nobody was woken");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_a_queue_go_by_themselves() {
    let server = RedisServer::start(&[]).unwrap();
    let queue = queue_on(&server).await;
    queue.enter(&lock(), waiter(), KEEP).await.unwrap();
    let mut connection = server.connect().unwrap();
    let keys: Vec<String> = ::redis::cmd("KEYS")
        .arg("*")
        .query(&mut connection)
        .unwrap();
    assert_eq!(keys.len(), 2, "{keys:?}");
    for key in keys {
        let left: i64 = ::redis::cmd("PTTL")
            .arg(&key)
            .query(&mut connection)
            .unwrap();
        assert!((1..=60_000).contains(&left), "{key}: {left}");
    }
    queue.leave(&lock(), waiter(), false).await.unwrap();
    let left: u64 = ::redis::cmd("DBSIZE").query(&mut connection).unwrap();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_evicts_or_refuses_the_channel_is_not_used() {
    let server = RedisServer::start(&["--maxmemory-policy", "allkeys-lru"]).unwrap();
    let queue = queue_on(&server).await;
    let refused = queue.enter(&lock(), waiter(), KEEP).await.unwrap_err();
    assert!(refused.to_string().contains("allkeys-lru"), "{refused}");

    let server = RedisServer::start(&[]).unwrap();
    let user = "user limited on >secret ~* resetchannels +@all";
    let mut command = ::redis::cmd("ACL");
    command.arg("SETUSER");
    user.split(' ').skip(1).for_each(|word| {
        command.arg(word);
    });
    command.exec(&mut server.connect().unwrap()).unwrap();
    let url = format!("redis://limited:secret@127.0.0.1:{}", server.port());
    let link = RedisLink::open(patient(&url)).await.unwrap();
    let queue = RedisLockQueue::new(link);
    let refused = queue.enter(&lock(), waiter(), KEEP).await.unwrap_err();
    assert!(!refused.to_string().contains("secret"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_waits_for_a_frozen_server() {
    let server = RedisServer::start(&[]).unwrap();
    let options = RedisOptions::from_url(&server.url()).unwrap();
    let queue = RedisLockQueue::new(RedisLink::open(options).await.unwrap());
    queue.enter(&lock(), waiter(), KEEP).await.unwrap();
    server.freeze().unwrap();
    let calls = async {
        queue.enter(&lock(), waiter(), KEEP).await.unwrap_err();
        queue.wake(&lock()).await.unwrap_err();
        queue.waiting(&lock()).await.unwrap_err();
        queue.leave(&lock(), waiter(), true).await.unwrap_err();
    };
    let ended = tokio::time::timeout(Duration::from_secs(10), calls).await;
    server.thaw().unwrap();
    assert!(ended.is_ok(), "a call waited");
}
