//! What every operation costs, beside the raw building blocks, in one run: `cargo bench --bench operations`.
//!
//! `-- --quick` takes less than a minute; `-- --migrations` measures only what older documents cost, `-- --locks` only locks, `-- --scans` only scans, `-- --counters` only counters and sequences,
//! and `-- --indexes` the index backends side by side (with the feature `local-index`). The output is Markdown; figures with the machine that made them are in
//! `docs/performance.md`. The run fails when wall time leaves the contract on virtual time, or when streaming many
//! documents takes more memory than streaming few: neither depends on the machine. CPU time is printed, not judged.

#![allow(missing_docs, reason = "a program")]
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

mod blocks;
mod counters;
mod documents;
#[cfg(feature = "local-index")]
mod indexes;
mod latency;
mod locks;
mod measure;
mod memory;
mod migrations;
mod operations;
mod paced;
mod scans;
mod sizes;
mod transactions;

use bytes::Bytes;
use smarterbase::{Db, prelude::*};
use smarterbase_core::{port::CasStore, store::MemoryStore};

use crate::{documents::Plain, measure::Effort};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if !has("--bench") {
        println!("nothing was measured: run `cargo bench --bench operations`");
        return Ok(());
    }
    let effort = Effort {
        is_quick: has("--quick"),
    };
    // One thread: what is printed is the engine's work, not the scheduler's.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if let Some(position) = arguments
        .iter()
        .position(|argument| argument == memory::CHILD)
    {
        let documents = arguments[position + 1].parse()?;
        return runtime.block_on(async { memory::stream(documents, stored_object().await?).await });
    }
    if has("--counters") {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        runtime.block_on(counters::measure(effort, folder.path()))?;
        return counters::measure_far_away();
    }
    #[cfg(feature = "local-index")]
    if has("--indexes") {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        return runtime.block_on(indexes::measure(effort, folder.path()));
    }
    if has("--migrations") {
        return runtime.block_on(migrations::measure(effort));
    }
    if has("--scans") {
        return scans::measure();
    }
    if has("--locks") {
        runtime.block_on(run_locks(effort))?;
        return locks::measure_far_away();
    }
    runtime.block_on(run(effort))?;
    latency::measure()?;
    scans::measure()?;
    locks::measure_far_away()?;
    transactions::measure()?;
    counters::measure_far_away()?;
    memory::measure()
}

async fn run(effort: Effort) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let blocks = blocks::measure(effort, folder.path(), &stored_object().await?.1).await?;
    migrations::measure(effort).await?;
    operations::measure(effort, folder.path(), &blocks).await?;
    locks::measure(effort, folder.path()).await?;
    counters::measure(effort, folder.path()).await?;
    sizes::measure(effort, folder.path()).await
}

async fn run_locks(effort: Effort) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    locks::measure(effort, folder.path()).await
}

/// A document's id, and its bytes as the engine stores them.
async fn stored_object() -> anyhow::Result<(Id<Plain>, Bytes)> {
    let store = MemoryStore::new();
    let db = Db::builder()
        .store(std::sync::Arc::new(store.clone()))
        .open()
        .await?;
    let created = Plain::create(&db, Plain::numbered(7)).await?;
    let key = smarterbase_core::format::Key::from_stored(format!("plain/{}.json", created.id));
    let object = store.get(&key).await?.expect("it was just created");
    Ok((created.id, object.bytes))
}
