//! Each deviant deviates in its one way, and the plain server does not.

use http::{Method, StatusCode, header};
use object_store::{
    ObjectStore, ObjectStoreExt, PutMode, UpdateVersion,
    aws::AmazonS3,
    path::Path,
    signer::{SignedUrlOptions, Signer},
};
use smarterbase_testkit::server::s3::{Quirk, S3Server};

const KEY: &str = "a.json";
const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

#[tokio::test]
async fn a_plain_server_holds_every_condition() {
    let server = S3Server::start().await.unwrap();
    let (store, version) = seeded(&server).await;
    assert!(matches!(
        create(&store).await,
        Err(object_store::Error::AlreadyExists { .. })
    ));
    assert!(matches!(
        update(&store, wrong()).await,
        Err(object_store::Error::Precondition { .. })
    ));
    assert_eq!(
        delete_if_match(&store, "\"wrong\"").await,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(body(&server), "seed");
    update(&store, version).await.unwrap();
    assert_eq!(body(&server), "updated");
}

#[tokio::test]
async fn updating_nothing_is_not_found() {
    let server = S3Server::start().await.unwrap();
    let (store, version) = seeded(&server).await;
    store.delete(&Path::from(KEY)).await.unwrap();
    assert!(matches!(
        update(&store, version).await,
        Err(object_store::Error::Precondition { .. })
    ));
    assert_eq!(
        delete_if_match(&store, "\"wrong\"").await,
        StatusCode::NOT_FOUND
    );
    assert!(server.memory().keys(server.bucket()).is_empty());
}

/// As on AWS, and the reason why every put of the engine carries a nonce.
#[tokio::test]
async fn equal_bodies_have_equal_tags_so_that_a_stale_tag_can_match() {
    let server = S3Server::start().await.unwrap();
    let (store, stale) = seeded(&server).await;
    update(&store, stale.clone()).await.unwrap();
    store.put(&Path::from(KEY), "seed".into()).await.unwrap();
    update(&store, stale).await.unwrap();
    assert_eq!(body(&server), "updated");
}

#[tokio::test]
async fn the_right_tag_deletes() {
    let server = S3Server::start().await.unwrap();
    let (store, version) = seeded(&server).await;
    assert_eq!(
        delete_if_match(&store, &version.e_tag.unwrap()).await,
        StatusCode::NO_CONTENT
    );
    assert!(server.memory().keys(server.bucket()).is_empty());
}

#[tokio::test]
async fn ignored_conditions_overwrite_and_delete() {
    let server = S3Server::start_with_quirk(Quirk::IgnoreConditions)
        .await
        .unwrap();
    let (store, _) = seeded(&server).await;
    create(&store).await.unwrap();
    assert_eq!(body(&server), "created");
    update(&store, wrong()).await.unwrap();
    assert_eq!(body(&server), "updated");
    assert_eq!(
        delete_if_match(&store, "\"wrong\"").await,
        StatusCode::NO_CONTENT
    );
    assert!(server.memory().keys(server.bucket()).is_empty());
}

#[tokio::test]
async fn an_ignored_conditional_delete_still_holds_puts() {
    let server = S3Server::start_with_quirk(Quirk::IgnoreConditionalDelete)
        .await
        .unwrap();
    let (store, _) = seeded(&server).await;
    assert!(matches!(
        update(&store, wrong()).await,
        Err(object_store::Error::Precondition { .. })
    ));
    assert_eq!(
        delete_if_match(&store, "\"wrong\"").await,
        StatusCode::NO_CONTENT
    );
    assert!(server.memory().keys(server.bucket()).is_empty());
}

#[tokio::test]
async fn a_server_that_wants_unquoted_tags_refuses_quoted_ones() {
    let server = S3Server::start_with_quirk(Quirk::UnquotedEtags)
        .await
        .unwrap();
    let (store, version) = seeded(&server).await;
    assert!(matches!(
        update(&store, version.clone()).await,
        Err(object_store::Error::Precondition { .. })
    ));
    let unquoted = version.e_tag.unwrap().trim_matches('"').to_owned();
    update(&store, tagged(&unquoted)).await.unwrap();
    assert_eq!(body(&server), "updated");
}

#[tokio::test]
async fn a_weak_tag_never_matches() {
    let server = S3Server::start_with_quirk(Quirk::WeakEtags).await.unwrap();
    let (store, version) = seeded(&server).await;
    assert!(version.e_tag.as_ref().unwrap().starts_with("W/\""));
    assert!(matches!(
        update(&store, version).await,
        Err(object_store::Error::Precondition { .. })
    ));
    assert_eq!(body(&server), "seed");
}

async fn seeded(server: &S3Server) -> (AmazonS3, UpdateVersion) {
    let store = server.client().build().unwrap();
    let version = store
        .put(&Path::from(KEY), "seed".into())
        .await
        .unwrap()
        .into();
    (store, version)
}

async fn create(store: &AmazonS3) -> object_store::Result<object_store::PutResult> {
    store
        .put_opts(&Path::from(KEY), "created".into(), PutMode::Create.into())
        .await
}

async fn update(
    store: &AmazonS3,
    version: UpdateVersion,
) -> object_store::Result<object_store::PutResult> {
    store
        .put_opts(
            &Path::from(KEY),
            "updated".into(),
            PutMode::Update(version).into(),
        )
        .await
}

/// `object_store` has no conditional delete, but it signs one.
async fn delete_if_match(store: &AmazonS3, tag: &str) -> StatusCode {
    let tag: http::HeaderValue = tag.parse().unwrap();
    let options = SignedUrlOptions::default().with_signed_header(header::IF_MATCH, tag.clone());
    let url = store
        .signed_url_opts(Method::DELETE, &Path::from(KEY), MINUTE, &options)
        .await
        .unwrap();
    let request = reqwest::Client::new()
        .delete(url)
        .header(header::IF_MATCH, tag);
    request.send().await.unwrap().status()
}

fn wrong() -> UpdateVersion {
    tagged("\"wrong\"")
}

fn tagged(tag: &str) -> UpdateVersion {
    UpdateVersion {
        e_tag: Some(tag.to_owned()),
        version: None,
    }
}

fn body(server: &S3Server) -> bytes::Bytes {
    server
        .memory()
        .object(server.bucket(), KEY)
        .expect("the object is there")
}
