//! Stores to test on.

use smarterbase_core::{
    document::Version,
    format::{Key, Prefix},
    port::{Attempt, CasStore, Expect, Object},
};
use smarterbase_s3::{Credentials, ObjectStorage, ObjectStoreOptions};
use smarterbase_testkit::server::{
    in_process::InProcessS3,
    s3::{ACCESS_KEY, S3Server, SECRET_KEY},
};

/// The prefix of every store here, so that a forgotten prefix shows.
pub(crate) const ROOT: &str = "app";

/// Options for a server of ours over TCP.
pub(crate) fn options(server: &S3Server) -> ObjectStoreOptions {
    with_our_key(&server.url(ROOT))
}

/// Options for the S3 without a socket.
pub(crate) fn options_in_process(s3: &InProcessS3) -> ObjectStoreOptions {
    with_our_key("s3://test-bucket/app?endpoint=http://s3.test&region=us-east-1")
        .with_http_connector(s3.clone())
}

pub(crate) fn in_process(s3: &InProcessS3) -> ObjectStorage {
    options_in_process(s3).connect().unwrap()
}

fn with_our_key(url: &str) -> ObjectStoreOptions {
    ObjectStoreOptions::from_url(url)
        .unwrap()
        .with_credentials(Credentials::access_key(ACCESS_KEY, SECRET_KEY))
}

pub(crate) fn key(path: &str) -> Key {
    Key::from_stored(path)
}

pub(crate) fn prefix(path: &str) -> Prefix {
    Prefix::new(path)
}

/// Creates an object that is not there.
pub(crate) async fn create(store: &dyn CasStore, path: &str, body: &str) -> Version {
    match store
        .put(&key(path), &Expect::Absent, body.to_owned().into())
        .await
    {
        Attempt::Applied(version) => version,
        other => panic!("{path} was not created: {other:?}"),
    }
}

/// One attempt to replace an object.
pub(crate) async fn replace(
    store: &dyn CasStore,
    path: &str,
    version: &Version,
    body: &str,
) -> Attempt {
    let expect = Expect::Exactly(version.clone());
    store.put(&key(path), &expect, body.to_owned().into()).await
}

pub(crate) async fn read(store: &dyn CasStore, path: &str) -> Option<Object> {
    store.get(&key(path)).await.unwrap()
}
