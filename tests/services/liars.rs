//! Stores that do not keep the conditions: they open for reading only, and a write says which check failed.

use std::sync::Arc;

use smarterbase::{
    Db,
    prelude::*,
    s3::{Credentials, ObjectStoreOptions},
};
use smarterbase_testkit::server::s3::{Quirk, S3Server};

use super::Book;

async fn refusal(quirk: Quirk) -> Error {
    let server = S3Server::start_with_quirk(quirk).await.unwrap();
    let credentials = Credentials::access_key(server.access_key(), server.secret_key());
    let options = ObjectStoreOptions::from_url(&server.url("app"))
        .unwrap()
        .with_credentials(credentials);
    let db = Db::builder()
        .store(Arc::new(options.connect().unwrap()))
        .open()
        .await
        .unwrap();
    assert!(db.read_only_reason().is_some());
    assert!(
        Book::get(&db, &"1".to_owned()).await.unwrap().is_none(),
        "reading works"
    );
    Book::create(&db, Book::new("1", "a")).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn store_that_ignores_conditions_is_read_only_by_check_2() {
    let error = refusal(Quirk::IgnoreConditions).await;
    assert_eq!(error.code(), "SB-PROBE-FAILED");
    assert!(error.to_string().contains("check 2"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn store_that_lets_several_racers_win_is_read_only_by_check_5_or_6() {
    let error = refusal(Quirk::RacyConditions).await;
    assert_eq!(error.code(), "SB-PROBE-FAILED");
    // Which race goes wrong first is up to the race.
    let text = error.to_string();
    assert!(
        text.contains("check 5") || text.contains("check 6"),
        "{text}"
    );
}
