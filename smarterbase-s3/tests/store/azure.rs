//! Azure Blob Storage, from a script: the requests that are sent and what the documented replies become.
//!
//! Replies as in <https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-error-codes>.

use http::Method;
use smarterbase_core::{
    document::Version,
    port::{Attempt, CasStore, Changed, Expect, StoreErrorKind},
};
use smarterbase_s3::{Credentials, ObjectStorage, ObjectStoreOptions};

use crate::{
    place::{key, prefix},
    script::{Reply, Script, reply},
};

const PATH: &str = "users/a%2f1.json";
const URL: &str = "https://account.blob.core.windows.net/container/app/users/a%252f1.json";
/// `secret` in base64.
const ACCOUNT_KEY: &str = "c2VjcmV0";

fn with(script: &Script, credentials: Credentials) -> ObjectStorage {
    ObjectStoreOptions::from_url("az://account/container/app")
        .unwrap()
        .with_credentials(credentials)
        .with_conditional_delete(true)
        .with_http_connector(script.clone())
        .connect()
        .unwrap()
}

fn store(script: &Script) -> ObjectStorage {
    with(script, Credentials::account_key(ACCOUNT_KEY))
}

fn version() -> Version {
    Version::from_e_tag("\"0x8D\"")
}

fn error(status: u16, code: &str) -> Reply {
    reply(status).header("x-ms-error-code", code)
}

#[tokio::test]
async fn a_create_expects_nothing() {
    let script = Script::of([reply(201).header("etag", "\"0x8D\"")]);
    let attempt = store(&script)
        .put(&key(PATH), &Expect::Absent, "{}".into())
        .await;
    assert!(matches!(attempt, Attempt::Applied(found) if found == version()));
    let sent = script.request();
    assert_eq!((sent.method.clone(), sent.url.as_str()), (Method::PUT, URL));
    assert_eq!(sent.header("if-none-match"), "*");
    assert_eq!(sent.header("x-ms-blob-type"), "BlockBlob");
}

#[tokio::test]
async fn an_update_expects_the_tag() {
    let script = Script::of([reply(201).header("etag", "\"0x8E\"")]);
    let expect = Expect::Exactly(version());
    let attempt = store(&script).put(&key(PATH), &expect, "{}".into()).await;
    assert!(matches!(attempt, Attempt::Applied(found) if found == Version::from_e_tag("\"0x8E\"")));
    assert_eq!(script.request().header("if-match"), "\"0x8D\"");
}

#[tokio::test]
async fn a_get_revalidates_by_tag() {
    let script = Script::of([
        reply(200).header("etag", "\"0x8D\"").body("{}"),
        error(304, "ConditionNotMet"),
        error(404, "BlobNotFound"),
    ]);
    let store = store(&script);
    let object = store.get(&key(PATH)).await.unwrap().unwrap();
    assert_eq!(object.version, version());
    let same = store.get_if_changed(&key(PATH), &version()).await.unwrap();
    assert!(matches!(same, Changed::Unchanged), "{same:?}");
    let gone = store.get_if_changed(&key(PATH), &version()).await.unwrap();
    assert!(matches!(gone, Changed::Gone), "{gone:?}");
    assert_eq!(script.requests()[1].header("if-none-match"), "\"0x8D\"");
}

#[tokio::test]
async fn a_list_that_starts_too_early_is_cut() {
    // Tags have no quotes in a list, and a service that does not know `startFrom` begins at the beginning.
    let page = |names: &[&str], next: &str| {
        let blob = |name: &&str| {
            format!(
                "<Blob><Name>app/{name}</Name><Properties><Last-Modified>Fri, 20 Nov 2026 12:00:00 GMT</Last-Modified>\
                 <Content-Length>2</Content-Length><Content-Type>application/json</Content-Type><Etag>0x8D</Etag></Properties></Blob>"
            )
        };
        let blobs: String = names.iter().map(blob).collect();
        let body = format!(
            "<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"
        );
        reply(200).body(&body)
    };
    let script = Script::of([
        page(&["users/1.json", "users/2.json"], "more"),
        page(&["users/3.json", "users/4.json"], "even-more"),
    ]);
    let listed = store(&script)
        .list(&prefix("users/"), Some(&key("users/2.json")), 2)
        .await
        .unwrap();
    let keys: Vec<_> = listed
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect();
    assert_eq!(
        (keys.as_slice(), listed.has_more),
        (["users/3.json", "users/4.json"].as_slice(), true)
    );
    assert_eq!(listed.objects[0].version, version());
    assert!(
        script.requests()[0]
            .url
            .contains("startFrom=app%2Fusers%2F2.json")
    );
    assert!(script.requests()[1].url.contains("marker=more"));
}

