//! The facade with real services: a Redis that fails in every way, S3 over TCP, and stores that lie.
//!
//! The services are started by the tests themselves; a missing one fails loudly.

#![cfg(all(feature = "redis", feature = "s3"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "figures are for people")]
#![allow(
    missing_docs,
    missing_debug_implementations,
    reason = "the documents of tests"
)]

mod cluster;
mod conditions;
mod foreign;
mod liars;
mod locks;
mod manifests;
mod promotion;
#[path = "../it/question.rs"]
mod question;
mod redis;
mod redis_sweep;
#[path = "../it/rounds.rs"]
mod rounds;
mod s3;
mod sentinel;
#[path = "../it/user.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod user;
mod verify;

use smarterbase::prelude::*;

/// The document of these tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "books")]
pub struct Book {
    #[key]
    pub id: String,
    #[unique]
    pub isbn: String,
    #[index]
    pub shelf: String,
}

impl Book {
    #[must_use]
    pub fn new(id: &str, shelf: &str) -> Self {
        Self {
            id: id.into(),
            isbn: format!("isbn-{id}"),
            shelf: shelf.into(),
        }
    }
}

/// The ids on a shelf, and whether the documents had to be listed: an index in Redis needs no LIST.
pub async fn on_shelf(db: &Db, shelf: &str) -> (Vec<String>, bool) {
    let before = db.request_counts().snapshot();
    let books = Book::find_by_shelf(db, shelf).await.unwrap();
    let requests = db.request_counts().snapshot() - before;
    (
        books.iter().map(|book| book.id.clone()).collect(),
        requests.lists > 0,
    )
}

/// Calls `ready` until it says yes; a service takes a moment.
pub async fn eventually(what: &str, mut ready: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if ready().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{what} did not happen within 10 s");
}
