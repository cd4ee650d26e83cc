//! The store of a URL, without the engine.

use std::{path::PathBuf, sync::Arc};

use smarterbase::{
    port::CasStore,
    store::{FileOptions, FileStore},
};

/// How long a write of a program may be on its way, in seconds: the older program's writes are waited for so long.
const IN_FLIGHT_SECONDS: u64 = 2;

/// The URL by which both programs open the database.
pub(crate) fn database(url: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}in_flight_seconds={IN_FLIGHT_SECONDS}")
}

/// The store alone, to see what is stored and not what a program makes of it.
pub(crate) async fn raw(url: &str) -> anyhow::Result<Arc<dyn CasStore>> {
    #[cfg(feature = "s3")]
    if url.starts_with("s3://") {
        let storage = smarterbase::s3::ObjectStoreOptions::from_url(url)?.connect()?;
        return Ok(Arc::new(storage));
    }
    let path = url.strip_prefix("file:").unwrap_or(url);
    anyhow::ensure!(
        !path.contains(':') && !path.contains('?'),
        "the catalogue takes a folder, or with the feature `s3` an s3:// URL, without Redis"
    );
    let folder = FileStore::open(PathBuf::from(path), FileOptions::default()).await?;
    Ok(Arc::new(folder))
}

/// Makes the default folder empty; another store must be.
pub(crate) fn clear_default(url: &str, default: &str) -> std::io::Result<()> {
    if url == default && std::fs::exists(default)? {
        std::fs::remove_dir_all(default)?;
    }
    Ok(())
}
