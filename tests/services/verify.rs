//! An index in Redis that somebody edited by hand: verification finds it and puts it right; and what a ping tells of Redis.

use std::{sync::Arc, time::Duration};

use redis::Commands;
use smarterbase::{
    Db,
    maintenance::verify::{IndexReport, VerifyReport},
    port::IndexStore,
    prelude::*,
    redis::{RedisIndex, RedisOptions},
    store::MemoryStore,
};
use smarterbase_core::{format::Key, port::CasStore};
use smarterbase_testkit::server::redis::RedisServer;

use super::{Book, eventually, on_shelf};

struct Scene {
    server: RedisServer,
    store: MemoryStore,
    db: Db,
    redis: redis::Connection,
}

impl Scene {
    /// Books 0 to 9; the even ones are on shelf `a`, the others on `b`.
    async fn new() -> Self {
        let server = RedisServer::start(&[]).unwrap();
        let store = MemoryStore::new();
        let db = open(&store, &server.url()).await;
        for number in 0..10 {
            let shelf = if number % 2 == 0 { "a" } else { "b" };
            Book::create(&db, Book::new(&number.to_string(), shelf))
                .await
                .unwrap();
        }
        let redis = server.connect().unwrap();
        Self {
            server,
            store,
            db,
            redis,
        }
    }

    /// The sorted set of the shelves.
    fn index(&mut self) -> String {
        let mut keys: Vec<String> = self.redis.keys("sb:*:i:*").unwrap();
        assert_eq!(keys.len(), 1);
        keys.remove(0)
    }

    /// The members without the sentinel.
    fn members(&mut self) -> Vec<Vec<u8>> {
        let key = self.index();
        self.redis.zrange(key, 1, -1).unwrap()
    }

    fn member_of(&mut self, id: &str) -> Vec<u8> {
        let end = format!("{id}.json").into_bytes();
        let mut members = self.members().into_iter();
        members.find(|member| member.ends_with(&end)).unwrap()
    }

    /// The hash with the manifest of a document.
    fn bucket_of(&mut self, id: &str) -> String {
        let keys: Vec<String> = self.redis.keys("sb:*:m:*").unwrap();
        let field = format!("{id}.json");
        let mut keys = keys.into_iter();
        keys.find(|key| self.redis.hexists(key, &field).unwrap())
            .unwrap()
    }

    async fn verify(&self) -> VerifyReport {
        self.db.verify_indexes().of::<Book>().await.unwrap()
    }

    async fn repair(&self) -> VerifyReport {
        self.db
            .verify_indexes()
            .of::<Book>()
            .repair()
            .await
            .unwrap()
    }
}

async fn open(store: &MemoryStore, url: &str) -> Db {
    let index: Arc<dyn IndexStore> = Arc::new(
        RedisIndex::open(RedisOptions::from_url(url).unwrap())
            .await
            .unwrap(),
    );
    let builder = Db::builder().store(Arc::new(store.clone())).index(index);
    let builder = builder.in_flight_bound(Duration::from_secs(1));
    builder.open().await.unwrap()
}

fn shelves(report: &VerifyReport) -> &IndexReport {
    let shelves = report
        .indexes()
        .find(|index| index.definition.starts_with("shelf-"));
    let shelves = shelves.unwrap();
    assert_eq!(shelves.place, "redis");
    shelves
}

