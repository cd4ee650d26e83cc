//! What a scan costs: plain, with bodies that are kept, and with a snapshot. Requests and virtual time are exact, whatever the
//! machine.

use std::sync::Arc;

use futures::TryStreamExt;
use smarterbase::{Db, DbBuilder, Snapshots, prelude::*};
use smarterbase_core::{port::CasStore, store::MemoryStore};
use smarterbase_testkit::TestClock;
use tokio::time::Instant;

use crate::{
    documents::Plain,
    latency::list,
    measure::{row, table},
    paced::PacedStore,
};

/// How many documents are scanned: as many as a scan may by default.
const SCANNED: usize = 10_000;
/// One of so many is changed.
const CHANGED: usize = 100;
const BUDGET: u64 = 64 * 1024 * 1024;

/// Measures and prints scans of one collection, far away.
pub(crate) fn measure() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    runtime.block_on(run())
}

struct Place {
    memory: MemoryStore,
    clock: Arc<TestClock>,
}

impl Place {
    fn builder(&self) -> DbBuilder {
        Db::builder()
            .store(PacedStore::over(self.memory.clone()) as Arc<dyn CasStore>)
            .clock(self.clock.clone())
    }

    /// Opens a client; its first use of the type is not part of what is measured.
    async fn open(&self, builder: DbBuilder) -> anyhow::Result<Db> {
        let db = builder.open().await?;
        Plain::list(&db).page(1).await?;
        Ok(db)
    }

    async fn change(&self) -> anyhow::Result<()> {
        let db = Db::builder()
            .store(Arc::new(self.memory.clone()))
            .open()
            .await?;
        let all: Vec<_> = Plain::query(&db).scan().stream().try_collect().await?;
        for mut document in all.into_iter().step_by(CHANGED) {
            document.visits += 1;
            document.save(&db).await?;
        }
        Ok(())
    }
}

async fn print(name: &str, db: &Db) -> anyhow::Result<()> {
    let (before, start) = (db.request_counts().snapshot(), Instant::now());
    let count = Plain::query(db).scan().count().await?;
    anyhow::ensure!(count as usize == SCANNED, "{name}: {count}");
    let took = start.elapsed();
    let made = db.request_counts().snapshot() - before;
    row(&[
        name.to_owned(),
        list(&made),
        format!("{} ms", took.as_millis()),
        format!("{:.1} MB", made.bytes_in as f64 / 1e6),
    ]);
    Ok(())
}

async fn run() -> anyhow::Result<()> {
    let place = Place {
        memory: MemoryStore::new(),
        clock: Arc::new(TestClock::new()),
    };
    let db = Db::builder()
        .store(Arc::new(place.memory.clone()))
        .open()
        .await?;
    for created in Plain::create_many(&db, (0..SCANNED).map(Plain::numbered)).await? {
        created?;
    }
    table(
        &format!("A scan of {SCANNED} documents (GET 10 ms, LIST 25 ms; virtual time)"),
        &["Scan", "requests", "after", "read"],
    );
    let plain = place.open(place.builder()).await?;
    print("plain", &plain).await?;
    let keeping = place.open(place.builder().body_cache(BUDGET)).await?;
    print("with a body cache, the first", &keeping).await?;
    print("… again, nothing changed", &keeping).await?;
    place.change().await?;
    print("… again, 1 % changed", &keeping).await?;
    let packed = place
        .open(place.builder())
        .await?
        .pack_snapshot::<Plain>()
        .await?;
    let reading = || place.builder().snapshots(Snapshots::Read);
    let cold = place.open(reading()).await?;
    print("cold, with a snapshot", &cold).await?;
    place.change().await?;
    let cold = place.open(reading()).await?;
    print("… 1 % changed since", &cold).await?;
    let both = place.open(reading().body_cache(BUDGET)).await?;
    print("… and with a body cache, the first", &both).await?;
    print("… again", &both).await?;
    println!(
        "\nThe snapshot: {} segments, {:.1} MB.",
        packed.segments,
        packed.bytes as f64 / 1e6,
    );
    Ok(())
}
