//! Documents on S3 over TCP, with their indexes in Redis: the same program.

use std::{sync::Arc, time::Duration};

use smarterbase::{
    Db, ErrorKind,
    prelude::*,
    redis::{RedisIndex, RedisOptions},
    s3::{Credentials, ObjectStoreOptions},
};
use smarterbase_testkit::server::{redis::RedisServer, s3::S3Server};

use super::{Book, on_shelf};

fn options(server: &S3Server, prefix: &str) -> ObjectStoreOptions {
    let credentials = Credentials::access_key(server.access_key(), server.secret_key());
    ObjectStoreOptions::from_url(&server.url(prefix))
        .unwrap()
        .with_credentials(credentials)
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_live_on_s3_with_entries_as_objects() {
    let server = S3Server::start().await.unwrap();
    let storage = Arc::new(options(&server, "app").connect().unwrap());
    let db = Db::builder().store(storage).open().await.unwrap();
    let book = Book::create(&db, Book::new("1", "a")).await.unwrap();
    assert_eq!(on_shelf(&db, "a").await.0, ["1"]);
    assert_eq!(
        Book::find_by_isbn(&db, "isbn-1").await.unwrap().unwrap().id,
        "1"
    );
    let taken = Book::create(
        &db,
        Book {
            isbn: "isbn-1".into(),
            ..Book::new("2", "a")
        },
    )
    .await
    .unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Unique);
    book.remove(&db).await.unwrap();
    assert_eq!(on_shelf(&db, "a").await.0, [] as [&str; 0]);
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_live_on_s3_with_entries_in_redis() {
    let server = S3Server::start().await.unwrap();
    let redis = RedisServer::start(&[]).unwrap();
    let storage = Arc::new(options(&server, "app").connect().unwrap());
    let index = RedisIndex::open(RedisOptions::from_url(&redis.url()).unwrap())
        .await
        .unwrap();
    let db = Db::builder()
        .store(storage)
        .index(Arc::new(index))
        .in_flight_bound(Duration::from_secs(2))
        .open()
        .await
        .unwrap();
    for number in 0..20 {
        Book::create(&db, Book::new(&format!("{number:02}"), "a"))
            .await
            .unwrap();
    }
    let (found, listed) = on_shelf(&db, "a").await;
    assert_eq!((found.len(), listed), (20, false));
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_bucket_and_wrong_credentials_are_named_at_open() {
    let server = S3Server::start().await.unwrap();
    let elsewhere = server.url("app").replace(server.bucket(), "no-such-bucket");
    let credentials = Credentials::access_key(server.access_key(), server.secret_key());
    let options_elsewhere = ObjectStoreOptions::from_url(&elsewhere)
        .unwrap()
        .with_credentials(credentials);
    let error = Db::builder()
        .store(Arc::new(options_elsewhere.connect().unwrap()))
        .open()
        .await
        .unwrap_err();
    assert_eq!(error.code(), "SB-NO-SUCH-STORE", "{error}");

    let wrong = Credentials::access_key(server.access_key(), "sesame-wrong");
    let denied = ObjectStoreOptions::from_url(&server.url("app"))
        .unwrap()
        .with_credentials(wrong);
    let error = Db::builder()
        .store(Arc::new(denied.connect().unwrap()))
        .open()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(
        !format!("{error} {error:?}").contains("sesame"),
        "{error:?}"
    );
}
