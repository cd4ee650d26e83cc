//! What a stream holds: the only test of its process, since it looks at the memory of the whole process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(missing_docs, reason = "the documents of tests")]

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use smarterbase::{port::CasStore, prelude::*, store::MemoryStore};
use smarterbase_core::{format::Key, port::Expect};

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "readings")]
struct Reading {
    #[key]
    id: u64,
    #[index(range)]
    value: u32,
    text: String,
}

const DOCUMENTS: u64 = 100_000;
/// In KiB.
const MOST: u64 = 64 * 1024;

/// The memory of the process in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn filled() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    // The catalog is made before the documents, so that the store is as a program leaves it.
    let builder = smarterbase::Db::builder().store(store.clone());
    builder.open().await.unwrap().close().await;
    for id in 0..DOCUMENTS {
        let key = Key::from_stored(format!("readings/{id:020}.json"));
        let text = "x".repeat(100);
        let body = format!(r#"{{"id":{id},"value":{},"text":"{text}"}}"#, id % 1_000);
        store.put(&key, &Expect::Absent, body.into()).await;
    }
    store
}

#[tokio::test]
async fn a_stream_of_a_hundred_thousand_documents_stays_under_64_mib() {
    let store = filled().await;
    let db = smarterbase::Db::builder().store(store).read_only(true);
    let db = db.open().await.unwrap();
    let (before, mut most, mut count) = (resident(), 0, 0_u64);
    let mut readings = Reading::query(&db)
        .scan()
        .filter(|reading| reading.text.ne(""))
        .budget(usize::MAX)
        .stream();
    while let Some(reading) = readings.try_next().await.unwrap() {
        assert_eq!(reading.id, count, "in the order of ids");
        count += 1;
        if count.is_multiple_of(500) {
            most = most.max(resident().saturating_sub(before));
        }
    }
    drop(readings);
    assert_eq!(count, DOCUMENTS);
    assert!(most < MOST, "{most} KiB more than before the stream");
    let sorted = Reading::query(&db)
        .scan()
        .order_by(|reading| reading.value.desc())
        .budget(usize::MAX)
        .stream()
        .take(1_000)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    assert!(sorted.iter().all(|reading| reading.value >= 990));
}
