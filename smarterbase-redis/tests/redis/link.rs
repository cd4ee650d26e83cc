//! What the link does when Redis is away, frozen, replaced or unfit.

use std::time::Duration;

use redis::InfoDict;
use smarterbase_core::{ErrorKind, document::KeyKind, format::Nonce, port::IndexError};
use smarterbase_redis::{RedisIndex, RedisLink, RedisOptions};
use smarterbase_testkit::{
    contract::index::rig::{Live, Rig, all, id, text},
    server::redis::RedisServer,
};
use tokio::time::{Instant, sleep, timeout};

use crate::{index_on, shared};

/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_millis(250);
const DEADLINE: Duration = Duration::from_millis(250);

fn options(server: &RedisServer) -> RedisOptions {
    RedisOptions::from_url(&server.url()).unwrap()
}

async fn link_to(server: &RedisServer) -> RedisLink {
    RedisLink::open(options(server)).await.unwrap()
}

async fn timed_ping(link: &RedisLink) -> (Result<(), IndexError>, Duration) {
    let start = Instant::now();
    let answer = link.ping().await;
    (answer, start.elapsed())
}

/// Waits for the supervisor alone: no call helps it along.
async fn reconnected(link: &RedisLink) {
    let connected = async {
        while !link.is_connected() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), connected)
        .await
        .expect("the supervisor connects by itself");
}

async fn expect_calls_fail_at_once(link: &RedisLink) {
    for _ in 0..1_000 {
        let (answer, took) = timed_ping(link).await;
        assert!(
            matches!(answer, Err(IndexError::Unavailable(_))),
            "{answer:?}"
        );
        assert!(took < SLACK, "{took:?}");
    }
    assert!(link.is_circuit_open());
}

#[tokio::test]
async fn server_that_is_down_at_the_start_is_no_error_and_is_found_later() {
    let mut server = RedisServer::start(&[]).unwrap();
    server.kill();
    let link = link_to(&server).await;
    expect_calls_fail_at_once(&link).await;
    server.restart().unwrap();
    reconnected(&link).await;
    link.ping().await.unwrap();
    assert!(!link.is_circuit_open());
}

#[tokio::test]
async fn killed_server_fails_calls_at_once_and_is_found_again() {
    let mut server = RedisServer::start(&[]).unwrap();
    let link = link_to(&server).await;
    link.ping().await.unwrap();
    server.kill();
    expect_calls_fail_at_once(&link).await;
    server.restart().unwrap();
    reconnected(&link).await;
    link.ping().await.unwrap();
}

#[tokio::test]
async fn frozen_server_costs_three_deadlines_and_no_more() {
    let server = RedisServer::start(&[]).unwrap();
    let link = link_to(&server).await;
    server.freeze().unwrap();
    let mut waited = 0;
    for _ in 0..100 {
        let (answer, took) = timed_ping(&link).await;
        assert!(answer.is_err());
        assert!(took < DEADLINE + SLACK, "{took:?}");
        waited += u32::from(took >= DEADLINE);
    }
    assert!((1..=3).contains(&waited), "{waited} calls waited");
    assert!(!link.is_connected());
    server.thaw().unwrap();
    reconnected(&link).await;
    link.ping().await.unwrap();
}

#[tokio::test]
async fn five_cancelled_callers_do_not_open_the_circuit() {
    let server = RedisServer::start(&[]).unwrap();
    let link = link_to(&server).await;
    server.freeze().unwrap();
    for _ in 0..5 {
        let cancelled = timeout(Duration::from_millis(5), link.ping()).await;
        assert!(cancelled.is_err(), "{cancelled:?}");
    }
    server.thaw().unwrap();
    assert!(!link.is_circuit_open());
    link.ping().await.unwrap();
}

#[tokio::test]
async fn error_replies_of_the_server_do_not_open_the_circuit() {
    let server = RedisServer::start(&[]).unwrap();
    let link = link_to(&server).await;
    let index = shared(&RedisIndex::new(link.clone()));
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let mark = format!("sb:{{{}.users.0}}:ep", users.collection.database);
    let mut connection = server.connect().unwrap();
    redis::cmd("DEL").arg(&mark).exec(&mut connection).unwrap();
    redis::cmd("HSET")
        .arg(&mark)
        .arg("a")
        .arg("b")
        .exec(&mut connection)
        .unwrap();
    for _ in 0..10 {
        let answer = index
            .count(&users.collection, &users.placed[0], &all())
            .await;
        assert!(matches!(answer, Err(IndexError::Corrupt(_))), "{answer:?}");
    }
    assert!(!link.is_circuit_open());
    assert!(link.is_connected());
}

