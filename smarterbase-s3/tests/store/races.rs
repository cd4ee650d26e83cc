//! 32 clients with connections of their own, over TCP.

use futures::future::join_all;
use smarterbase_core::port::{Attempt, CasStore, Expect};
use smarterbase_s3::ObjectStorage;
use smarterbase_testkit::server::s3::S3Server;

use crate::place::{create, key, options, read};

const CLIENTS: usize = 32;
const ROUNDS: usize = 5;

fn clients(server: &S3Server) -> Vec<ObjectStorage> {
    (0..CLIENTS)
        .map(|_| options(server).connect().unwrap())
        .collect()
}

/// Lets every client put a body of its own at once; the bodies of those that applied.
///
/// No body ever comes twice: an entity tag is the hash of its body, so a repeated one would bring an old version back.
async fn race(clients: &[ObjectStorage], path: &str, expect: &Expect, round: usize) -> Vec<String> {
    let attempts = clients.iter().enumerate().map(|(number, client)| {
        let (client, path, expect) = (client.clone(), key(path), expect.clone());
        tokio::spawn(async move {
            let body = format!("nonce {round}.{number}");
            match client.put(&path, &expect, body.clone().into()).await {
                Attempt::Applied(_) => Some(body),
                Attempt::Rejected => None,
                other => panic!("{other:?}"),
            }
        })
    });
    let outcomes = join_all(attempts).await;
    outcomes.into_iter().filter_map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_32_creators_wins_and_its_body_is_there() {
    let server = S3Server::start().await.unwrap();
    let clients = clients(&server);
    for round in 0..ROUNDS {
        let path = format!("users/{round}.json");
        let winners = race(&clients, &path, &Expect::Absent, round).await;
        let stored = read(&clients[0], &path).await.unwrap();
        assert_eq!(winners, [String::from_utf8(stored.bytes.to_vec()).unwrap()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_32_updaters_wins_and_its_body_is_there() {
    let server = S3Server::start().await.unwrap();
    let clients = clients(&server);
    let mut version = create(&clients[0], "users/1.json", "first").await;
    for round in 0..ROUNDS {
        let winners = race(&clients, "users/1.json", &Expect::Exactly(version), round).await;
        let stored = read(&clients[0], "users/1.json").await.unwrap();
        assert_eq!(winners, [String::from_utf8(stored.bytes.to_vec()).unwrap()]);
        version = stored.version;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_increment_of_32_clients_is_lost() {
    let server = S3Server::start().await.unwrap();
    let clients = clients(&server);
    create(&clients[0], "counter.json", "0").await;
    join_all(clients.iter().map(increment)).await;
    let total = read(&clients[0], "counter.json").await.unwrap();
    assert_eq!(total.bytes, CLIENTS.to_string());
}

async fn increment(client: &ObjectStorage) {
    loop {
        let counter = read(client, "counter.json").await.unwrap();
        let count: usize = std::str::from_utf8(&counter.bytes)
            .unwrap()
            .parse()
            .unwrap();
        let expect = Expect::Exactly(counter.version);
        let next = (count + 1).to_string().into();
        match client.put(&key("counter.json"), &expect, next).await {
            Attempt::Applied(_) => return,
            Attempt::Rejected => {}
            other => panic!("{other:?}"),
        }
    }
}
