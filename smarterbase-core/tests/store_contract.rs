//! The stores of this crate keep the promises of the port.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use smarterbase_core::{
    port::CasStore,
    store::{FileOptions, FileStore, MemoryStore},
};
use smarterbase_testkit::{contract::store::Fixture, store_contract};

async fn folder(fsync: bool) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let options = FileOptions {
        fsync,
        ..FileOptions::default()
    };
    let store = FileStore::open(folder.path(), options).await.unwrap();
    Fixture::new(Arc::new(store), folder)
}

store_contract!(memory, async || Arc::new(MemoryStore::new())
    as Arc<dyn CasStore>);
store_contract!(filesystem, async || folder(true).await);
store_contract!(filesystem_without_fsync, async || folder(false).await);
