//! What people get wrong: the kind says what to do, and no text holds a secret.

use std::time::Duration;

use http::StatusCode;
use smarterbase_core::{
    ErrorKind,
    port::{Attempt, CasStore, Expect, StoreError, StoreErrorKind},
};
use smarterbase_s3::{Credentials, ObjectStorage, ObjectStoreOptions};
use smarterbase_testkit::server::{
    in_process::{Fault, InProcessS3, Request},
    s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY},
};

use crate::place::{create, in_process, key, options, options_in_process, prefix};

const WRONG_SECRET: &str = "hunter2-not-the-secret";

/// Every operation's error on this store.
async fn errors(
    store: &ObjectStorage,
    version: &smarterbase_core::document::Version,
) -> Vec<StoreError> {
    let path = key("users/1.json");
    let mut errors = vec![
        store.get(&path).await.unwrap_err(),
        store.get_if_changed(&path, version).await.unwrap_err(),
        store.list(&prefix("users/"), None, 10).await.unwrap_err(),
        store.delete_retired(&path).await.unwrap_err(),
    ];
    let attempts = [
        store.put(&path, &Expect::Absent, "{}".into()).await,
        store
            .put(&path, &Expect::Exactly(version.clone()), "{}".into())
            .await,
        store
            .clone()
            .with_conditional_delete(true)
            .delete_if(&path, version)
            .await,
    ];
    for attempt in attempts {
        match attempt {
            Attempt::Refused(error) | Attempt::Unknown(error) => errors.push(error),
            other => panic!("{other:?}"),
        }
    }
    errors
}

fn version() -> smarterbase_core::document::Version {
    smarterbase_core::document::Version::from_e_tag("\"00000000000000000000000000000000\"")
}

fn assert_holds_no_secret(errors: &[StoreError]) {
    for error in errors {
        let text = format!("{error} {error:?}");
        for secret in [SECRET_KEY, ACCESS_KEY, WRONG_SECRET, "X-Amz", "://"] {
            assert!(!text.contains(secret), "`{secret}` in {text}");
        }
    }
}

#[tokio::test]
async fn a_missing_bucket_is_no_such_store() {
    let server = S3Server::start().await.unwrap();
    let url = server.url("app").replace(BUCKET, "no-such-bucket");
    let store = ObjectStoreOptions::from_url(&url)
        .unwrap()
        .with_credentials(Credentials::access_key(ACCESS_KEY, SECRET_KEY))
        .connect()
        .unwrap();
    let errors = errors(&store, &version()).await;
    for error in &errors {
        assert_eq!(error.kind, StoreErrorKind::NoSuchStore, "{error}");
        assert!(error.message.contains("NoSuchBucket"), "{error}");
    }
    assert_holds_no_secret(&errors);
}

#[tokio::test]
async fn wrong_credentials_are_denied() {
    let server = S3Server::start().await.unwrap();
    let store = options(&server)
        .with_credentials(Credentials::access_key(ACCESS_KEY, WRONG_SECRET))
        .connect()
        .unwrap();
    let errors = errors(&store, &version()).await;
    for error in &errors {
        assert_eq!(error.kind, StoreErrorKind::Denied, "{error}");
        assert!(error.message.contains("check the credentials"), "{error}");
    }
    assert_holds_no_secret(&errors);
}

#[tokio::test]
async fn an_unreachable_endpoint_is_unavailable_and_says_why() {
    // A port that was free a moment ago and where nobody listens.
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("s3://{BUCKET}/app?endpoint=http://{address}");
    let store = ObjectStoreOptions::from_url(&url)
        .unwrap()
        .with_credentials(Credentials::access_key(ACCESS_KEY, SECRET_KEY))
        .connect()
        .unwrap();
    let errors = errors(&store, &version()).await;
    for error in &errors {
        assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
        assert!(error.message.contains("cannot connect"), "{error}");
        assert!(error.message.contains("refused"), "{error}");
    }
    assert_holds_no_secret(&errors);
}

#[tokio::test(start_paused = true)]
async fn a_silent_endpoint_is_out_of_time_after_the_request_timeout() {
    let s3 = InProcessS3::new().with_faults(|_: &Request| Fault::Hang);
    let store = options_in_process(&s3)
        .with_request_timeout(Duration::from_millis(700))
        .connect()
        .unwrap();
    let started = tokio::time::Instant::now();
    let errors = errors(&store, &version()).await;
    assert_eq!(started.elapsed(), Duration::from_millis(700 * 7));
    for error in &errors {
        assert_eq!(error.kind, StoreErrorKind::Timeout, "{error}");
    }
    assert_holds_no_secret(&errors);
}

