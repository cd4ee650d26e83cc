//! Objects as files, compare-and-swapped by many processes at once.
//!
//! A put compares under the key's lock, writes a temporary file, renames it, and returns once everything is on stable
//! storage. A crash at any point leaves the old version or the new one, never a part; a lock goes with its process.
//!
//! ```text
//! <root>/<path of the object>     one file per object
//! <root>/.sb/locks/00 … ff        key locks, by the first byte of sha256(path); never deleted
//! <root>/.sb/folders/00 … ff      locks of value folders, by the first byte of sha256(path); never deleted
//! <root>/.sb/tmp/<nonce>          files being written
//! ```
//!
//! What is asked of the filesystem: `flock`, an atomic `rename`, names of 255 bytes, times that can be set.

mod disk;
mod failure;
mod kind;
mod list;
mod lock;
mod names;
mod open;
mod place;
mod read;
mod remove;
#[cfg(test)]
mod tests;
mod version;
mod write;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;

use self::disk::{Disk, SystemDisk};
use super::page;
use crate::{
    document::Version,
    error::{Code, Error, Result},
    format::{Key, Prefix},
    port::{
        Attempt, Capabilities, CasStore, Changed, Clock, ConditionalDelete, Expect, ListPage,
        Object, Rng, StoreError, StoreErrorKind, SystemClock, SystemRng,
    },
};

/// Objects as files below one folder. Clones share the same store.
///
/// Any number of processes on one machine may have the folder open. All work runs on tokio's blocking threads; a call
/// whose future is dropped goes on to its end there.
///
/// The version of an object is the pair of the file's modification time, which only grows, and the `put` inside the
/// file. A LIST shows the modification time as `last_modified`; many puts within one tick of a coarse filesystem clock
/// make it run ahead. A backup that restores times may move a version backwards, which the `put` notices.
///
/// Symbolic links, devices, and names that are not UTF-8 are no objects.
#[derive(Clone, Debug)]
pub struct FileStore {
    files: Arc<Files>,
}

/// How a folder is opened.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// Whether a put waits for stable storage. Without it a power loss may take acknowledged writes back; a crash of
    /// the process may not. On by default.
    pub fsync: bool,
    /// Opens an existing folder and never writes to it.
    pub read_only: bool,
    /// Opens a folder on NFS, SMB, FUSE, or a filesystem that is not known. Their locks may not hold between machines.
    pub allow_network_filesystem: bool,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where the names of temporary files come from.
    pub rng: Arc<dyn Rng>,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            fsync: true,
            read_only: false,
            allow_network_filesystem: false,
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
        }
    }
}

/// One open folder. Its methods block.
#[derive(Debug)]
struct Files {
    root: PathBuf,
    /// The smallest step between two modification times, in nanoseconds.
    tick: version::Modified,
    fsync: bool,
    read_only: bool,
    /// Whether the times of folders can be relied on.
    keeps_names: bool,
    folders: names::Folders,
    /// Set by the first failure after a commit point (S30).
    is_broken: AtomicBool,
    /// Objects that were replaced by a put which failed past its commit point: what is read there may not be on the
    /// disk. Few, since nothing is written after the first failure.
    doubtful: Mutex<BTreeSet<Key>>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    disk: Arc<dyn Disk>,
}

impl FileStore {
    /// Opens the folder at `path`, and makes it unless the store is read-only.
    ///
    /// # Errors
    /// - [`Misconfigured`](crate::ErrorKind::Misconfigured): not a folder; a network or unknown filesystem; one that
    ///   keeps no times; with `read_only`, a folder that does not exist.
    /// - [`Denied`](crate::ErrorKind::Denied): no permission, or a read-only filesystem.
    /// - [`Refused`](crate::ErrorKind::Refused): the disk is full.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the disk failed.
    pub async fn open(path: impl Into<PathBuf>, options: FileOptions) -> Result<Self> {
        Self::open_on(path.into(), options, Arc::new(SystemDisk)).await
    }

    async fn open_on(path: PathBuf, options: FileOptions, disk: Arc<dyn Disk>) -> Result<Self> {
        let opened = tokio::task::spawn_blocking(move || open::open(&path, options, disk)).await;
        let files = opened.map_err(|error| {
            Error::new(Code::UNAVAILABLE, "the opening of the folder was cut off")
                .with_source(error)
        })??;
        Ok(Self {
            files: Arc::new(files),
        })
    }

    /// Runs `work` on a blocking thread.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> T + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        let files = Arc::clone(&self.files);
        tokio::task::spawn_blocking(move || work(&files))
            .await
            .map_err(|error| {
                let message = "the work on the file was cut off";
                StoreError::new(StoreErrorKind::Unavailable, message).with_source(error)
            })
    }
}

impl Files {
    /// Whether a write may be tried at this key.
    fn check_write(&self, key: &Key) -> std::result::Result<(), StoreError> {
        let refused = |why: &str| Err(StoreError::new(StoreErrorKind::ReadOnly, why));
        if self.read_only {
            return refused("the store was opened read-only");
        }
        if self.is_broken.load(Ordering::Acquire) {
            return refused("the disk failed during an earlier write; open the store again");
        }
        place::check(key)
    }

    /// Makes the store read-only for the rest of its life (S30).
    fn stop_writing(&self, why: &str) {
        if !self.is_broken.swap(true, Ordering::AcqRel) {
            tracing::error!(
                folder = %self.root.display(),
                why,
                "the disk failed during a write: the store is read-only from here on"
            );
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl CasStore for FileStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            conditional_delete: ConditionalDelete::Native,
            sorted_list: true,
            location: self.files.root.display().to_string(),
            is_volatile: false,
        }
    }

    async fn get(&self, key: &Key) -> std::result::Result<Option<Object>, StoreError> {
        let key = key.clone();
        self.blocking(move |files| files.get(&key)).await?
    }

    async fn get_if_changed(
        &self,
        key: &Key,
        version: &Version,
    ) -> std::result::Result<Changed, StoreError> {
        let (key, version) = (key.clone(), version.clone());
        self.blocking(move |files| files.get_if_changed(&key, &version))
            .await?
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        let (key, expect) = (key.clone(), expect.clone());
        self.blocking(move |files| files.put(&key, &expect, &body))
            .await
            .unwrap_or_else(Attempt::Unknown)
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        let (key, version) = (key.clone(), version.clone());
        self.blocking(move |files| files.delete_if(&key, &version))
            .await
            .unwrap_or_else(Attempt::Unknown)
    }

    async fn delete_retired(&self, key: &Key) -> std::result::Result<(), StoreError> {
        let key = key.clone();
        self.blocking(move |files| files.delete_retired(&key))
            .await?
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> std::result::Result<ListPage, StoreError> {
        page::check_limit(limit)?;
        let (prefix, after) = (prefix.clone(), after.cloned());
        let found = self
            .blocking(move |files| files.list(&prefix, after.as_ref(), limit + 1))
            .await??;
        Ok(page::cut(found, limit))
    }
}
