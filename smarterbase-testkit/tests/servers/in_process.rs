//! The in-process store under virtual time: exact, and no slower than its arithmetic.

use std::time::Duration;

use http::{Method, StatusCode};
use object_store::{ObjectStoreExt, path::Path};
use smarterbase_testkit::server::in_process::{Fault, InProcessS3, Request};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_hundred_late_puts_take_exactly_their_delays() {
    let s3 = InProcessS3::new().with_faults(|_: &Request| Fault::Delay(Duration::from_millis(35)));
    let store = s3.client().build().unwrap();
    let start = Instant::now();
    for number in 0..100 {
        store
            .put(&Path::from(number.to_string()), "{}".into())
            .await
            .unwrap();
    }
    assert_eq!(start.elapsed(), Duration::from_millis(3500));
}

#[tokio::test(start_paused = true)]
async fn the_clients_own_timeout_ends_a_request_without_an_answer() {
    let s3 = InProcessS3::new().with_faults(|_: &Request| Fault::Hang);
    let options = object_store::ClientOptions::new()
        .with_allow_http(true)
        .with_timeout(Duration::from_millis(61_500));
    let retry = object_store::RetryConfig {
        max_retries: 0,
        ..Default::default()
    };
    let store = s3
        .client()
        .with_client_options(options)
        .with_retry(retry)
        .build()
        .unwrap();
    let start = Instant::now();
    store.get(&Path::from("a")).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_millis(61_500));
}

#[tokio::test]
async fn a_refused_connection_is_tried_again() {
    let s3 = InProcessS3::new();
    s3.memory().put("test-bucket", "a", "{}");
    let harmed = s3.with_faults(|request: &Request| match request.number {
        0 => Fault::Refuse,
        _ => Fault::Pass,
    });
    let read = harmed
        .client()
        .build()
        .unwrap()
        .get(&Path::from("a"))
        .await
        .unwrap();
    assert_eq!(read.bytes().await.unwrap(), "{}");
    assert_eq!(harmed.requests().count(), 2);
}

#[tokio::test]
async fn requests_are_listed_as_they_were_sent() {
    let s3 = InProcessS3::new();
    let store = s3.client().build().unwrap();
    let create = object_store::PutOptions::from(object_store::PutMode::Create);
    object_store::ObjectStore::put_opts(&store, &Path::from("a/b.json"), "{}".into(), create)
        .await
        .unwrap();
    store.get(&Path::from("a/b.json")).await.unwrap();
    let seen = s3.requests().all();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].is_conditional_put());
    assert_eq!(
        (&seen[1].method, seen[1].path.as_str()),
        (&Method::GET, "/test-bucket/a/b.json")
    );
    assert!(!seen[1].is_conditional);
    assert_eq!(s3.requests().count_of(&Method::PUT), 1);
    s3.requests().clear();
    assert_eq!(s3.requests().count(), 0);
}

#[tokio::test]
async fn faults_of_one_view_do_not_harm_another() {
    let s3 = InProcessS3::new();
    let broken = s3.with_faults(|_: &Request| Fault::Status(StatusCode::FORBIDDEN));
    broken
        .client()
        .build()
        .unwrap()
        .put(&Path::from("a"), "{}".into())
        .await
        .unwrap_err();
    s3.client()
        .build()
        .unwrap()
        .put(&Path::from("a"), "{}".into())
        .await
        .unwrap();
    assert_eq!((broken.requests().count(), s3.requests().count()), (1, 1));
}
