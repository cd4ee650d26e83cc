//! The raw building blocks: what an operation could cost at best.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use object_store::{ObjectStoreExt, local::LocalFileSystem};
use smarterbase_core::{
    document::Version,
    format::Key,
    port::{Attempt, CasStore, Expect},
    store::{FileOptions, FileStore, MemoryStore},
};
use smarterbase_testkit::server::redis::RedisServer;

use crate::{
    documents::Plain,
    measure::{Effort, Took, each, row, table, tiny, tiny_async},
};

/// What the operations are compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    /// `serde_json::from_slice` of a whole stored object.
    pub(crate) parse: Took,
    pub(crate) memory: Calls,
    pub(crate) unsynced: Calls,
    pub(crate) synced: Calls,
}

/// The calls of a store without the engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calls {
    pub(crate) get: Took,
    pub(crate) create: Took,
    /// A put over an object that is there.
    pub(crate) swap: Took,
}

/// Measures and prints them all. `stored` is one whole object, envelope and body.
pub(crate) async fn measure(
    effort: Effort,
    folder: &Path,
    stored: &Bytes,
) -> anyhow::Result<Blocks> {
    let parse = tiny(effort.of(2_000), || {
        serde_json::from_slice::<Plain>(stored).expect("it was written by us")
    });
    let document: Plain = serde_json::from_slice(stored)?;
    let write = tiny(effort.of(2_000), || {
        serde_json::to_vec(&document).expect("it is JSON")
    });
    let memory = calls(effort.of(20_000), Arc::new(MemoryStore::new()), stored).await;
    let unsynced = calls(effort.of(3_000), files(folder, false).await?, stored).await;
    let synced = calls(effort.of(500), files(folder, true).await?, stored).await;
    let raw_unsynced = write_files(effort.of(3_000), folder, stored, false, Names::New).await?;
    let raw_replaced = write_files(effort.of(500), folder, stored, false, Names::One).await?;
    let raw_synced = write_files(effort.of(500), folder, stored, true, Names::New).await?;
    let sync = sync_only(effort.of(500), folder, stored).await?;
    let (local_get, local_put) = local(effort.of(3_000), folder, stored).await?;
    let zadd = zadd(effort.of(5_000)).await?;

    table(
        &format!("Building blocks, {} bytes", stored.len()),
        &["Block", "median (p95)", "× `from_slice`"],
    );
    for (name, took) in [
        ("`serde_json::from_slice`", parse),
        ("`serde_json::to_vec`", write),
        ("`MemoryStore` get", memory.get),
        ("`MemoryStore` create", memory.create),
        ("`MemoryStore` swap", memory.swap),
        ("write + fsync of one open file, nothing else", sync),
        ("std: write + rename", raw_unsynced),
        (
            "std: write + rename over a file that is there",
            raw_replaced,
        ),
        (
            "std: write + fsync + rename + fsync of the folder",
            raw_synced,
        ),
        ("`FileStore` get", unsynced.get),
        ("`FileStore` create, fsync off", unsynced.create),
        ("`FileStore` swap, fsync off", unsynced.swap),
        ("`FileStore` create, fsync on", synced.create),
        ("`FileStore` swap, fsync on", synced.swap),
        ("`object_store` `LocalFileSystem` get", local_get),
        (
            "`object_store` `LocalFileSystem` put (never syncs)",
            local_put,
        ),
        ("Redis `ZADD`, one member, loopback", zadd),
    ] {
        row(&[
            name.to_owned(),
            took.to_string(),
            format!("{:.1}", took.over(parse)),
        ]);
    }
    Ok(Blocks {
        parse,
        memory,
        unsynced,
        synced,
    })
}

async fn files(folder: &Path, fsync: bool) -> anyhow::Result<Arc<dyn CasStore>> {
    let options = FileOptions {
        fsync,
        ..FileOptions::default()
    };
    let store = FileStore::open(folder.join(format!("block-{fsync}")), options).await?;
    Ok(Arc::new(store))
}

async fn calls(runs: usize, store: Arc<dyn CasStore>, stored: &Bytes) -> Calls {
    let key = |number: usize| Key::from_stored(format!("plain/{number:020}.json"));
    let create = each(runs, async |number| {
        put(&*store, &key(number), &Expect::Absent, stored).await;
    })
    .await;
    let first = key(0);
    let get = tiny_async(runs.min(500), async || {
        let found = store.get(&first).await.expect("the store answers");
        found.expect("it was put")
    })
    .await;
    let mut version = store
        .get(&first)
        .await
        .ok()
        .flatten()
        .expect("it was put")
        .version;
    let swap = each(runs, async |_| {
        version = put(&*store, &first, &Expect::Exactly(version.clone()), stored).await;
    })
    .await;
    Calls { get, create, swap }
}

async fn put(store: &dyn CasStore, key: &Key, expect: &Expect, stored: &Bytes) -> Version {
    match store.put(key, expect, stored.clone()).await {
        Attempt::Applied(version) => version,
        other => panic!("nobody else writes here: {other:?}"),
    }
}

/// What every crash-safe file store must do at least, without any lock or version.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Names {
    New,
    /// The same name every time: the rename replaces a file.
    One,
}

async fn write_files(
    runs: usize,
    folder: &Path,
    stored: &Bytes,
    sync: bool,
    names: Names,
) -> anyhow::Result<Took> {
    let folder = folder.join(format!("raw-{sync}-{names:?}"));
    fs::create_dir_all(&folder)?;
    let opened = File::open(&folder)?;
    let temporary = folder.join("temporary");
    Ok(each(runs, async |number| {
        let mut file = File::create(&temporary).expect("the folder can be written");
        file.write_all(stored).expect("the disk has room");
        if sync {
            file.sync_all().expect("the disk works");
        }
        let name = if names == Names::New { number } else { 0 };
        fs::rename(&temporary, folder.join(name.to_string())).expect("it is our folder");
        if sync {
            opened.sync_all().expect("the disk works");
        }
    })
    .await)
}

async fn sync_only(runs: usize, folder: &Path, stored: &Bytes) -> anyhow::Result<Took> {
    let mut file = File::create(folder.join("synced"))?;
    Ok(each(runs, async |_| {
        file.write_all(stored).expect("the disk has room");
        file.sync_all().expect("the disk works");
    })
    .await)
}

async fn local(runs: usize, folder: &Path, stored: &Bytes) -> anyhow::Result<(Took, Took)> {
    let root = folder.join("local");
    fs::create_dir_all(&root)?;
    let store = LocalFileSystem::new_with_prefix(root)?;
    let path = |number: usize| object_store::path::Path::from(format!("plain/{number:020}.json"));
    let put = each(runs, async |number| {
        store
            .put(&path(number), stored.clone().into())
            .await
            .expect("the disk has room")
    })
    .await;
    let get = each(runs, async |_| {
        let found = store.get(&path(0)).await.expect("it was put");
        found.bytes().await.expect("it can be read")
    })
    .await;
    Ok((get, put))
}

async fn zadd(runs: usize) -> anyhow::Result<Took> {
    let server = RedisServer::start(&[])?;
    let client = redis::Client::open(server.url())?;
    let connection = client.get_multiplexed_async_connection().await?;
    Ok(each(runs, async |number| {
        let mut connection = connection.clone();
        let mut command = redis::cmd("ZADD");
        command.arg("entries").arg(0).arg(format!("free-{number}"));
        command
            .query_async::<u32>(&mut connection)
            .await
            .expect("Redis answers")
    })
    .await)
}
