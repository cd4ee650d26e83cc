//! Removing objects, with and without a condition.

use http::Method;
use smarterbase_core::{
    document::Version,
    port::{Attempt, CasStore, ConditionalDelete, StoreErrorKind},
};
use smarterbase_testkit::server::{
    in_process::InProcessS3,
    s3::{BUCKET, S3Server},
};

use crate::place::{create, in_process, key, options, read, replace};

#[tokio::test]
async fn a_conditional_delete_is_off_until_it_is_proven() {
    let s3 = InProcessS3::new();
    let store = in_process(&s3);
    let version = create(&store, "users/1.json", "{}").await;
    assert_eq!(
        store.capabilities().conditional_delete,
        ConditionalDelete::Unsupported
    );
    s3.requests().clear();
    match store.delete_if(&key("users/1.json"), &version).await {
        Attempt::Refused(error) => assert_eq!(error.kind, StoreErrorKind::Unsupported),
        other => panic!("{other:?}"),
    }
    assert_eq!(s3.requests().count(), 0);
}

async fn deletes_exactly_its_version(store: &dyn CasStore) {
    let path = key("users/1.json");
    let first = create(store, "users/1.json", "first").await;
    let Attempt::Applied(second) = replace(store, "users/1.json", &first, "second").await else {
        panic!("the first version is there");
    };
    let late = store.delete_if(&path, &first).await;
    assert!(matches!(late, Attempt::Rejected), "{late:?}");
    assert_eq!(read(store, "users/1.json").await.unwrap().bytes, "second");
    let deleted = store.delete_if(&path, &second).await;
    assert!(matches!(&deleted, Attempt::Applied(version) if *version == Version::default()));
    assert!(read(store, "users/1.json").await.is_none());
    let again = store.delete_if(&path, &second).await;
    assert!(matches!(again, Attempt::Rejected), "{again:?}");
}

#[tokio::test]
async fn a_conditional_delete_removes_exactly_its_version() {
    let s3 = InProcessS3::new();
    let store = in_process(&s3).with_conditional_delete(true);
    deletes_exactly_its_version(&store).await;
    assert_eq!(s3.requests().count_of(&Method::DELETE), 3);
}

#[tokio::test]
async fn a_conditional_delete_removes_exactly_its_version_over_tcp() {
    let server = S3Server::start().await.unwrap();
    let store = options(&server)
        .with_conditional_delete(true)
        .connect()
        .unwrap();
    assert_eq!(
        store.capabilities().conditional_delete,
        ConditionalDelete::Native
    );
    deletes_exactly_its_version(&store).await;
}

#[tokio::test]
async fn a_retired_name_is_deleted_by_one_plain_delete() {
    let s3 = InProcessS3::new();
    let store = in_process(&s3);
    create(&store, "_tx/1.json", "").await;
    s3.requests().clear();
    store.delete_retired(&key("_tx/1.json")).await.unwrap();
    store.delete_retired(&key("_tx/1.json")).await.unwrap();
    assert!(s3.memory().keys(BUCKET).is_empty());
    let requests = s3.requests().all();
    assert_eq!(s3.requests().count_of(&Method::DELETE), 2);
    assert_eq!(requests[0].path, "/test-bucket/app/_tx/1.json");
}
