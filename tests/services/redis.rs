//! A Redis that is down at the start, dies, loses everything, refuses the password, or evicts: answers stay right.

use std::{sync::Arc, time::Duration};

use smarterbase::{
    Db, ErrorKind,
    port::IndexStore,
    prelude::*,
    redis::{RedisIndex, RedisOptions},
    store::MemoryStore,
};
use smarterbase_testkit::server::redis::RedisServer;

use super::{Book, eventually, on_shelf};

async fn open(store: &MemoryStore, url: &str) -> Result<Db, Error> {
    let index: Arc<dyn IndexStore> =
        Arc::new(RedisIndex::open(RedisOptions::from_url(url)?).await?);
    Db::builder()
        .store(Arc::new(store.clone()))
        .index(index)
        .in_flight_bound(Duration::from_secs(1))
        .open()
        .await
}

/// Redis answers again, the index is built again, and queries are served by it.
async fn rebuilt(db: &Db) {
    eventually("a rebuild", async || {
        db.rebuild_indexes::<Book>().await.is_ok()
    })
    .await;
    let (_, listed) = on_shelf(db, "a").await;
    assert!(!listed, "a query after the rebuild was not served by Redis");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_served_by_redis_without_a_list() {
    let server = RedisServer::start(&[]).unwrap();
    let db = open(&MemoryStore::new(), &server.url()).await.unwrap();
    Book::create(&db, Book::new("1", "a")).await.unwrap();
    Book::create(&db, Book::new("2", "b")).await.unwrap();
    assert_eq!(on_shelf(&db, "a").await, (vec!["1".into()], false));
    let mut book = Book::get(&db, &"1".to_owned()).required().await.unwrap();
    book.shelf = "b".into();
    book.save(&db).await.unwrap();
    assert_eq!(on_shelf(&db, "a").await, (vec![], false));
    assert_eq!(
        on_shelf(&db, "b").await,
        (vec!["1".into(), "2".into()], false)
    );
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_is_down_at_the_start_loses_no_write_and_no_answer() {
    let mut server = RedisServer::start(&[]).unwrap();
    server.kill();
    let db = open(&MemoryStore::new(), &server.url()).await.unwrap();
    Book::create(&db, Book::new("1", "a")).await.unwrap();
    assert_eq!(on_shelf(&db, "a").await, (vec!["1".into()], true));
    server.restart().unwrap();
    rebuilt(&db).await;
    assert_eq!(on_shelf(&db, "a").await, (vec!["1".into()], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_dies_loses_no_write_and_no_answer() {
    let mut server = RedisServer::start(&[]).unwrap();
    let db = open(&MemoryStore::new(), &server.url()).await.unwrap();
    Book::create(&db, Book::new("1", "a")).await.unwrap();
    server.kill();
    assert_eq!(on_shelf(&db, "a").await, (vec!["1".into()], true));
    Book::create(&db, Book::new("2", "a")).await.unwrap();
    assert_eq!(
        on_shelf(&db, "a").await,
        (vec!["1".into(), "2".into()], true)
    );
    server.restart().unwrap();
    rebuilt(&db).await;
    assert_eq!(
        on_shelf(&db, "a").await,
        (vec!["1".into(), "2".into()], false)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn flushed_redis_never_gives_an_empty_answer() {
    let server = RedisServer::start(&[]).unwrap();
    let db = open(&MemoryStore::new(), &server.url()).await.unwrap();
    Book::create(&db, Book::new("1", "a")).await.unwrap();
    server.flush().unwrap();
    assert_eq!(on_shelf(&db, "a").await, (vec!["1".into()], true));
    Book::create(&db, Book::new("2", "a")).await.unwrap();
    assert_eq!(
        on_shelf(&db, "a").await,
        (vec!["1".into(), "2".into()], true)
    );
    rebuilt(&db).await;
    assert_eq!(
        on_shelf(&db, "a").await,
        (vec!["1".into(), "2".into()], false)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuild_after_a_flush_that_nobody_met_finds_everything_again() {
    let server = RedisServer::start(&[]).unwrap();
    let db = open(&MemoryStore::new(), &server.url()).await.unwrap();
    Book::create(&db, Book::new("1", "a")).await.unwrap();
    server.flush().unwrap();
    let report = db.rebuild_indexes::<Book>().await.unwrap();
    assert_eq!((report.built.len(), report.documents), (1, 1));
    assert_eq!(on_shelf(&db, "a").await, (vec!["1".into()], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_password_is_refused_at_open_and_not_repeated() {
    let server = RedisServer::start(&[]).unwrap();
    // Once it runs: a server that asks for a password is never seen to be ready.
    ::redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "hunter2"])
        .exec(&mut server.connect().unwrap())
        .unwrap();
    let url = server.url().replace("redis://", "redis://:sesame-wrong@");
    let error = open(&MemoryStore::new(), &url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(
        !format!("{error} {error:?}").contains("sesame"),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_may_evict_entries_is_not_used() {
    let server = RedisServer::start(&["--maxmemory-policy", "allkeys-lru"]).unwrap();
    let db = open(&MemoryStore::new(), &server.url()).await.unwrap();
    Book::create(&db, Book::new("1", "a")).await.unwrap();
    assert_eq!(on_shelf(&db, "a").await, (vec!["1".into()], true));
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_program_without_the_redis_of_a_collection_is_misconfigured() {
    let server = RedisServer::start(&[]).unwrap();
    let store = MemoryStore::new();
    let db = open(&store, &server.url()).await.unwrap();
    Book::create(&db, Book::new("1", "a")).await.unwrap();
    let without = Db::builder()
        .store(Arc::new(store.clone()))
        .open()
        .await
        .unwrap();
    let error = Book::create(&without, Book::new("2", "a"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Misconfigured, "SB-NO-SUCH-BACKEND")
    );
    let abandoning = Db::builder()
        .store(Arc::new(store.clone()))
        .abandon_missing_backends(true)
        .open()
        .await
        .unwrap();
    Book::create(&abandoning, Book::new("2", "a"))
        .await
        .unwrap();
    // The process with Redis learns of it within 5 s and never gives a short answer.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(on_shelf(&db, "a").await.0, ["1", "2"]);
}

/// Moves two books to another shelf, in one transaction that also reads who is there.
async fn move_two(db: &Db, shelf: &str) -> Result<usize, Error> {
    db.transaction(|tx| async move {
        let there = Book::find_by_shelf(&tx, shelf).await?.len();
        for id in ["1", "2"] {
            let mut book = Book::get(&tx, &id.to_owned()).required().await?;
            book.shelf = shelf.to_owned();
            book.save(&tx).await?;
        }
        Ok(there)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_keep_an_index_in_redis() {
    let server = RedisServer::start(&[]).unwrap();
    let db = open(&MemoryStore::new(), &server.url()).await.unwrap();
    for id in ["1", "2", "3"] {
        Book::create(&db, Book::new(id, "a")).await.unwrap();
    }
    assert_eq!(move_two(&db, "b").await.unwrap(), 0);
    assert_eq!(on_shelf(&db, "a").await, (vec!["3".into()], false));
    assert_eq!(
        on_shelf(&db, "b").await,
        (vec!["1".into(), "2".into()], false)
    );
    // Somebody adds to the range that a transaction read, in its first attempt.
    let db_ref = &db;
    let seen = db
        .transaction(|tx| async move {
            let there = Book::find_by_shelf(&tx, "b").await?.len();
            if tx.attempt() == 1 {
                Book::create(db_ref, Book::new("4", "b")).await?;
            }
            let mut book = Book::get(&tx, &"3".to_owned()).required().await?;
            book.shelf = format!("{there}");
            book.save(&tx).await?;
            Ok(there)
        })
        .await
        .unwrap();
    assert_eq!(seen, 3);
    assert_eq!(on_shelf(&db, "3").await, (vec!["3".into()], false));
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_lost_while_a_transaction_commits_is_marked_down_first() {
    let mut server = RedisServer::start(&[]).unwrap();
    let db = open(&MemoryStore::new(), &server.url()).await.unwrap();
    for id in ["1", "2", "3"] {
        Book::create(&db, Book::new(id, "a")).await.unwrap();
    }
    server.kill();
    move_two(&db, "b").await.unwrap();
    assert_eq!(on_shelf(&db, "a").await, (vec!["3".into()], true));
    assert_eq!(
        on_shelf(&db, "b").await,
        (vec!["1".into(), "2".into()], true)
    );
    db.close().await;
}

/// The losses come from somewhere else, while rounds are played.
#[tokio::test(flavor = "multi_thread")]
async fn index_and_document_agree_in_300_rounds_while_redis_is_flushed() {
    let server = RedisServer::start(&[]).unwrap();
    let store = MemoryStore::new();
    let dbs = [
        open(&store, &server.url()).await.unwrap(),
        open(&store, &server.url()).await.unwrap(),
    ];
    crate::rounds::play(&dbs, |round| {
        if round % 100 == 50 {
            server.flush().unwrap();
        }
    })
    .await;
    for db in dbs {
        db.close().await;
    }
}

/// Whatever is asked first after a flush, from whichever process, the answer is whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_redis_comes_back_by_itself_and_never_gives_an_empty_answer() {
    let server = RedisServer::start(&[]).unwrap();
    let store = MemoryStore::new();
    let (one, two) = (
        open(&store, &server.url()).await.unwrap(),
        open(&store, &server.url()).await.unwrap(),
    );
    Book::create(&one, Book::new("1", "a")).await.unwrap();
    server.flush().unwrap();
    let mut is_served = false;
    for _ in 0..3_000 {
        let (found, listed) = on_shelf(&two, "a").await;
        assert_eq!(found, ["1"]);
        is_served = !listed;
        if is_served {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(is_served, "Redis does not come back");
    one.close().await;
    two.close().await;
}
