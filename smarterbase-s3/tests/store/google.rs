//! Google Cloud Storage, from a script: the requests that are sent and what the documented replies become.
//!
//! Replies as in <https://cloud.google.com/storage/docs/xml-api/reference-status>.

use http::Method;
use smarterbase_core::{
    document::Version,
    port::{Attempt, CasStore, Changed, Expect, StoreErrorKind},
};
use smarterbase_s3::{Credentials, ObjectStorage, ObjectStoreOptions};

use crate::{
    place::{key, prefix},
    script::{Script, reply},
};

fn store(script: &Script) -> ObjectStorage {
    ObjectStoreOptions::from_url("gs://bucket/app")
        .unwrap()
        .with_credentials(Credentials::bearer_token("secret-token"))
        .with_conditional_delete(true)
        .with_http_connector(script.clone())
        .connect()
        .unwrap()
}

fn version(generation: &str) -> Version {
    Version {
        e_tag: Some("\"tag\"".to_owned()),
        generation: Some(generation.to_owned()),
    }
}

const PATH: &str = "users/a%2f1.json";
const URL: &str = "https://storage.googleapis.com/bucket/app%2Fusers%2Fa%252f1%2Ejson";

#[tokio::test]
async fn a_create_expects_generation_zero() {
    let script = Script::of([reply(200)
        .header("etag", "\"tag\"")
        .header("x-goog-generation", "17")]);
    let attempt = store(&script)
        .put(&key(PATH), &Expect::Absent, "{}".into())
        .await;
    assert!(matches!(attempt, Attempt::Applied(found) if found == version("17")));
    let sent = script.request();
    assert_eq!((sent.method.clone(), sent.url.as_str()), (Method::PUT, URL));
    assert_eq!(sent.header("x-goog-if-generation-match"), "0");
    assert_eq!(sent.header("authorization"), "Bearer secret-token");
    assert_eq!(sent.header("content-type"), "application/json");
    assert_eq!(sent.body, "{}");
}

#[tokio::test]
async fn an_update_expects_the_generation() {
    let script = Script::of([reply(200)
        .header("etag", "\"tag\"")
        .header("x-goog-generation", "18")]);
    let expect = Expect::Exactly(version("17"));
    let attempt = store(&script).put(&key(PATH), &expect, "{}".into()).await;
    assert!(matches!(attempt, Attempt::Applied(found) if found == version("18")));
    let sent = script.request();
    assert_eq!(sent.header("x-goog-if-generation-match"), "17");
    assert_eq!(sent.header("if-match"), "");
}

#[tokio::test]
async fn s29_a_version_of_a_list_guards_no_write() {
    let script = Script::of([reply(200).body(
        "<ListBucketResult><Contents><Key>app/users/1.json</Key><Size>2</Size>\
         <LastModified>2026-11-20T12:00:00.123Z</LastModified><ETag>\"tag\"</ETag></Contents></ListBucketResult>",
    )]);
    let store = store(&script);
    let page = store
        .list(&prefix("users/"), Some(&key("users/0.json")), 10)
        .await
        .unwrap();
    let sent = script.request();
    assert!(
        sent.url
            .starts_with("https://storage.googleapis.com/bucket?")
    );
    assert!(
        sent.url.contains("start-after=app%2Fusers%2F0.json"),
        "{}",
        sent.url
    );
    assert!(sent.url.contains("max-keys=10"), "{}", sent.url);
    let listed = page.objects[0].version.clone();
    assert_eq!(listed, Version::from_e_tag("\"tag\""));
    match store
        .put(&key("users/1.json"), &Expect::Exactly(listed), "{}".into())
        .await
    {
        Attempt::Refused(error) => {
            assert_eq!(error.kind, StoreErrorKind::Invalid);
            assert!(error.message.contains("read the object first"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    script.request();
}

#[tokio::test]
async fn a_get_tells_the_generation_and_revalidates_by_tag() {
    let script = Script::of([
        reply(200)
            .header("etag", "\"tag\"")
            .header("x-goog-generation", "17")
            .body("{}"),
        reply(304),
    ]);
    let store = store(&script);
    let object = store.get(&key(PATH)).await.unwrap().unwrap();
    assert_eq!(
        (object.version.clone(), object.bytes),
        (version("17"), "{}".into())
    );
    let changed = store
        .get_if_changed(&key(PATH), &object.version)
        .await
        .unwrap();
    assert!(matches!(changed, Changed::Unchanged), "{changed:?}");
    assert_eq!(script.requests()[1].header("if-none-match"), "\"tag\"");
}

#[tokio::test]
async fn a_conditional_delete_expects_the_generation() {
    let refused = "<Error><Code>PreconditionFailed</Code></Error>";
    let script = Script::of([reply(412).body(refused), reply(204)]);
    let store = store(&script);
    let late = store.delete_if(&key(PATH), &version("16")).await;
    assert!(matches!(late, Attempt::Rejected), "{late:?}");
    let deleted = store.delete_if(&key(PATH), &version("17")).await;
    assert!(matches!(deleted, Attempt::Applied(_)), "{deleted:?}");
    let sent = &script.requests()[1];
    assert_eq!(
        (sent.method.clone(), sent.url.as_str()),
        (Method::DELETE, URL)
    );
    assert_eq!(sent.header("x-goog-if-generation-match"), "17");
    assert_eq!(sent.header("authorization"), "Bearer secret-token");
}

#[tokio::test]
async fn replies_become_outcomes() {
    let put = |status: u16, code: &str, expect: Expect| {
        let body = format!("<?xml version='1.0'?><Error><Code>{code}</Code></Error>");
        async move {
            let script = Script::of([reply(status).body(&body)]);
            store(&script).put(&key(PATH), &expect, "{}".into()).await
        }
    };
    let update = || Expect::Exactly(version("17"));
    let lost = put(412, "PreconditionFailed", update()).await;
    assert!(matches!(lost, Attempt::Rejected), "{lost:?}");
    let exists = put(412, "PreconditionFailed", Expect::Absent).await;
    assert!(matches!(exists, Attempt::Rejected), "{exists:?}");
    match put(429, "SlowDown", update()).await {
        Attempt::Unknown(error) => assert_eq!(error.kind, StoreErrorKind::Throttled),
        other => panic!("{other:?}"),
    }
    match put(404, "NoSuchBucket", Expect::Absent).await {
        Attempt::Refused(error) => assert_eq!(error.kind, StoreErrorKind::NoSuchStore),
        other => panic!("{other:?}"),
    }
    match put(401, "AuthenticationRequired", Expect::Absent).await {
        Attempt::Refused(error) => {
            assert_eq!(error.kind, StoreErrorKind::Denied);
            assert!(!format!("{error:?}").contains("secret-token"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_retired_name_is_deleted_and_may_be_gone() {
    let gone = "<Error><Code>NoSuchKey</Code></Error>";
    let script = Script::of([reply(204), reply(404).body(gone)]);
    let store = store(&script);
    store.delete_retired(&key(PATH)).await.unwrap();
    store.delete_retired(&key(PATH)).await.unwrap();
    assert!(
        script
            .requests()
            .iter()
            .all(|sent| sent.method == Method::DELETE && sent.url == URL)
    );
}
