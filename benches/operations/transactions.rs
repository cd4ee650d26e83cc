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
    for contest in [
        Contest::new("alone, 1", 1, 2),
        Contest::new("disjoint, 8", 8, 16),
        Contest::new("disjoint, 32", 32, 64),
        Contest::new("hot, 8 on the same two", 8, 2),
        Contest::new("hot, 32 on the same two", 32, 2),
        Contest::new("hot, 8 programs on the same two", 8, 2).apart(),
        Contest::new("hot, 32 programs on the same two", 32, 2).apart(),
    ] {
        contest.print(raw).await?;
    }
    Ok(())
}

/// Who meets whom.
struct Contest {
    name: &'static str,
    workers: usize,
    documents: usize,
    /// Whether every worker has a handle of its own, as a program of its own has.
    are_apart: bool,
}

impl Contest {
    fn new(name: &'static str, workers: usize, documents: usize) -> Self {
        Self {
            name,
            workers,
            documents,
            are_apart: false,
        }
    }

    fn apart(self) -> Self {
        Self {
            are_apart: true,
            ..self
        }
    }

    async fn print(&self, raw: Duration) -> anyhow::Result<()> {
        let store = PacedStore::over(MemoryStore::new());
        let clock = Arc::new(TestClock::new());
        let handles = if self.are_apart { self.workers } else { 1 };
        let mut programs = Vec::new();
        for _ in 0..handles {
            let builder = Db::builder().store(store.clone());
            programs.push(builder.clock(clock.clone()).open().await?);
        }
        let mut ids = Vec::new();
        let plain = (0..self.documents).map(Plain::numbered);
        for created in Plain::create_many(&programs[0], plain).await? {
            ids.push(created?.id);
        }
        let begun = Instant::now();
        let work = (0..self.workers).map(|worker| {
            let place = (worker * 2) % self.documents;
            work(&programs[worker % handles], [ids[place], ids[place + 1]])
        });
        let times = futures::future::try_join_all(work).await?;
        let took = begun.elapsed();
        let counts = programs.iter().map(Db::transaction_counts);
        let conflicts: u64 = counts.map(|counts| counts.conflicts).sum();
        futures::future::join_all(programs.into_iter().map(Db::close)).await;
        self.print_row(times.into_iter().flatten().collect(), took, conflicts, raw);
        Ok(())
    }

    fn print_row(&self, mut times: Vec<Duration>, took: Duration, conflicts: u64, raw: Duration) {
        times.sort();
        let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
        let done = times.len() as f64;
        row(&[
            self.name.to_owned(),
            format!("{:.1}", done / took.as_secs_f64()),
            format!("{} ms", median.as_millis()),
            format!("{} ms", slowest.as_millis()),
            format!("{:.2}", median.as_secs_f64() / raw.as_secs_f64()),
            format!("{:.2}", (done + conflicts as f64) / done),
            (self.workers * EACH - times.len()).to_string(),
        ]);
    }
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