#[tokio::test]
async fn wrong_password_is_denied_and_no_text_holds_it() {
    let server = protected_server();
    for url in [
        format!("redis://:wrong-secret@127.0.0.1:{}", server.port()),
        format!("redis://127.0.0.1:{}", server.port()),
    ] {
        let error = RedisLink::open(RedisOptions::from_url(&url).unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        let text = format!("{error} {error:?}");
        assert!(!text.contains("secret"), "{text}");
    }
    let right = format!("redis://:right-secret@127.0.0.1:{}", server.port());
    let link = RedisLink::open(RedisOptions::from_url(&right).unwrap())
        .await
        .unwrap();
    link.ping().await.unwrap();
    assert!(!format!("{link:?}").contains("secret"));
}

/// A server that lets the testkit see it start, and then asks for a password.
fn protected_server() -> RedisServer {
    let server = RedisServer::start(&[]).unwrap();
    let settings = ["SET", "requirepass", "right-secret"];
    redis::cmd("CONFIG")
        .arg(&settings)
        .exec(&mut server.connect().unwrap())
        .unwrap();
    server
}

#[tokio::test]
async fn server_that_may_evict_any_key_is_refused_until_its_policy_changes() {
    let server = RedisServer::start(&["--maxmemory-policy", "allkeys-lru"]).unwrap();
    let link = link_to(&server).await;
    for _ in 0..10 {
        let answer = link.ping().await;
        assert!(
            matches!(&answer, Err(IndexError::Refused(why)) if why.contains("allkeys-lru")),
            "{answer:?}"
        );
    }
    let settings = ["SET", "maxmemory-policy", "volatile-lru"];
    redis::cmd("CONFIG")
        .arg(&settings)
        .exec(&mut server.connect().unwrap())
        .unwrap();
    reconnected(&link).await;
    link.ping().await.unwrap();
}

#[tokio::test]
async fn replica_is_not_used_until_it_is_promoted() {
    let primary = RedisServer::start(&[]).unwrap();
    let port = primary.port().to_string();
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port]).unwrap();
    let link = link_to(&replica).await;
    assert!(matches!(link.ping().await, Err(IndexError::Unavailable(_))));
    redis::cmd("REPLICAOF")
        .arg("NO")
        .arg("ONE")
        .exec(&mut replica.connect().unwrap())
        .unwrap();
    reconnected(&link).await;
    link.ping().await.unwrap();
}

#[tokio::test]
async fn server_that_became_a_replica_is_dropped_with_the_first_write() {
    let server = RedisServer::start(&[]).unwrap();
    let link = link_to(&server).await;
    let index = shared(&RedisIndex::new(link.clone()));
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    // Nobody listens on port 1: the data stays, and only the role changes.
    redis::cmd("REPLICAOF")
        .arg("127.0.0.1")
        .arg(1)
        .exec(&mut server.connect().unwrap())
        .unwrap();
    let answer = index
        .begin(
            &users.collection,
            &users.placed,
            Nonce::from_random([42; 13]),
            Some(&users.collection.instance),
        )
        .await;
    assert!(
        matches!(answer, Err(IndexError::Unavailable(_))),
        "{answer:?}"
    );
    assert!(!link.is_connected());
}

#[tokio::test]
async fn node_of_a_cluster_is_refused_at_open_with_its_url() {
    let server = RedisServer::start(&["--cluster-enabled", "yes"]).unwrap();
    let error = RedisLink::open(options(&server)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("`redis+cluster://…`"), "{error}");
}

#[tokio::test]
async fn scripts_are_loaded_again_after_they_were_flushed() {
    let server = RedisServer::start(&[]).unwrap();
    let users = Rig::begin(&shared(&index_on(&server).await), "users", KeyKind::Text, 1).await;
    redis::cmd("SCRIPT")
        .arg("FLUSH")
        .exec(&mut server.connect().unwrap())
        .unwrap();
    users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    assert_eq!(users.ids(0, &all()).await, [id("1")]);
}

