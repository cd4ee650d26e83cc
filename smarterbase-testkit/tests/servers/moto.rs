//! The second opinion comes up and holds conditions too.

use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, path::Path};
use smarterbase_testkit::server::moto::Moto;

#[tokio::test]
async fn moto_starts_and_holds_conditions() {
    let Some(moto) = Moto::start().unwrap() else {
        return;
    };
    let store = moto.client().build().unwrap();
    let key = Path::from("a.json");
    store
        .put_opts(&key, "first".into(), PutMode::Create.into())
        .await
        .unwrap();
    let second = store
        .put_opts(&key, "second".into(), PutMode::Create.into())
        .await;
    assert!(matches!(second, Err(Error::AlreadyExists { .. })));
    assert_eq!(
        store.get(&key).await.unwrap().bytes().await.unwrap(),
        "first"
    );
}
