//! The index backend of empty objects keeps every promise of the port.

use std::sync::Arc;

use smarterbase_core::{
    index::ObjectIndex,
    port::{IndexStore, SystemClock},
    store::MemoryStore,
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