#[tokio::test]
async fn connection_that_the_server_closed_is_replaced() {
    let server = RedisServer::start(&[]).unwrap();
    let link = link_to(&server).await;
    redis::cmd("CLIENT")
        .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
        .exec(&mut server.connect().unwrap())
        .unwrap();
    let gone = async {
        while link.is_connected() {
            tokio::task::yield_now().await;
        }
    };
    // The push of the disconnection drops it: no call, and no ping of each second, has to fail first.
    timeout(Duration::from_millis(900), gone)
        .await
        .expect("the broken connection is dropped");
    reconnected(&link).await;
    link.ping().await.unwrap();
}

#[tokio::test]
async fn dropped_link_leaves_no_connection_and_no_task() {
    let server = RedisServer::start(&[]).unwrap();
    let link = link_to(&server).await;
    let clone = link.clone();
    drop(link);
    clone.ping().await.unwrap();
    drop(clone);
    let mut connection = server.connect().unwrap();
    for _ in 0..200 {
        let info: InfoDict = redis::cmd("INFO")
            .arg("clients")
            .query(&mut connection)
            .unwrap();
        if info.get::<u32>("connected_clients") == Some(1) {
            assert_eq!(
                tokio::runtime::Handle::current()
                    .metrics()
                    .num_alive_tasks(),
                0
            );
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("the connection is still there");
}

/// One row of the failure table: how many calls waited for an answer that did not come, and the slowest one.
async fn row(situation: &str, link: &RedisLink, calls: u32) -> (u32, u32) {
    // The machine of a test may stop a process for a moment; waiting for a connection would take seconds, and each time.
    const STOPPED: Duration = Duration::from_secs(2);
    let (mut failed, mut waited, mut slowest) = (0, 0, Duration::ZERO);
    for _ in 0..calls {
        let (answer, took) = timed_ping(link).await;
        failed += u32::from(answer.is_err());
        waited += u32::from(took >= DEADLINE);
        slowest = slowest.max(took);
    }
    eprintln!(
        "{situation:<28} {calls:>5} calls, {failed:>5} failed, {waited} waited, slowest {slowest:?}"
    );
    assert!(slowest < DEADLINE + STOPPED, "{situation}: {slowest:?}");
    (failed, waited)
}

/// Every situation in which a client that reconnects inside of its calls makes each of them wait, one after the other on one
/// link: a call never waits longer than its deadline, only a frozen server makes any wait at all, and the link heals by itself.
#[tokio::test]
async fn failure_table() {
    let mut server = RedisServer::start(&[]).unwrap();
    server.kill();
    let link = link_to(&server).await;
    assert_eq!(row("down at the start", &link, 1_000).await.0, 1_000);

    server.restart().unwrap();
    reconnected(&link).await;
    assert_eq!(row("found", &link, 100).await.0, 0);

    server.kill();
    assert_eq!(row("killed, first call", &link, 1).await.0, 1);
    assert_eq!(row("killed, following calls", &link, 938).await.0, 938);
    assert!(link.is_circuit_open());

    server.restart().unwrap();
    reconnected(&link).await;
    assert_eq!(row("started again", &link, 100).await.0, 0);

    server.freeze().unwrap();
    let (failed, waited) = row("frozen", &link, 100).await;
    assert_eq!(failed, 100);
    assert!((1..=3).contains(&waited), "{waited} calls waited");

    server.thaw().unwrap();
    reconnected(&link).await;
    assert_eq!(row("thawed", &link, 100).await.0, 0);

    server.freeze().unwrap();
    for _ in 0..5 {
        let cancelled = timeout(Duration::from_millis(5), link.ping()).await;
        assert!(cancelled.is_err(), "{cancelled:?}");
    }
    assert!(
        !link.is_circuit_open(),
        "callers that were cancelled say nothing about the server"
    );
    server.thaw().unwrap();
    assert_eq!(row("five callers were cancelled", &link, 100).await.0, 0);

    let settings = ["SET", "maxmemory-policy", "allkeys-lru"];
    redis::cmd("CONFIG")
        .arg(&settings)
        .exec(&mut server.connect().unwrap())
        .unwrap();
    let refused = link_to(&server).await;
    assert_eq!(row("may evict any key", &refused, 100).await.0, 100);
}