#[tokio::test]
async fn a_conditional_delete_is_signed_with_every_kind_of_credential() {
    let shared_signature = "sv=2023-11-03&sig=c2lnbmF0dXJl";
    for (credentials, query, authorization) in [
        (Credentials::account_key(ACCOUNT_KEY), "sig=", ""),
        (
            Credentials::sas_token(shared_signature),
            "sig=c2lnbmF0dXJl",
            "",
        ),
        (
            Credentials::bearer_token("secret-token"),
            "",
            "Bearer secret-token",
        ),
    ] {
        let script = Script::of([error(412, "ConditionNotMet"), reply(202)]);
        let store = with(&script, credentials);
        let late = store
            .delete_if(&key(PATH), &Version::from_e_tag("\"0x8C\""))
            .await;
        assert!(matches!(late, Attempt::Rejected), "{late:?}");
        let deleted = store.delete_if(&key(PATH), &version()).await;
        assert!(matches!(deleted, Attempt::Applied(_)), "{deleted:?}");
        let sent = &script.requests()[1];
        assert_eq!(sent.method, Method::DELETE);
        assert_eq!(sent.url.split('?').next(), Some(URL));
        assert!(sent.url.contains(query), "{}", sent.url);
        assert_eq!(sent.header("if-match"), "\"0x8D\"");
        assert_eq!(sent.header("authorization"), authorization);
    }
}

#[tokio::test]
async fn replies_become_outcomes_without_a_signature_in_them() {
    let shared_signature = || Credentials::sas_token("sv=2023-11-03&sig=hunter2");
    let put = |status: u16, code: &'static str, expect: Expect| async move {
        let script = Script::of([error(status, code)]);
        let store = with(&script, shared_signature());
        store.put(&key(PATH), &expect, "{}".into()).await
    };
    let update = || Expect::Exactly(version());
    for (status, code, expect) in [
        (409, "BlobAlreadyExists", Expect::Absent),
        (412, "ConditionNotMet", update()),
        (404, "BlobNotFound", update()),
    ] {
        let attempt = put(status, code, expect).await;
        assert!(matches!(attempt, Attempt::Rejected), "{code}: {attempt:?}");
    }
    for (status, code, kind) in [
        (404, "ContainerNotFound", StoreErrorKind::NoSuchStore),
        (403, "AuthenticationFailed", StoreErrorKind::Denied),
        (413, "RequestBodyTooLarge", StoreErrorKind::Invalid),
    ] {
        match put(status, code, Expect::Absent).await {
            Attempt::Refused(error) => {
                assert_eq!(error.kind, kind, "{code}");
                assert!(error.message.contains(code), "{error}");
                assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            }
            other => panic!("{code}: {other:?}"),
        }
    }
    match put(503, "ServerBusy", update()).await {
        Attempt::Unknown(error) => assert_eq!(error.kind, StoreErrorKind::Throttled),
        other => panic!("{other:?}"),
    }
}

/// `object_store` would send a batch, which needs other permissions and hides the blob's status.
#[tokio::test]
async fn a_retired_name_is_deleted_by_one_plain_delete() {
    let script = Script::of([
        reply(202),
        error(404, "BlobNotFound"),
        error(403, "AuthorizationPermissionMismatch"),
        error(404, "ContainerNotFound"),
    ]);
    let store = store(&script);
    store.delete_retired(&key(PATH)).await.unwrap();
    store.delete_retired(&key(PATH)).await.unwrap();
    let denied = store.delete_retired(&key(PATH)).await.unwrap_err();
    assert_eq!(denied.kind, StoreErrorKind::Denied);
    let nowhere = store.delete_retired(&key(PATH)).await.unwrap_err();
    assert_eq!(nowhere.kind, StoreErrorKind::NoSuchStore);
    for sent in script.requests() {
        assert_eq!(sent.method, Method::DELETE);
        assert_eq!(sent.url.split('?').next(), Some(URL));
        assert_eq!(sent.header("if-match"), "");
    }
}
