//! Transactions that read and write two documents: per second and per transaction, beside the requests that they need, one
//! after the other by hand; alone, side by side, and all on the same two documents. On virtual time: exact.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use smarterbase::{Db, prelude::*};
use smarterbase_core::{
    format::Key,
    port::{Attempt, CasStore, Expect},
    store::MemoryStore,
};
use smarterbase_testkit::TestClock;
use tokio::time::Instant;

use crate::{
    documents::Plain,
    measure::{row, table},
    paced::PacedStore,
};

/// How many transactions each worker makes.
const EACH: usize = 12;

/// Measures and prints.
pub(crate) fn measure() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    runtime.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let raw = by_hand().await?;
    table(
        "Transactions of two documents, far away (GET 10 ms, PUT 20 ms; virtual time)",
        &[
            "Workers",
            "per second",
            "median",
            "slowest",
            "× by hand",
            "attempts per transaction",
            "gave up",
        ],
    );
    row(&[
        "the requests by hand, 1".to_owned(),
        format!("{:.1}", 1.0 / raw.as_secs_f64()),
        format!("{} ms", raw.as_millis()),
        format!("{} ms", raw.as_millis()),
        "1.00".to_owned(),
        "1.00".to_owned(),
        "0".to_owned(),
    ]);
    for (name, workers, documents) in [
        ("alone, 1", 1, 2),
        ("disjoint, 8", 8, 16),
        ("disjoint, 32", 32, 64),
        ("hot, 8 on the same two", 8, 2),
        ("hot, 32 on the same two", 32, 2),
    ] {
        print(name, workers, documents, raw).await?;
    }
    Ok(())
}

/// What a transaction of two documents must ask for before its reply: two reads, two puts side by side, the record.
async fn by_hand() -> anyhow::Result<Duration> {
    let store = PacedStore::over(MemoryStore::new());
    let keys = ["a", "b"].map(Key::from_stored);
    let mut versions = Vec::new();
    for key in &keys {
        let put = store.put(key, &Expect::Absent, body()).await;
        let Attempt::Applied(version) = put else {
            anyhow::bail!("a create in memory failed: {put:?}");
        };
        versions.push(version);
    }
    let begun = Instant::now();
    for key in &keys {
        store.get(key).await?;
    }
    let [one, other] = [0, 1].map(|number| Expect::Exactly(versions[number].clone()));
    futures::future::join(
        store.put(&keys[0], &one, body()),
        store.put(&keys[1], &other, body()),
    )
    .await;
    store
        .put(&Key::from_stored("record"), &Expect::Absent, body())
        .await;
    Ok(begun.elapsed())
}

fn body() -> Bytes {
    Bytes::from_static(b"{}")
}

async fn print(name: &str, workers: usize, documents: usize, raw: Duration) -> anyhow::Result<()> {
    let store = PacedStore::over(MemoryStore::new());
    let clock = Arc::new(TestClock::new());
    let db = Db::builder().store(store).clock(clock).open().await?;
    let mut ids = Vec::new();
    for created in Plain::create_many(&db, (0..documents).map(Plain::numbered)).await? {
        ids.push(created?.id);
    }
    let begun = Instant::now();
    let work = (0..workers).map(|worker| {
        let place = (worker * 2) % documents;
        work(&db, [ids[place], ids[place + 1]])
    });
    let times = futures::future::try_join_all(work).await?;
    let took = begun.elapsed();
    let counts = db.transaction_counts();
    db.close().await;
    let mut times: Vec<Duration> = times.into_iter().flatten().collect();
    times.sort();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    let done = times.len() as f64;
    row(&[
        name.to_owned(),
        format!("{:.1}", done / took.as_secs_f64()),
        format!("{} ms", median.as_millis()),
        format!("{} ms", slowest.as_millis()),
        format!("{:.2}", median.as_secs_f64() / raw.as_secs_f64()),
        format!("{:.2}", (done + counts.conflicts as f64) / done),
        (workers * EACH - times.len()).to_string(),
    ]);
    Ok(())
}

/// One worker; how long each of its transactions took.
async fn work(db: &Db, ids: [Id<Plain>; 2]) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..EACH {
        let begun = Instant::now();
        let done = db.transaction(|tx| async move {
            for id in ids {
                let mut document = Plain::get(&tx, &id).required().await?;
                document.visits += 1;
                document.save(&tx).await?;
            }
            Ok(())
        });
        match done.await {
            Ok(()) => times.push(begun.elapsed()),
            // On a hot document others may keep winning for as long as a transaction tries.
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(times)
}