#[tokio::test(start_paused = true)]
async fn the_default_request_timeout_is_ten_seconds() {
    let s3 = InProcessS3::new().with_faults(|_: &Request| Fault::Hang);
    let started = tokio::time::Instant::now();
    in_process(&s3).get(&key("users/1.json")).await.unwrap_err();
    assert_eq!(started.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn each_operation_is_one_request_even_when_it_fails() {
    for status in [
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
    ] {
        let s3 = InProcessS3::new().with_faults(move |_: &Request| Fault::Status(status));
        errors(&in_process(&s3), &version()).await;
        assert_eq!(s3.requests().count(), 7, "{status}");
    }
}

#[tokio::test]
async fn an_object_over_the_limit_is_not_read() {
    let s3 = InProcessS3::new();
    let store = options_in_process(&s3)
        .with_max_object_bytes(3)
        .connect()
        .unwrap();
    create(&store, "users/1.json", "123").await;
    create(&store, "users/2.json", "1234").await;
    assert_eq!(
        store
            .get(&key("users/1.json"))
            .await
            .unwrap()
            .unwrap()
            .bytes,
        "123"
    );
    let error = store.get(&key("users/2.json")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid);
    assert!(error.message.contains("4 bytes, the limit is 3"), "{error}");
}

#[tokio::test]
async fn what_is_no_path_is_refused_before_a_request() {
    let s3 = InProcessS3::new();
    let store = in_process(&s3);
    for path in [
        "users//1.json",
        "users/../1.json",
        "/users/1.json",
        "users/",
    ] {
        match store.put(&key(path), &Expect::Absent, "{}".into()).await {
            Attempt::Refused(error) => assert_eq!(error.kind, StoreErrorKind::Invalid, "{path}"),
            other => panic!("{path}: {other:?}"),
        }
    }
    assert_eq!(s3.requests().count(), 0);
}

#[test]
fn credentials_of_another_service_are_misconfigured() {
    let connect = |url: &str, credentials: Credentials| {
        let options = ObjectStoreOptions::from_url(url).unwrap();
        let error = options.with_credentials(credentials).connect().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured);
        format!("{error} {error:?}")
    };
    let account_key = Credentials::account_key(WRONG_SECRET);
    assert!(connect("s3://bucket", account_key).contains("s3 takes an access key"));
    let access_key = Credentials::access_key("id", WRONG_SECRET);
    assert!(connect("gs://bucket", access_key.clone()).contains("gs takes"));
    assert!(connect("az://account/container", access_key).contains("az takes"));
    let not_json = Credentials::service_account(format!("{{\"private_key\":\"{WRONG_SECRET}"));
    assert!(!connect("gs://bucket", not_json).contains(WRONG_SECRET));
    let not_base64 = Credentials::account_key(format!("{WRONG_SECRET}!"));
    assert!(!connect("az://account/container", not_base64).contains(WRONG_SECRET));
}

#[test]
fn debug_prints_no_secret() {
    let credentials = Credentials::session("id", WRONG_SECRET, "token-hunter2");
    let options = ObjectStoreOptions::from_url("s3://bucket/app")
        .unwrap()
        .with_credentials(credentials);
    let text = format!("{options:?}");
    assert!(text.contains("***") && !text.contains("hunter2"), "{text}");
    let store = options.connect().unwrap();
    let text = format!("{store:?}");
    assert!(
        text.contains("s3://bucket/app") && !text.contains("hunter2"),
        "{text}"
    );
}

/// The variables of the environment belong to a whole process, so the test runs itself in one of its own.
#[tokio::test]
async fn credentials_come_from_the_environment() {
    const URL: &str = "SMARTERBASE_S3_TEST_URL";
    if let Ok(url) = std::env::var(URL) {
        let store = ObjectStoreOptions::from_url(&url)
            .unwrap()
            .connect()
            .unwrap();
        create(&store, "users/from-the-environment.json", "{}").await;
        return;
    }
    let server = S3Server::start().await.unwrap();
    let program = std::env::current_exe().unwrap();
    let output = tokio::process::Command::new(program)
        .args(["--exact", "mistakes::credentials_come_from_the_environment"])
        .env(URL, server.url("app"))
        .envs(server.credentials())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        server.memory().keys(BUCKET),
        ["app/users/from-the-environment.json"]
    );
}
