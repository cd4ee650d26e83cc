//! The three index backends side by side, on one folder: `cargo bench --bench operations -- --indexes`.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use redis::InfoDict;
use smarterbase::{Db, DbBuilder, LocalIndex, LocalOptions, prelude::*};
use smarterbase_core::{
    document::{KeyKind, KeyText},
    format::{
        Nonce,
        index_key::{EncodedValue, ValueRange},
        path::EncodedId,
    },
    port::{
        CasStore, IndexStore,
        index::{Commit, Host, IndexEntry, IndexedCollection, Outcome, Placed, Scan},
    },
    store::{FileOptions, FileStore, MemoryStore},
};
use smarterbase_redis::{RedisIndex, RedisOptions};
use smarterbase_testkit::server::redis::RedisServer;

use crate::{
    documents::Indexed,
    measure::{Effort, each, now, row, short, table},
    operations::HITS,
};

/// The indexes of [`Indexed`].
const INDEXES: u64 = 3;
/// How many documents a page has.
const PAGE: usize = 100;
/// The in-flight bound; a rebuild waits for it and for the catalog's 5 s.
const BOUND: Duration = Duration::from_secs(1);
/// What a rebuild waits before it begins.
const WAIT: Duration = Duration::from_secs(6);
/// The documents of the opening that is measured on its own.
const MANY: usize = 100_000;

/// One backend over a folder of its own.
struct Side {
    folder: PathBuf,
    redis: Option<RedisServer>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Objects,
    Redis,
    Local,
}

impl Side {
    fn new(kind: Kind, folder: &Path) -> anyhow::Result<Self> {
        let name = match kind {
            Kind::Objects => "objects",
            Kind::Redis => "redis",
            Kind::Local => "local",
        };
        Ok(Self {
            folder: folder.join(name),
            redis: (kind == Kind::Redis)
                .then(|| RedisServer::start(&[]))
                .transpose()?,
            kind,
        })
    }

    async fn open(&self) -> anyhow::Result<Db> {
        let options = FileOptions {
            fsync: false,
            ..FileOptions::default()
        };
        let store = FileStore::open(&self.folder, options).await?;
        let builder = Db::builder().store(Arc::new(store)).in_flight_bound(BOUND);
        Ok(self.with_index(builder).await?.open().await?)
    }

    async fn with_index(&self, builder: DbBuilder) -> anyhow::Result<DbBuilder> {
        Ok(match (&self.redis, self.kind) {
            (Some(server), _) => {
                let options = RedisOptions::from_url(&server.url())?;
                builder.index(Arc::new(RedisIndex::open(options).await?))
            }
            (None, Kind::Local) => {
                let index = LocalIndex::open(self.file(), LocalOptions::default()).await?;
                builder.index(Arc::new(index))
            }
            // What a local index left is not kept up any more.
            (None, _) => builder.abandon_missing_backends(true),
        })
    }

    fn file(&self) -> PathBuf {
        self.folder.join(".sb/index.redb")
    }

    /// Bytes of disk or memory per entry, of a database with nothing else in it.
    fn bytes(&self, entries: u64) -> anyhow::Result<u64> {
        let bytes = match (&self.redis, self.kind) {
            (Some(server), _) => used(server)?,
            (None, Kind::Local) => fs::metadata(self.file())?.len(),
            (None, _) => blocks(&self.folder.join("_index"))? * 512,
        };
        Ok(bytes / entries)
    }

    /// Makes the index worthless, so that a rebuild has everything to do.
    fn lose(&self) -> anyhow::Result<()> {
        match (&self.redis, self.kind) {
            (Some(server), _) => server.flush()?,
            (None, Kind::Local) => fs::remove_file(self.file())?,
            (None, _) => {}
        }
        Ok(())
    }
}

/// Measures and prints one table with a column per backend, and the opening of a large local index.
pub(crate) async fn measure(effort: Effort, folder: &Path) -> anyhow::Result<()> {
    let documents = effort.of(10_000);
    let mut columns = Vec::new();
    for kind in [Kind::Objects, Kind::Redis, Kind::Local] {
        columns.push(column(effort, documents, &Side::new(kind, folder)?).await?);
    }
    // Object entries cannot be lost, so they are built beside a local index that is given up.
    let objects = rebuild_objects(folder).await?;
    columns[0].push(("rebuild, besides the wait".to_owned(), objects));
    table(
        &format!("Indexes side by side, {documents} documents in a folder, fsync off"),
        &["", "objects", "Redis on loopback", "local"],
    );
    for position in 0..columns[0].len() {
        let cell = |column: &Vec<(String, String)>| column[position].1.clone();
        let mut cells = vec![columns[0][position].0.clone()];
        cells.extend(columns.iter().map(cell));
        row(&cells);
    }
    opening(effort, folder).await
}

