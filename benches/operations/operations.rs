//! Every operation through the whole engine, on stores of this machine.

use std::{path::Path, sync::Arc};

use smarterbase::{Db, prelude::*};
use smarterbase_core::{
    port::CasStore,
    store::{FileOptions, FileStore, MemoryStore},
};
use smarterbase_redis::{RedisIndex, RedisOptions};
use smarterbase_testkit::server::redis::RedisServer;

use crate::{
    blocks::{Blocks, Calls},
    documents::{Claimed, Indexed, Plain, Plan},
    measure::{Effort, Took, each, row, table, tiny_async},
};

/// How many documents a finder has to find, and the `visits` that they share.
pub(crate) const HITS: [(usize, u32); 3] = [(1, 1_000_001), (20, 1_000_020), (100, 1_000_100)];
/// How many documents a scan reads.
const SCANNED: usize = 1_000;

/// Measures and prints every operation on one store after the other.
pub(crate) async fn measure(effort: Effort, folder: &Path, blocks: &Blocks) -> anyhow::Result<()> {
    let memory = || Arc::new(MemoryStore::new()) as Arc<dyn CasStore>;
    on(
        "memory",
        effort,
        effort.of(3_000),
        open(memory(), None).await?,
        blocks,
        blocks.memory,
    )
    .await?;

    let server = RedisServer::start(&[])?;
    let redis = RedisIndex::open(RedisOptions::from_url(&server.url())?).await?;
    let db = open(memory(), Some(redis)).await?;
    on(
        "memory, indexes in Redis on loopback",
        effort,
        effort.of(3_000),
        db,
        blocks,
        blocks.memory,
    )
    .await?;

    for (name, fsync, runs, block) in [
        (
            "filesystem, fsync off",
            false,
            effort.of(1_000),
            blocks.unsynced,
        ),
        ("filesystem, fsync on", true, effort.of(200), blocks.synced),
    ] {
        let options = FileOptions {
            fsync,
            ..FileOptions::default()
        };
        let store = FileStore::open(folder.join(format!("operations-{fsync}")), options).await?;
        on(
            name,
            effort,
            runs,
            open(Arc::new(store), None).await?,
            blocks,
            block,
        )
        .await?;
    }
    Ok(())
}

pub(crate) async fn open(
    store: Arc<dyn CasStore>,
    index: Option<RedisIndex>,
) -> anyhow::Result<Db> {
    let builder = Db::builder().store(store);
    Ok(match index {
        Some(index) => builder.index(Arc::new(index)),
        None => builder,
    }
    .open()
    .await?)
}

/// One table. `against` are the read and the write of the same store without the engine.
async fn on(
    store: &str,
    effort: Effort,
    runs: usize,
    db: Db,
    blocks: &Blocks,
    against: Calls,
) -> anyhow::Result<()> {
    table(
        &format!("Operations, {store}"),
        &["Operation", "× store", "median (p95)", "× `from_slice`"],
    );
    let print = |name: &str, took: Took, block: Took| {
        row(&[
            name.to_owned(),
            format!("{:.1}", took.over(block)),
            took.to_string(),
            format!("{:.1}", took.over(blocks.parse)),
        ]);
    };

    let id = Plain::create(&db, Plain::numbered(0)).await?.id;
    let get = tiny_async(effort.of(500).min(runs), async || {
        Plain::get(&db, &id)
            .await
            .expect("the store answers")
            .expect("it was created")
    })
    .await;
    print("get", get, against.get);

    let create = each(runs, async |number| {
        Plain::create(&db, Plain::numbered(number))
            .await
            .expect("it is new")
    })
    .await;
    print("create, no index", create, against.create);
    let create = each(runs, async |number| {
        Indexed::create(&db, Indexed::numbered(number))
            .await
            .expect("it is new")
    });
    print("create, 3 indexes", create.await, against.create);
    let create = each(runs, async |number| {
        Claimed::create(&db, Claimed::numbered(number))
            .await
            .expect("it is new")
    });
    print("create, 1 unique field", create.await, against.create);

    let mut document = Indexed::create(&db, Indexed::numbered(0)).await?;
    let save = each(runs, async |number| {
        document.name = format!("Name {number}");
        document.save(&db).await.expect("nobody else writes it");
    });
    print("save, no changed index", save.await, against.swap);
    let save = each(runs, async |number| {
        document.plan = if number % 2 == 0 {
            Plan::Team
        } else {
            Plan::Free
        };
        document.save(&db).await.expect("nobody else writes it");
    });
    print("save, 1 changed index", save.await, against.swap);

    let find = tiny_async(effort.of(100).min(runs), async || {
        let found = Claimed::find_by_email(&db, "PERSON-1@example.org")
            .await
            .expect("the store answers");
        found.expect("it was created")
    });
    print("find by unique", find.await, against.get);
    for (hits, visits) in HITS {
        create_hits(&db, hits, visits).await?;
        let find = each(effort.of(200), async |_| {
            let found = Indexed::find_by_visits(&db, visits)
                .await
                .expect("the store answers");
            assert_eq!(found.len(), hits);
        });
        print(
            &format!("find by index, {hits} hits"),
            find.await,
            against.get,
        );
    }
    let scan = scan(effort, &db).await?;
    print(&format!("scan of {SCANNED}"), scan, against.get);
    db.close().await;
    Ok(())
}

async fn create_hits(db: &Db, hits: usize, visits: u32) -> anyhow::Result<()> {
    let documents = (0..hits).map(|number| Indexed {
        visits,
        ..Indexed::numbered(number)
    });
    for created in Indexed::create_many(db, documents).await? {
        created?;
    }
    Ok(())
}

/// A collection of its own, so that it holds as many documents as the name says.
async fn scan(effort: Effort, db: &Db) -> anyhow::Result<Took> {
    let there = Scanned::create_many(
        db,
        (0..SCANNED).map(|number| Scanned {
            id: Id::auto(),
            text: number.to_string(),
        }),
    );
    for created in there.await? {
        created?;
    }
    Ok(each(effort.of(50), async |_| {
        let found = Scanned::query(db).scan().await.expect("the store answers");
        assert_eq!(found.len(), SCANNED);
    })
    .await)
}

/// What is scanned: small, so that the walk counts and not the JSON.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "scanned")]
struct Scanned {
    #[key(auto)]
    id: Id<Scanned>,
    text: String,
}
