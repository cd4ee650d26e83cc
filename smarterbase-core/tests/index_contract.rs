//! The index backends of the core keep every promise of the port.

use std::sync::Arc;

use smarterbase_core::{
    index::ObjectIndex,
    port::{IndexStore, SystemClock},
    store::MemoryStore,
};
use smarterbase_testkit::contract::index::torture::Tortured;

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