/// The rows of one backend.
async fn column(
    effort: Effort,
    documents: usize,
    side: &Side,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut rows = Vec::new();
    let db = side.open().await?;
    let create = each(effort.of(1_000), async |number| {
        let created = Indexed::create(&db, Indexed::numbered(number)).await;
        created.expect("it is new")
    });
    rows.push(("create, 3 indexes".to_owned(), create.await.to_string()));
    let many = (0..documents).map(Indexed::numbered);
    let start = now();
    for created in Indexed::create_many(&db, many).await? {
        created?;
    }
    let each_took = start.elapsed() / u32::try_from(documents)?;
    rows.push(("create, of many at once".to_owned(), short(each_took)));
    for (hits, visits) in HITS {
        let there = (0..hits).map(|number| Indexed {
            visits,
            ..Indexed::numbered(number)
        });
        for created in Indexed::create_many(&db, there).await? {
            created?;
        }
        let find = each(effort.of(200), async |_| {
            let found = Indexed::find_by_visits(&db, visits).await;
            assert_eq!(found.expect("the store answers").len(), hits);
        });
        rows.push((format!("lookup, {hits} hits"), find.await.to_string()));
    }
    pages(effort, documents, &db, &mut rows).await?;
    let there = documents + effort.of(1_000) + effort.of(1_000) / 10 + 121;
    db.close().await;
    let bytes = side.bytes(there as u64 * INDEXES)?;
    let open = each(effort.of(50), async |_| {
        let db = side.open().await.expect("it was closed");
        let found = Indexed::find_by_visits(&db, HITS[0].1).await;
        assert_eq!(found.expect("the store answers").len(), 1);
        db.close().await;
    });
    rows.push((
        "open, lookup of 1, close".to_owned(),
        open.await.to_string(),
    ));
    rows.push(("bytes per entry".to_owned(), bytes.to_string()));
    if side.kind != Kind::Objects {
        side.lose()?;
        rows.push(("rebuild, besides the wait".to_owned(), rebuild(side).await?));
    }
    Ok(rows)
}

/// Pages of a range in the order of the index: the first one, and one in the middle.
async fn pages(
    effort: Effort,
    documents: usize,
    db: &Db,
    rows: &mut Vec<(String, String)>,
) -> anyhow::Result<()> {
    let page = || Indexed::find_by_visits_in(db, 0..u32::MAX).page(PAGE);
    let first = each(effort.of(100), async |_| {
        let found = page().await.expect("the store answers");
        assert_eq!(found.items.len(), PAGE);
    });
    rows.push((
        format!("range page of {PAGE}, the first"),
        first.await.to_string(),
    ));
    let mut deep = page().await?.next.expect("there is more");
    for _ in 1..documents / PAGE / 2 {
        deep = page().after(deep).await?.next.expect("there is more");
    }
    let middle = each(effort.of(100), async |_| {
        let found = page().after(deep.clone()).await.expect("the store answers");
        assert_eq!(found.items.len(), PAGE);
    });
    let name = format!(
        "range page of {PAGE}, after {} others",
        documents / PAGE / 2
    );
    rows.push((name, middle.await.to_string()));
    Ok(())
}

async fn rebuild(side: &Side) -> anyhow::Result<String> {
    let db = side.open().await?;
    let start = now();
    db.rebuild_indexes::<Indexed>().await?;
    let took = start.elapsed().saturating_sub(WAIT);
    db.close().await;
    Ok(short(took))
}

async fn rebuild_objects(folder: &Path) -> anyhow::Result<String> {
    rebuild(&Side {
        folder: folder.join("local"),
        redis: None,
        kind: Kind::Objects,
    })
    .await
}

