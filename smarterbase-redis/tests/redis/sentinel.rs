//! A primary that Sentinels name: its death, its successor, and what that one did not get.

use std::{sync::Arc, time::Duration};

use smarterbase_core::{
    ErrorKind,
    document::KeyKind,
    port::{IndexError, IndexStore},
};
use smarterbase_redis::{RedisIndex, RedisLink};
use smarterbase_testkit::{
    contract::index::rig::{Live, Rig, all, id, text},
    server::redis::{RedisSentinel, RedisServer},
};
use tokio::time::{Instant, sleep};

use crate::{patient, shared};

/// A primary, a replica that has all of it, and a Sentinel that knows both.
struct Scene {
    primary: RedisServer,
    replica: RedisServer,
    sentinel: RedisSentinel,
}

impl Scene {
    fn new() -> Self {
        let primary = RedisServer::start(&[]).unwrap();
        let port = primary.port().to_string();
        let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port]).unwrap();
        replica.wait_until_it_follows(&primary).unwrap();
        let sentinel = RedisSentinel::start(&primary).unwrap();
        sentinel.wait_until_it_sees(&replica).unwrap();
        Self {
            primary,
            replica,
            sentinel,
        }
    }

    async fn link(&self) -> RedisLink {
        RedisLink::open(patient(&self.sentinel.url()))
            .await
            .unwrap()
    }

    /// A collection without documents on the primary.
    async fn users(&self) -> Rig {
        let index: Arc<dyn IndexStore> = shared(&RedisIndex::new(self.link().await));
        Rig::begin(&index, "users", KeyKind::Text, 1).await
    }

    /// The Sentinel knows no primary any more, where a collection is; with a server that it can be told of.
    async fn without_a_primary() -> (Self, Rig, RedisServer) {
        let scene = Self::new();
        let users = scene.users().await;
        let other = RedisServer::start(&[]).unwrap();
        scene.tell_the_sentinel(&["REMOVE", scene.sentinel.service()]);
        (scene, users, other)
    }

    /// The Sentinel takes this server for the primary.
    fn watch(&self, primary: &RedisServer) {
        let (service, port) = (self.sentinel.service(), primary.port().to_string());
        self.tell_the_sentinel(&["MONITOR", service, "127.0.0.1", &port, "1"]);
    }

    fn tell_the_sentinel(&self, what: &[&str]) {
        let mut connection = self.sentinel.connect().unwrap();
        let mut command = redis::cmd("SENTINEL");
        command.arg(what).exec(&mut connection).unwrap();
    }
}

/// Four times what a link takes that has to find out by itself, by a look every half minute.
const PATIENCE: Duration = Duration::from_secs(120);

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn count(rig: &Rig) -> Result<u64, IndexError> {
    rig.index
        .count(&rig.collection, &rig.placed[0], &all())
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lags_and_is_promoted_is_found_and_noticed() {
    let mut scene = Scene::new();
    let link = scene.link().await;
    let index: Arc<dyn IndexStore> = shared(&RedisIndex::new(link.clone()));
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    scene.replica.wait_until_it_follows(&scene.primary).unwrap();
    scene.primary.let_replicas_lag().unwrap();
    users
        .put(&id("2"), &Live::none(), &[(0, text("eve"))])
        .await;
    scene.primary.kill();

    // The replica holds one of the two documents: no answer is "one".
    until("the successor is found", async || {
        match count(&users).await {
            Ok(found) => {
                assert_eq!(found, 2, "a lost write was not noticed");
                false
            }
            Err(IndexError::Unavailable(_)) => false,
            Err(IndexError::Lost(_)) => true,
            Err(error) => panic!("{error}"),
        }
    })
    .await;
    assert_eq!(scene.sentinel.primary().unwrap(), scene.replica.port());
    let again = users.begin_again().await;
    again
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    assert_eq!(again.ids(0, &all()).await, [id("1")]);
    assert!(link.is_connected() && !link.is_circuit_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_steps_down_is_left() {
    let scene = Scene::new();
    let users = scene.users().await;
    scene.tell_the_sentinel(&["FAILOVER", scene.sentinel.service()]);
    until("the successor is found", async || {
        matches!(count(&users).await, Err(IndexError::Lost(_)))
    })
    .await;
    users.begin_again().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_that_is_away_is_made_up_for_by_another() {
    let scene = Scene::new();
    let gone = RedisServer::start(&[]).unwrap().port();
    let port = scene.sentinel.port();
    let url = format!("redis+sentinel://127.0.0.1:{gone},127.0.0.1:{port}?service=primary");
    let link = RedisLink::open(patient(&url)).await.unwrap();
    link.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_with_a_password_are_told_their_own() {
    let scene = Scene::new();
    redis::cmd("ACL")
        .arg(&["SETUSER", "default", "on", ">sesame"])
        .exec(&mut scene.sentinel.connect().unwrap())
        .unwrap();
    let url = scene.sentinel.url();
    let error = RedisLink::open(patient(&url)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    let wrong = patient(&url).with_sentinel_login("", "sesame-wrong");
    let error = RedisLink::open(wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(!format!("{error} {error:?}").contains("sesame"));
    for user in ["", "default"] {
        let right = patient(&url).with_sentinel_login(user, "sesame");
        RedisLink::open(right).await.unwrap().ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_that_are_down_at_the_start_are_no_error() {
    let gone = RedisServer::start(&[]).unwrap().port();
    let url = format!("redis+sentinel://127.0.0.1:{gone}?service=primary");
    let link = RedisLink::open(patient(&url)).await.unwrap();
    assert!(matches!(link.ping().await, Err(IndexError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sentinels_cannot_answer_is_misconfigured_with_the_reason() {
    let scene = Scene::new();
    let (sentinel, primary) = (scene.sentinel.port(), scene.primary.port());
    for (url, reason) in [
        (
            format!("redis+sentinel://127.0.0.1:{sentinel}?service=other"),
            "do not know the service",
        ),
        (
            format!("redis+sentinel://127.0.0.1:{primary}?service=primary"),
            "no Sentinel",
        ),
        (
            format!("redis://127.0.0.1:{sentinel}"),
            "`redis+sentinel://…",
        ),
    ] {
        let error = RedisLink::open(patient(&url)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

/// It answers as ever, so only a look at the Sentinels can tell; there is one every half minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_the_sentinels_gave_up_is_left() {
    let (scene, users, other) = Scene::without_a_primary().await;
    scene.watch(&other);
    until("the Sentinels are asked again", async || {
        matches!(count(&users).await, Err(IndexError::Lost(_)))
    })
    .await;
}

/// The look that comes to nothing is made again a second later, and not after another half minute.
#[tokio::test(flavor = "multi_thread")]
async fn sentinels_that_name_no_primary_are_asked_again_soon() {
    let (scene, users, other) = Scene::without_a_primary().await;
    sleep(Duration::from_secs(36)).await;
    assert_eq!(count(&users).await.unwrap(), 0, "it is kept meanwhile");
    scene.watch(&other);
    let begun = Instant::now();
    until("the Sentinels are asked again", async || {
        matches!(count(&users).await, Err(IndexError::Lost(_)))
    })
    .await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
}