fn counts(report: &VerifyReport) -> [u64; 4] {
    let shelves = shelves(report);
    [
        shelves.missing,
        shelves.extra,
        shelves.undecided,
        shelves.repaired,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_were_removed_by_hand_are_found_and_put_back() {
    let mut scene = Scene::new().await;
    assert!(scene.verify().await.is_sound());
    let (index, member) = (scene.index(), scene.member_of("4"));
    let _: () = scene.redis.zrem(&index, member).unwrap();
    assert_eq!(on_shelf(&scene.db, "a").await.0.len(), 4);
    let report = scene.verify().await;
    assert_eq!(counts(&report), [1, 0, 0, 0]);
    assert_eq!(shelves(&report).found[0].id, "4");
    assert_eq!(counts(&scene.repair().await), [1, 0, 0, 1]);
    assert_eq!(
        on_shelf(&scene.db, "a").await,
        (["0", "2", "4", "6", "8"].map(String::from).to_vec(), false)
    );
    assert!(scene.verify().await.is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_were_added_by_hand_leave_whether_their_document_is_there_or_not() {
    let mut scene = Scene::new().await;
    let (index, member) = (scene.index(), scene.member_of("4"));
    let value = &member[..member.len() - "4.json".len()];
    for id in ["3", "nobody"] {
        let garbage = [value, format!("{id}.json").as_bytes()].concat();
        let _: () = scene.redis.zadd(&index, garbage, 0).unwrap();
    }
    let report = scene.verify().await;
    assert_eq!(counts(&report), [0, 2, 0, 0]);
    assert_eq!((shelves(&report).checked, shelves(&report).seen), (10, 12));
    assert_eq!(counts(&scene.repair().await), [0, 2, 0, 2]);
    assert_eq!(scene.members().len(), 10);
    assert!(scene.verify().await.is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_was_removed_by_hand_is_made_again() {
    let mut scene = Scene::new().await;
    let bucket = scene.bucket_of("7");
    let _: () = scene.redis.hdel(bucket, "7.json").unwrap();
    // The entry is there, but the next message about the document could take it away.
    assert_eq!(counts(&scene.verify().await), [1, 0, 0, 0]);
    assert_eq!(counts(&scene.repair().await), [1, 0, 0, 1]);
    let mut book = Book::get(&scene.db, &"7".to_owned())
        .required()
        .await
        .unwrap();
    book.shelf = "c".to_owned();
    book.save(&scene.db).await.unwrap();
    assert_eq!(scene.members().len(), 10);
    assert!(scene.verify().await.is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_meets_a_stale_member_removes_it() {
    let mut scene = Scene::new().await;
    let (index, member) = (scene.index(), scene.member_of("4"));
    let value = &member[..member.len() - "4.json".len()];
    let stale = [value, b"3.json"].concat();
    let _: () = scene.redis.zadd(&index, &stale, 0).unwrap();
    assert_eq!(on_shelf(&scene.db, "a").await.0, ["0", "2", "4", "6", "8"]);
    eventually("the removal of a stale entry", async || {
        !scene.members().contains(&stale)
    })
    .await;
    assert!(scene.verify().await.is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_object_leaves_entries_that_no_answer_shows() {
    let scene = Scene::new().await;
    let gone = Key::from_stored("books/4.json");
    scene.store.delete_retired(&gone).await.unwrap();
    let report = scene.verify().await;
    assert_eq!(counts(&report), [0, 1, 0, 0]);
    let isbn = report
        .indexes()
        .find(|index| index.place == "claims")
        .unwrap();
    assert_eq!((isbn.missing, isbn.extra), (0, 1));
    scene.repair().await;
    assert_eq!(on_shelf(&scene.db, "a").await.0, ["0", "2", "6", "8"]);
    // The claim is free again; what a late write might need stays, and is no drift.
    assert!(scene.verify().await.is_sound());
    Book::create(&scene.db, Book::new("4", "b")).await.unwrap();
    assert_eq!(
        on_shelf(&scene.db, "b").await.0,
        ["1", "3", "4", "5", "7", "9"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_never_raise_a_false_alarm_in_redis() {
    let scene = Scene::new().await;
    let until = tokio::time::Instant::now() + Duration::from_secs(6);
    let write = async |writer: u32| {
        let mut number = writer;
        while tokio::time::Instant::now() < until {
            number += 1;
            let changed = Book::update(&scene.db, &(number % 10).to_string(), |book| {
                book.shelf = format!("{}", number % 3);
                Ok(())
            });
            changed.await.unwrap();
        }
    };
    let verify = async {
        let mut looks = 0;
        while tokio::time::Instant::now() < until {
            let report = scene.repair().await;
            assert!(report.is_sound() && report.repaired() == 0, "{report}");
            let shelves = shelves(&report);
            assert_eq!(shelves.problem, None, "{report}");
            assert!(shelves.checked > 0 && shelves.seen > 0, "{report}");
            looks += 1;
        }
        looks
    };
    let (looks, _) =
        futures::future::join(verify, futures::future::join_all((0..16).map(write))).await;
    assert!(looks > 0);
    let report = scene.verify().await;
    assert!(report.is_sound(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_that_a_verification_meets_is_a_loss_and_no_drift() {
    let scene = Scene::new().await;
    scene.server.flush().unwrap();
    let report = scene.repair().await;
    assert_eq!(counts(&report), [0, 0, 0, 0]);
    assert!(shelves(&report).problem.is_some(), "{report}");
    let health = scene.db.health().await.unwrap();
    assert!(!health.is_ok());
    let state = health
        .indexes
        .iter()
        .find(|index| index.place == "redis")
        .unwrap();
    // Somebody may have begun to build it again already.
    assert!(["down", "building"].contains(&state.state), "{health}");
    assert_eq!(on_shelf(&scene.db, "a").await.0.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_names_the_part_that_does_not_answer_and_no_secret() {
    let mut scene = Scene::new().await;
    let ping = scene.db.ping().await.unwrap();
    assert!(ping.is_ok(), "{ping}");
    let names: Vec<_> = ping.parts.iter().map(|part| part.name).collect();
    assert_eq!(names, ["store", "redis"]);
    assert_eq!(ping.parts[1].connection, Some("open"));
    assert!(scene.db.health().await.unwrap().is_ok());

    scene.server.kill();
    let ping = scene.db.ping().await.unwrap();
    assert!(!ping.is_ok() && ping.is_usable(), "{ping}");
    assert!(ping.parts[1].problem.is_some());
    eventually("a circuit that opens", async || {
        let health = scene.db.health().await.unwrap().to_string();
        assert!(health.contains("store: ok"), "{health}");
        health.contains("circuit open")
    })
    .await;
    scene.server.restart().unwrap();
    eventually("a Redis that answers again", async || {
        scene.db.ping().await.unwrap().is_ok()
    })
    .await;
    scene.db.clone().close().await;
    assert_eq!(scene.db.ping().await.unwrap_err().code(), "SB-CLOSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_its_errors_never_hold_the_password() {
    let server = RedisServer::start(&[]).unwrap();
    let mut admin = server.connect().unwrap();
    redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "hunter2"])
        .exec(&mut admin)
        .unwrap();
    let url = server.url().replace("redis://", "redis://:hunter2@");
    let db = open(&MemoryStore::new(), &url).await;
    Book::create(&db, Book::new("1", "a")).await.unwrap();
    let whole = db.health().await.unwrap();
    assert!(whole.is_ok(), "{whole}");
    redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "other"])
        .exec(&mut admin)
        .unwrap();
    redis::cmd("CLIENT")
        .arg(&["KILL", "TYPE", "normal"])
        .exec(&mut admin)
        .ok();
    for _ in 0..10 {
        let health = db.health().await.unwrap();
        assert!(
            !format!("{health} {health:?}").contains("hunter2"),
            "{health}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the child process of the next test runs.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs in the environment that `redis_of_the_environment_is_used` makes"]
async fn a_program_that_opens_by_the_environment() {
    let db = smarterbase::open("memory:?redis=env").await.unwrap();
    Book::create(&db, Book::new("1", "a")).await.unwrap();
    assert_eq!(on_shelf(&db, "a").await, (vec!["1".into()], false));
    assert!(db.ping().await.unwrap().is_ok());
}

#[test]
fn redis_of_the_environment_is_used() {
    let server = RedisServer::start(&[]).unwrap();
    let mut admin = server.connect().unwrap();
    let secret = "pass word/@:?";
    redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", secret])
        .exec(&mut admin)
        .unwrap();
    let child = |password: &str| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "verify::a_program_that_opens_by_the_environment",
                "--exact",
                "--ignored",
            ])
            .env_remove("REDIS_URL")
            .env("REDIS_ADDR", server.address().to_string())
            .env("REDIS_PASSWORD", password)
            .env("REDIS_DB", "3")
            .env("REDIS_TLS_ENABLED", "false")
            .output()
            .unwrap()
    };
    let used = child(secret);
    assert!(
        used.status.success(),
        "{}",
        String::from_utf8_lossy(&used.stdout)
    );
    redis::cmd("SELECT").arg(3).exec(&mut admin).unwrap();
    let keys: Vec<String> = admin.keys("sb:*").unwrap();
    assert!(!keys.is_empty());
    assert!(!child("wrong").status.success());
}
