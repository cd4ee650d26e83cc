//! Locks between processes: `flock` on files that are never deleted.
//!
//! A lock belongs to one open file, so threads of one process exclude each other as well, and the kernel gives it back
//! when a process dies. Deleting a lock file would let two holders in. Order: a key's lock first, then a folder's;
//! nobody waits for a key's lock while holding a folder's.
//!
//! The modification time of a key's lock file is the tombstone clock of its 1/256 of the keys: no object created later
//! gets a version that a removed one had.
//!
//! Source: <https://man7.org/linux/man-pages/man2/flock.2.html>.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

use sha2::{Digest, Sha256};

use super::{
    Files,
    version::{Modified, modified, set_modified},
};
use crate::format::Key;

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Held(File);

impl Held {
    /// The greatest version that a removed object of this lock's keys had.
    pub(super) fn last_removed(&self) -> io::Result<Modified> {
        Ok(modified(&self.0.metadata()?))
    }

    /// Remembers the version of an object that is about to be removed.
    pub(super) fn remember_removed(&self, version: Modified, fsync: bool) -> io::Result<()> {
        if version > self.last_removed()? {
            set_modified(&self.0, version)?;
            if fsync {
                self.0.sync_all()?;
            }
        }
        Ok(())
    }
}

impl Files {
    /// Keeps everybody else away from a key.
    pub(super) fn lock(&self, key: &Key) -> io::Result<Held> {
        exclusive(&self.lock_file("locks", key.as_str()))
    }

    /// Keeps writers away from a key. `None` on a read-only store where no writer ever came near the key.
    pub(super) fn lock_shared(&self, key: &Key) -> io::Result<Option<Held>> {
        let path = self.lock_file("locks", key.as_str());
        match shared(&path, !self.read_only) {
            Err(error) if self.read_only && error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }

    /// Keeps removers away from a folder.
    pub(super) fn lock_folder_shared(&self, folder: &str) -> io::Result<Held> {
        shared(&self.lock_file("folders", folder), true)
    }

    /// Keeps creators and removers away from a folder.
    pub(super) fn lock_folder(&self, folder: &str) -> io::Result<Held> {
        exclusive(&self.lock_file("folders", folder))
    }

    /// `.sb/<family>/<first two hex digits of sha256(name)>`.
    fn lock_file(&self, family: &str, name: &str) -> std::path::PathBuf {
        let shard = Sha256::digest(name)[0];
        self.own(family).join(format!("{shard:02x}"))
    }
}

fn exclusive(path: &Path) -> io::Result<Held> {
    let file = open(path, true)?;
    uninterrupted(|| file.lock())?;
    Ok(Held(file))
}

fn shared(path: &Path, create: bool) -> io::Result<Held> {
    let file = open(path, create)?;
    uninterrupted(|| file.lock_shared())?;
    Ok(Held(file))
}

fn open(path: &Path, create: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(create)
        .create(create)
        .truncate(false)
        .open(path)
}

/// Waiting for a lock goes on after a signal.
fn uninterrupted(lock: impl Fn() -> io::Result<()>) -> io::Result<()> {
    loop {
        match lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
