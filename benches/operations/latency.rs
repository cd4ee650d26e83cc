//! Wall time against depth × latency, and the requests of every operation, on virtual time: exact, whatever the machine.

use std::{sync::Arc, time::Duration};

use futures::TryStreamExt;
use smarterbase::{Db, prelude::*};
use smarterbase_core::store::{MemoryStore, Requests};
use smarterbase_testkit::TestClock;
use tokio::time::{Instant, sleep};

use crate::{
    documents::{Claimed, Indexed, Plain, Plan},
    measure::{row, table},
    operations::HITS,
    paced::{GET, LIST, PUT, PacedStore},
};

/// How many documents are streamed: more than one LIST page.
const STREAMED: usize = 2_500;
/// The contract: wall time is within 10 % of depth × latency. Virtual time has no noise, so more fails the run.
const MOST_OVER: f64 = 1.1;
/// `Limits::concurrent_reads`.
const WAVE: usize = 32;

/// Measures and prints every operation far away, with object indexes.
pub(crate) fn measure() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    runtime.block_on(run())
}

struct Far {
    db: Db,
}

impl Far {
    /// Runs one operation and prints it beside what its depth allows.
    async fn print<R>(
        &self,
        name: &str,
        depth: &str,
        expected: Duration,
        run: impl Future<Output = smarterbase::Result<R>>,
    ) -> anyhow::Result<R> {
        let (before, start) = (self.db.request_counts().snapshot(), Instant::now());
        let result = run.await?;
        let took = start.elapsed();
        // What goes on after the reply belongs to the operation as well.
        sleep(Duration::from_millis(500)).await;
        let requests = self.db.request_counts().snapshot() - before;
        row(&[
            name.to_owned(),
            format!("{:.2}", took.as_secs_f64() / expected.as_secs_f64()),
            format!("{} ms", took.as_millis()),
            depth.to_owned(),
            list(&requests),
        ]);
        let ratio = took.as_secs_f64() / expected.as_secs_f64();
        anyhow::ensure!(
            ratio <= MOST_OVER,
            "{name} took {took:?}, its depth allows {expected:?}"
        );
        Ok(result)
    }
}

pub(crate) fn list(requests: &Requests) -> String {
    let kinds = [
        (requests.gets, "GET"),
        (requests.puts(), "PUT"),
        (requests.lists, "LIST"),
        (requests.deletes + requests.conditional_deletes, "DELETE"),
    ];
    let made = kinds.iter().filter(|(count, _)| *count > 0);
    let made: Vec<String> = made
        .map(|(count, kind)| format!("{count} {kind}"))
        .collect();
    made.join(" + ")
}

async fn run() -> anyhow::Result<()> {
    let store = PacedStore::over(MemoryStore::new());
    let clock = Arc::new(TestClock::new());
    let db = Db::builder().store(store).clock(clock).open().await?;
    prepare(&db).await?;
    let far = Far { db: db.clone() };
    table(
        "Operations, far away (GET 10 ms, PUT 20 ms, LIST 25 ms; virtual time; object indexes)",
        &[
            "Operation",
            "× depth × latency",
            "reply after",
            "depth",
            "requests, also after the reply",
        ],
    );
    writes(&far).await?;
    reads(&far).await?;
    db.close().await;
    Ok(())
}

/// The first use of a collection makes its catalog; documents to find are made as well.
async fn prepare(db: &Db) -> anyhow::Result<()> {
    Claimed::create(db, Claimed::numbered(0)).await?;
    for (hits, visits) in HITS {
        let documents = (0..hits).map(|number| Indexed {
            visits,
            ..Indexed::numbered(number)
        });
        for created in Indexed::create_many(db, documents).await? {
            created?;
        }
    }
    for created in Plain::create_many(db, (0..STREAMED).map(Plain::numbered)).await? {
        created?;
    }
    Ok(())
}

async fn writes(far: &Far) -> anyhow::Result<()> {
    let db = &far.db;
    freshen(db).await?;
    far.print("create, no index", "PUT", PUT, async {
        Plain::create(db, Plain::numbered(1)).await
    })
    .await?;
    let create = async { Indexed::create(db, Indexed::numbered(1)).await };
    let mut document = far
        .print("create, 3 indexes", "PUT, PUT", PUT * 2, create)
        .await?;
    freshen(db).await?;
    let create = async { Claimed::create(db, Claimed::numbered(1)).await };
    far.print("create, 1 unique field", "PUT, PUT", PUT * 2, create)
        .await?;
    document.name = "Another".into();
    far.print("save, no changed index", "PUT", PUT, async {
        document.save(db).await
    })
    .await?;
    document.plan = Plan::Team;
    far.print("save, 1 changed index", "PUT, PUT", PUT * 2, async {
        document.save(db).await
    })
    .await
}

async fn reads(far: &Far) -> anyhow::Result<()> {
    let db = &far.db;
    freshen(db).await?;
    let id = Plain::create(db, Plain::numbered(1)).await?.id;
    far.print("get", "GET", GET, async {
        Plain::get(db, &id).required().await
    })
    .await?;
    freshen(db).await?;
    let find = async { Claimed::find_by_email(db, "person-1@example.org").await };
    far.print("find by unique", "GET, GET", GET * 2, find)
        .await?;
    for (hits, visits) in HITS {
        freshen(db).await?;
        let waves = u32::try_from(hits.div_ceil(WAVE))?;
        let find = async { Indexed::find_by_visits(db, visits).await };
        far.print(
            &format!("find by index, {hits} hits"),
            &format!("LIST, {waves} × GET"),
            LIST + GET * waves,
            find,
        )
        .await?;
    }
    freshen(db).await?;
    let documents = STREAMED + 3; // Three more were made above.
    let waves = u32::try_from(documents.div_ceil(WAVE))?;
    let stream = async {
        Plain::list(db)
            .stream()
            .try_fold(0, async |count, _| Ok(count + 1))
            .await
    };
    // The LISTs overlap with the reads, but for the first.
    let seen = far
        .print(
            &format!("stream of {documents}"),
            &format!("LIST, {waves} × GET"),
            LIST + GET * waves,
            stream,
        )
        .await?;
    anyhow::ensure!(seen == documents, "{seen} of {documents} documents");
    Ok(())
}

/// Reads every catalog anew, so that none is due in the background of what is measured.
async fn freshen(db: &Db) -> anyhow::Result<()> {
    sleep(Duration::from_secs(10)).await;
    Indexed::find_by_visits(db, 0).await?;
    Claimed::find_by_email(db, "nobody@example.org").await?;
    // Where nothing is looked up, the catalog is only read to write.
    let id = Id::from_uuid(uuid::Uuid::from_u128(1));
    Plain::overwrite(
        db,
        Plain {
            id,
            ..Plain::numbered(0)
        },
    )
    .await?;
    sleep(Duration::from_millis(200)).await;
    Ok(())
}