/// Opening a local index of many documents that was closed, with the engine's checks of it and a first answer.
async fn opening(effort: Effort, folder: &Path) -> anyhow::Result<()> {
    let documents = effort.of(MANY);
    let path = folder.join("many.redb");
    let host = Host {
        database: Nonce::from_random([1; 13]),
        store: Arc::new(MemoryStore::new()) as Arc<dyn CasStore>,
        write_deadline: Duration::from_secs(10),
        is_writable: true,
    };
    let index = LocalIndex::open(&path, LocalOptions::default()).await?;
    index.attach(&host).await?;
    let many = Many::begin(&index).await?;
    let start = now();
    many.fill(&index, documents).await?;
    let filled = start.elapsed();
    index.detach().await?;
    let open = each(effort.of(50), async |_| {
        let index = LocalIndex::open(&path, LocalOptions::default()).await;
        let index = index.expect("it was closed");
        index.attach(&host).await.expect("the store answers");
        many.look(&index).await;
        index.detach().await.expect("the disk has room");
    });
    let open = open.await;
    table(
        &format!("A local index of {documents} documents with {INDEXES} entries each"),
        &["", "figure"],
    );
    row(&[
        "open, check, first lookup, close".to_owned(),
        open.to_string(),
    ]);
    row(&[
        "filling it, per document".to_owned(),
        short(filled / u32::try_from(documents)?),
    ]);
    let bytes = fs::metadata(&path)?.len() / (documents as u64 * INDEXES);
    row(&[
        "bytes per entry, manifests included".to_owned(),
        bytes.to_string(),
    ]);
    Ok(())
}

/// Entries without documents.
struct Many {
    users: IndexedCollection,
    placed: Vec<Placed>,
}

impl Many {
    async fn begin(index: &LocalIndex) -> anyhow::Result<Self> {
        let placed = (0..3).map(|number| Placed {
            definition: format!("index-{number}"),
            number,
            generation: 1,
        });
        let placed: Vec<_> = placed.collect();
        let mut users = IndexedCollection {
            database: Nonce::from_random([1; 13]),
            name: "users".to_owned(),
            shards: 1,
            key_kind: KeyKind::Uuid,
            instance: String::new(),
        };
        let fresh = Nonce::from_random([2; 13]);
        users.instance = index.begin(&users, &placed, fresh, None).await?;
        Ok(Self { users, placed })
    }

    async fn fill(&self, index: &LocalIndex, documents: usize) -> anyhow::Result<()> {
        let numbers: Vec<usize> = (0..documents).collect();
        for some in numbers.chunks(1_000) {
            let told = some.iter().map(|number| self.restore(index, *number));
            for outcome in join_all(told).await {
                outcome?;
            }
        }
        Ok(())
    }

    async fn restore(&self, index: &LocalIndex, number: usize) -> anyhow::Result<()> {
        let id = format!("0199c7f5-5f0a-7e2b-9c1d-{number:012x}");
        let entries = self.placed.iter().map(|placed| IndexEntry {
            placed: placed.clone(),
            value: value(number % 1_000),
            tag: None,
        });
        let commit = Commit {
            id: EncodedId::encode(&KeyText(id))?,
            rev: 1,
            write: None,
            outcome: Outcome::Restore,
            entries: entries.collect(),
            dropped: Vec::new(),
            placed: self.placed.clone(),
            e_tag: Some(format!("{number:032x}")),
        };
        Ok(index.commit(&self.users, &commit).await?)
    }

    async fn look(&self, index: &LocalIndex) {
        let scan = Scan {
            placed: self.placed[1].clone(),
            range: ValueRange {
                lower: value(7).0,
                upper: Some(value(8).0),
                exact: false,
            },
            after: None,
            descending: false,
            limit: 100,
        };
        let page = index.scan(&self.users, &scan).await.expect("it is whole");
        assert!(!page.hits.is_empty());
    }
}

fn value(number: usize) -> EncodedValue {
    let text = format!("value-{number:04}");
    EncodedValue([b"\x04", text.as_bytes(), b"\0\0"].concat().into())
}

fn used(server: &RedisServer) -> anyhow::Result<u64> {
    let info: InfoDict = redis::cmd("INFO")
        .arg("memory")
        .query(&mut server.connect()?)?;
    Ok(info.get("used_memory").expect("every server says so"))
}

/// The blocks of 512 bytes of everything at and below a path.
fn blocks(path: &Path) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    let mut blocks = metadata.blocks();
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            blocks += self::blocks(&entry?.path())?;
        }
    }
    Ok(blocks)
}
