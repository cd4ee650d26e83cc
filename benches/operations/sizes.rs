//! What an index entry takes, in Redis and on disk.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path, sync::Arc};

use redis::InfoDict;
use smarterbase::prelude::*;
use smarterbase_core::store::{FileOptions, FileStore, MemoryStore};
use smarterbase_redis::{RedisIndex, RedisOptions};
use smarterbase_testkit::server::redis::RedisServer;

use crate::{
    documents::Indexed,
    measure::{Effort, row, table},
    operations::open,
};

/// The indexes of [`Indexed`].
const INDEXES: u64 = 3;

/// Measures and prints the bytes per entry.
pub(crate) async fn measure(effort: Effort, folder: &Path) -> anyhow::Result<()> {
    let documents = effort.of(20_000);
    table(
        &format!("Bytes per index entry ({documents} documents)"),
        &["Where", "bytes per entry"],
    );
    let redis = in_redis(documents).await?;
    row(&[
        "Redis `used_memory`, with its share of the manifest".to_owned(),
        redis.to_string(),
    ]);
    let documents = effort.of(5_000);
    for (index, folders, bytes) in on_disk(documents, folder).await? {
        let name = format!(
            "disk blocks, `{index}`, {documents} entries in {folders} folders (an inode each besides)"
        );
        row(&[name, bytes.to_string()]);
    }
    Ok(())
}

async fn in_redis(documents: usize) -> anyhow::Result<u64> {
    let server = RedisServer::start(&[])?;
    let redis = RedisIndex::open(RedisOptions::from_url(&server.url())?).await?;
    let db = open(Arc::new(MemoryStore::new()), Some(redis)).await?;
    create(&db, 1).await?;
    let before = used(&server)?;
    create(&db, documents).await?;
    Ok((used(&server)? - before) / (documents as u64 * INDEXES))
}

fn used(server: &RedisServer) -> anyhow::Result<u64> {
    let info: InfoDict = redis::cmd("INFO")
        .arg("memory")
        .query(&mut server.connect()?)?;
    Ok(info.get("used_memory").expect("every server says so"))
}

async fn create(db: &smarterbase::Db, documents: usize) -> anyhow::Result<()> {
    for created in Indexed::create_many(db, (0..documents).map(Indexed::numbered)).await? {
        created?;
    }
    Ok(())
}

/// Per index: its name, its folders, and the bytes of disk blocks per entry.
async fn on_disk(documents: usize, folder: &Path) -> anyhow::Result<Vec<(String, u64, u64)>> {
    let root = folder.join("sizes");
    let options = FileOptions {
        fsync: false,
        ..FileOptions::default()
    };
    let store = FileStore::open(&root, options).await?;
    create(&open(Arc::new(store), None).await?, documents).await?;
    let mut sizes = Vec::new();
    for index in fs::read_dir(root.join("_index/indexed"))? {
        let index = index?;
        let (folders, blocks) = taken(&index.path())?;
        let name = index.file_name().to_string_lossy().into_owned();
        sizes.push((name, folders, blocks * 512 / documents as u64));
    }
    sizes.sort();
    Ok(sizes)
}

/// The folders at and below a path, and the blocks of 512 bytes of everything there.
fn taken(path: &Path) -> io::Result<(u64, u64)> {
    let (mut folders, mut blocks) = (1, fs::metadata(path)?.blocks());
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let below = taken(&entry.path())?;
            folders += below.0;
            blocks += below.1;
        } else {
            blocks += entry.metadata()?.blocks();
        }
    }
    Ok((folders, blocks))
}
