//! LIST: pages, order, prefixes, and what it tells of each object.

use http::Method;
use smarterbase_core::port::CasStore;
use smarterbase_testkit::server::{in_process::InProcessS3, s3::BUCKET};

use crate::place::{create, in_process, key, prefix};

#[tokio::test]
async fn pages_follow_each_other_in_path_order() {
    let s3 = InProcessS3::new();
    let store = in_process(&s3);
    for number in 0..25 {
        s3.memory()
            .put(BUCKET, &format!("app/users/{number:02}.json"), "{}");
    }
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = store
            .list(&prefix("users/"), after.as_ref(), 10)
            .await
            .unwrap();
        listed.extend(page.objects.iter().map(|object| object.key.to_string()));
        after = page.objects.last().map(|object| object.key.clone());
        if !page.has_more {
            break;
        }
        assert_eq!(page.objects.len(), 10);
    }
    let expected: Vec<_> = (0..25)
        .map(|number| format!("users/{number:02}.json"))
        .collect();
    assert_eq!(listed, expected);
    assert_eq!(s3.requests().count_of(&Method::GET), 3);
}

#[tokio::test]
async fn a_full_last_page_has_no_more() {
    let s3 = InProcessS3::new();
    let store = in_process(&s3);
    for number in 0..4 {
        s3.memory()
            .put(BUCKET, &format!("app/users/{number}.json"), "{}");
    }
    let page = store.list(&prefix("users/"), None, 4).await.unwrap();
    assert_eq!((page.objects.len(), page.has_more), (4, false));
    let rest = store
        .list(&prefix("users/"), Some(&key("users/3.json")), 4)
        .await
        .unwrap();
    assert_eq!((rest.objects.len(), rest.has_more), (0, false));
}

#[tokio::test]
async fn a_thousand_objects_are_one_request() {
    let s3 = InProcessS3::new();
    let store = in_process(&s3);
    for number in 0..1_500 {
        s3.memory()
            .put(BUCKET, &format!("app/users/{number:04}.json"), "{}");
    }
    let page = store.list(&prefix("users/"), None, 1_000).await.unwrap();
    assert_eq!((page.objects.len(), page.has_more), (1_000, true));
    assert_eq!(s3.requests().count(), 1);
}

#[tokio::test]
async fn a_prefix_ends_where_it_says() {
    let s3 = InProcessS3::new();
    let store = in_process(&s3);
    // A neighbour of the root, a neighbour of the prefix, and the marker that consoles make for folders.
    for stored in [
        "apple/users/1.json",
        "app/users2/1.json",
        "app/users/",
        "app/users/1.json",
    ] {
        s3.memory().put(BUCKET, stored, "{}");
    }
    let below = |page: smarterbase_core::port::ListPage| -> Vec<String> {
        page.objects
            .iter()
            .map(|object| object.key.to_string())
            .collect()
    };
    let users = store.list(&prefix("users/"), None, 100).await.unwrap();
    assert_eq!(below(users), ["users/1.json"]);
    let all = store.list(&prefix(""), None, 100).await.unwrap();
    assert!(!below(all).iter().any(|key| key.contains("apple")));
}

#[tokio::test]
async fn a_list_tells_version_size_and_time() {
    let store = in_process(&InProcessS3::new());
    let version = create(&store, "users/1.json", "{\"a\":1}").await;
    let page = store.list(&prefix("users/"), None, 1).await.unwrap();
    assert_eq!(page.objects[0].version, version);
    assert_eq!(page.objects[0].size, 7);
    assert!(page.objects[0].last_modified.is_some());
}

#[tokio::test]
async fn s23_paths_are_taken_as_they_are() {
    let s3 = InProcessS3::new();
    let store = in_process(&s3).with_conditional_delete(true);
    let path = "users/a%2fb%20c.json!4-x~";
    let version = create(&store, path, "{}").await;
    assert_eq!(s3.memory().keys(BUCKET), [format!("app/{path}")]);
    assert_eq!(
        store.get(&key(path)).await.unwrap().unwrap().version,
        version
    );
    let page = store.list(&prefix("users/"), None, 10).await.unwrap();
    assert_eq!(page.objects[0].key, key(path));
    let deleted = store.delete_if(&key(path), &version).await;
    assert!(
        matches!(deleted, smarterbase_core::port::Attempt::Applied(_)),
        "{deleted:?}"
    );
    create(&store, path, "{}").await;
    store.delete_retired(&key(path)).await.unwrap();
    assert!(s3.memory().keys(BUCKET).is_empty());
}
