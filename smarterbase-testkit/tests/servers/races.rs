//! Thirty-two clients over real sockets, each with its own connections: conditions let exactly one of them win.

use std::sync::Arc;

use object_store::{
    ObjectStore, ObjectStoreExt, PutMode, PutPayload, RetryConfig, UpdateVersion, aws::AmazonS3,
    path::Path,
};
use smarterbase_testkit::server::s3::{Quirk, S3Server};
use tokio::{sync::Barrier, task::JoinSet};

const CLIENTS: usize = 32;
const ROUNDS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_creators_wins_and_its_body_stays() {
    let server = S3Server::start().await.unwrap();
    let racers = clients(&server);
    for round in 0..ROUNDS {
        let key = format!("create/{round}");
        let winners = race(&racers, &key, &PutMode::Create).await;
        assert_eq!(winners, [stored(&server, &key)], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_updaters_wins_and_its_body_stays() {
    let server = S3Server::start().await.unwrap();
    let racers = clients(&server);
    for round in 0..ROUNDS {
        let key = format!("update/{round}");
        let mode = PutMode::Update(seed(&racers[0], &key).await);
        let winners = race(&racers, &key, &mode).await;
        assert_eq!(winners, [stored(&server, &key)], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_increment_of_a_shared_counter_is_lost() {
    let server = S3Server::start().await.unwrap();
    let clients = clients(&server);
    seed(&clients[0], "counter").await;
    let mut counting = JoinSet::new();
    for store in clients {
        counting.spawn(async move {
            for _ in 0..5 {
                increment(&store).await;
            }
        });
    }
    counting.join_all().await;
    assert_eq!(stored(&server, "counter"), CLIENTS * 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_racers_win_on_a_server_that_checks_before_it_writes() {
    let server = S3Server::start_with_quirk(Quirk::RacyConditions)
        .await
        .unwrap();
    let racers = clients(&server);
    assert!(most_creators(&racers).await > 1);
    assert!(most_updaters(&racers).await > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_over_one_memory_are_two_endpoints_of_one_store() {
    let first = S3Server::start().await.unwrap();
    let second = S3Server::serve(first.memory().clone()).await.unwrap();
    seed(&client(&first), "shared").await;
    let body = client(&second)
        .get(&Path::from("shared"))
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(body, "0");
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let server = S3Server::start().await.unwrap();
    let store = server
        .client()
        .with_secret_access_key("not the secret")
        .build()
        .unwrap();
    let error = store
        .put(&Path::from("a"), PutPayload::new())
        .await
        .unwrap_err();
    assert!(
        matches!(error, object_store::Error::PermissionDenied { .. }),
        "{error}"
    );
    assert!(server.memory().keys(server.bucket()).is_empty());
}

#[tokio::test]
async fn a_dropped_server_refuses_connections() {
    let server = S3Server::start().await.unwrap();
    let address = server.address();
    tokio::net::TcpStream::connect(address).await.unwrap();
    drop(server);
    let gone = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), gone)
        .await
        .expect("the port is closed soon");
}

/// The most winners of one of several races to create; a busy machine may run one race after the other.
async fn most_creators(racers: &[AmazonS3]) -> usize {
    let mut most = 0;
    for round in 0..ROUNDS {
        let winners = race(racers, &format!("created/{round}"), &PutMode::Create).await;
        most = most.max(winners.len());
        if most > 1 {
            break;
        }
    }
    most
}

/// The most winners of one of several races to update.
async fn most_updaters(racers: &[AmazonS3]) -> usize {
    let mut most = 0;
    for round in 0..ROUNDS {
        let key = format!("updated/{round}");
        let mode = PutMode::Update(seed(&racers[0], &key).await);
        most = most.max(race(racers, &key, &mode).await.len());
        if most > 1 {
            break;
        }
    }
    most
}

/// Lets every client put its own number under `key` at once; the numbers that were told they had won.
async fn race(clients: &[AmazonS3], key: &str, mode: &PutMode) -> Vec<usize> {
    let start = Arc::new(Barrier::new(clients.len()));
    let mut racers = JoinSet::new();
    // No racer writes the 0 of `seed`: equal bodies have equal tags, and its put would not count as a change.
    for (number, store) in (1..).zip(clients.iter().cloned()) {
        let (key, mode, start) = (Path::from(key), mode.clone(), start.clone());
        racers.spawn(async move {
            // A first request opens the connection, so that the race is not one of handshakes.
            store.head(&key).await.ok();
            start.wait().await;
            let put = store
                .put_opts(&key, number.to_string().into(), mode.into())
                .await;
            put.is_ok().then_some(number)
        });
    }
    racers.join_all().await.into_iter().flatten().collect()
}

/// Adds one, again and again until no other client was in between.
async fn increment(store: &AmazonS3) {
    let key = Path::from("counter");
    loop {
        let read = store.get(&key).await.unwrap();
        let version = UpdateVersion {
            e_tag: read.meta.e_tag.clone(),
            version: None,
        };
        let count: usize = number(&read.bytes().await.unwrap());
        let body = (count + 1).to_string();
        match store
            .put_opts(&key, body.into(), PutMode::Update(version).into())
            .await
        {
            Ok(_) => return,
            Err(object_store::Error::Precondition { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Stores 0 under `key`.
async fn seed(store: &AmazonS3, key: &str) -> UpdateVersion {
    store
        .put(&Path::from(key), "0".into())
        .await
        .unwrap()
        .into()
}

fn stored(server: &S3Server, key: &str) -> usize {
    number(
        &server
            .memory()
            .object(server.bucket(), key)
            .expect("somebody won"),
    )
}

fn number(body: &[u8]) -> usize {
    std::str::from_utf8(body).unwrap().parse().unwrap()
}

/// Clients that share nothing, each with connections of its own.
fn clients(server: &S3Server) -> Vec<AmazonS3> {
    (0..CLIENTS).map(|_| client(server)).collect()
}

/// A client without retries: a racer's answer is the server's.
fn client(server: &S3Server) -> AmazonS3 {
    let retry = RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    };
    server.client().with_retry(retry).build().unwrap()
}
