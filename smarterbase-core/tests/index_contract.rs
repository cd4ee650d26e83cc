//! The index backends of the core keep every promise of the port.

use std::sync::Arc;

use smarterbase_core::{
    document::KeyKind,
    index::ObjectIndex,
    port::{IndexStore, SystemClock},
    store::MemoryStore,
};
use smarterbase_testkit::contract::index::{
    rig::{self, Live, Rig},
    torture::Tortured,
};

async fn objects() -> Arc<dyn IndexStore> {
    Arc::new(ObjectIndex::new(
        Arc::new(MemoryStore::new()),
        Arc::new(SystemClock),
    ))
}

smarterbase_testkit::index_contract!(objects_in_memory, async || objects().await);

smarterbase_testkit::index_contract!(entries_in_memory, async || {
    Arc::new(smarterbase_testkit::MemoryIndex::new()) as Arc<dyn IndexStore>
});
smarterbase_testkit::index_torture!(objects_torture, async || {
    Tortured::without_manifests(objects().await)
});

/// The first page of a descent walks the whole range, the next ones what lies before the page before.
#[tokio::test]
async fn a_descent_walks_the_whole_range_once() {
    let index = objects().await;
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    for number in 0..6_500 {
        let value = rig::text(&format!("{:05}", number / 3));
        let id = rig::id(&format!("u{number:05}"));
        users.put(&id, &Live::none(), &[(0, value)]).await;
    }
    let mut expected = users.found(0).await;
    expected.reverse();
    for limit in [200, 1_000] {
        let (mut found, mut requests) = (Vec::new(), Vec::new());
        loop {
            let after = found.last().cloned();
            let page = users.page(0, &rig::all(), after, true, limit).await;
            found.extend(rig::pairs(&page));
            requests.push(page.requests);
            if !page.has_more {
                break;
            }
        }
        assert_eq!(found, expected);
        assert_eq!(requests[0], 7);
        let others = &requests[1..requests.len().min(4)];
        assert!(others.iter().all(|lists| *lists <= 3), "{requests:?}");
    }
    // Whoever goes meanwhile is not found, and nobody else is missed.
    let first = users.page(0, &rig::all(), None, true, 100).await;
    let mut after = rig::pairs(&first).pop();
    for number in (1_000..6_400).rev() {
        let id = rig::id(&format!("u{number:05}"));
        users.delete(&id, &users.live_of(&id)).await;
    }
    let mut found = Vec::new();
    while let Some(last) = after.take() {
        let page = users.page(0, &rig::all(), Some(last), true, 300).await;
        found.extend(rig::pairs(&page));
        after = found.last().cloned().filter(|_| page.has_more);
    }
    assert_eq!(found, expected[5_500..]);
}

#[cfg(feature = "local-index")]
mod local {
    use std::sync::Arc;

    use futures::FutureExt;
    use smarterbase_core::{
        index::{LocalIndex, LocalOptions},
        port::IndexStore,
    };
    use smarterbase_testkit::contract::index::{Fixture, torture::Tortured};

    async fn memory() -> Arc<dyn IndexStore> {
        let index = LocalIndex::in_memory(LocalOptions::default()).await;
        Arc::new(index.expect("an index in memory"))
    }

    async fn file() -> Fixture {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("index.redb");
        let index = LocalIndex::open(path, LocalOptions::default()).await;
        Fixture::new(Arc::new(index.expect("an index in a file")), folder)
    }

    async fn tortured() -> Tortured {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("index.redb");
        let index = LocalIndex::open(path, LocalOptions::default()).await;
        let index = index.expect("an index in a file");
        let dirty = index.clone();
        let dirty = move |collection, older_than, limit| {
            let index = dirty.clone();
            async move { index.dirty(&collection, older_than, limit).await }.boxed()
        };
        Tortured::new(Arc::new(index), dirty, folder)
    }

    smarterbase_testkit::index_torture!(local_torture, async || tortured().await);
    smarterbase_testkit::index_contract!(local_in_memory, async || memory().await);
    smarterbase_testkit::index_contract!(local_in_a_file, async || file().await);
}
