//! Writing one object: compare under the key's lock, temporary file, rename, stable storage.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::PoisonError,
};

use super::{
    Files,
    failure::Failure,
    lock::Held,
    place, read,
    version::{FileVersion, from_timestamp, set_modified},
};
use crate::{
    document::Version,
    format::Key,
    port::{Attempt, Expect, StoreErrorKind},
};

/// How often a put makes its folder again. Removers wait for its lock, so only a stranger takes the folder away.
const FOLDERS_LOST: usize = 8;

impl Files {
    /// One attempt to write an object.
    pub(super) fn put(&self, key: &Key, expect: &Expect, body: &[u8]) -> Attempt {
        match self.try_put(key, expect, body) {
            Ok(Some(version)) => Attempt::Applied(version.token()),
            Ok(None) => Attempt::Rejected,
            Err(failure) => {
                if let Failure::After(_) = &failure {
                    self.doubt(key);
                }
                self.failed(failure)
            }
        }
    }

    /// Reads of this object no longer prove that a put of it is on the disk.
    fn doubt(&self, key: &Key) {
        let mut doubtful = self.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
        doubtful.insert(key.clone());
    }

    /// After an error past the commit point the kernel may have dropped what it could not write, so nothing that this
    /// process reads proves anything about the disk: no more writes (S30).
    ///
    /// Source: <https://wiki.postgresql.org/wiki/Fsync_Errors>.
    pub(super) fn failed(&self, failure: Failure) -> Attempt {
        if let Failure::After(error) = &failure {
            self.stop_writing(&error.message);
        }
        failure.into()
    }

    fn try_put(
        &self,
        key: &Key,
        expect: &Expect,
        body: &[u8],
    ) -> Result<Option<FileVersion>, Failure> {
        self.check_write(key).map_err(Failure::Before)?;
        let path = self.root.join(key.as_str());
        let lock = self.lock_for_writing(key)?;
        let current = current(&path)?;
        if !meets(current, expect) {
            return Ok(None);
        }
        let version = self.next_version(&lock, current, body)?;
        self.replace(key, &path, version, body)?;
        Ok(Some(version))
    }

    pub(super) fn lock_for_writing(&self, key: &Key) -> Result<Held, Failure> {
        self.lock(key)
            .map_err(|error| Failure::Before(self.explain("lock", error)))
    }

    /// A version after every earlier one of this key, removed objects included.
    fn next_version(
        &self,
        lock: &Held,
        current: Option<FileVersion>,
        body: &[u8],
    ) -> Result<FileVersion, Failure> {
        let last = match current {
            Some(current) => current.modified,
            None => lock
                .last_removed()
                .map_err(|error| Failure::before("read the lock's time", error))?,
        };
        let now = from_timestamp(self.clock.now());
        let whole_ticks = now - now.rem_euclid(self.tick);
        Ok(FileVersion::at(whole_ticks.max(last + self.tick), body))
    }

    fn replace(
        &self,
        key: &Key,
        path: &Path,
        version: FileVersion,
        body: &[u8],
    ) -> Result<(), Failure> {
        let folder = path.parent().expect("a key is below the root");
        let _folder_lock = self.keep_folder(key)?;
        self.ensure_folder(folder)
            .map_err(|error| Failure::before("make the folder", error))?;
        let temporary = self.write_temporary(version, body)?;
        self.rename(&temporary, path, folder)?;
        self.sync_folder(folder)
            .map_err(|error| Failure::after("sync the folder", error))
    }

    /// Removers of value folders stay away until the entry is in (S17).
    fn keep_folder(&self, key: &Key) -> Result<Option<Held>, Failure> {
        place::value_folder(key)
            .map(|folder| self.lock_folder_shared(folder))
            .transpose()
            .map_err(|error| Failure::Before(self.explain("lock the folder", error)))
    }

    /// Makes a folder whose own name is on stable storage before anything is put into it.
    ///
    /// A folder that holds anything was made so by whoever put the first thing into it; an empty one may have lost its
    /// maker between the two steps, so its name is synced again.
    fn ensure_folder(&self, folder: &Path) -> io::Result<()> {
        if folder == self.root || holds_anything(folder)? {
            return Ok(());
        }
        let parent = folder.parent().expect("a folder below the root");
        self.ensure_folder(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.sync_folder(parent)
            .inspect_err(|error| self.stop_writing(&error.to_string()))
    }

    fn write_temporary(&self, version: FileVersion, body: &[u8]) -> Result<Temporary, Failure> {
        let path = self.own("tmp").join(self.rng.nonce().as_str());
        let temporary = Temporary { path };
        self.fill(&temporary.path, version, body)
            .map_err(|error| Failure::Before(self.explain("write", error)))?;
        Ok(temporary)
    }

    fn fill(&self, path: &Path, version: FileVersion, body: &[u8]) -> io::Result<()> {
        let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
        self.disk.write(&mut file, body)?;
        set_modified(&file, version.modified)?;
        if self.fsync {
            self.disk.sync_file(&file)?;
        }
        Ok(())
    }

    /// The commit point. A folder that vanished is made again, durably (S17).
    fn rename(&self, temporary: &Temporary, path: &Path, folder: &Path) -> Result<(), Failure> {
        let mut renamed = self.disk.rename(&temporary.path, path);
        for _ in 0..FOLDERS_LOST {
            match &renamed {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                _ => break,
            }
            self.ensure_folder(folder)
                .map_err(|error| Failure::before("make the folder again", error))?;
            renamed = self.disk.rename(&temporary.path, path);
        }
        renamed.map_err(rename_failure)
    }

    pub(super) fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        match self.fsync {
            true => self.disk.sync_folder(folder),
            false => Ok(()),
        }
    }
}

/// A rename that was refused changed nothing; one that broke may have.
fn rename_failure(error: io::Error) -> Failure {
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    match Failure::before("rename", error) {
        Failure::Before(error) if error.kind == StoreErrorKind::Unavailable && !is_missing => {
            Failure::After(error)
        }
        failure => failure,
    }
}

/// What is at the path now.
pub(super) fn current(path: &Path) -> Result<Option<FileVersion>, Failure> {
    read::version(path).map_err(|error| Failure::before("read the current version", error))
}

/// Whether the version that is there is the one that a write expects.
pub(super) fn is_at(current: Option<FileVersion>, version: &Version) -> bool {
    current.is_some_and(|current| current.token() == *version)
}

fn meets(current: Option<FileVersion>, expect: &Expect) -> bool {
    match expect {
        Expect::Absent => current.is_none(),
        Expect::Exactly(version) => is_at(current, version),
    }
}

fn holds_anything(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut names) => names.next().transpose().map(|name| name.is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A temporary file, removed when this is dropped (after the rename there is none any more).
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What stays behind is removed by the next open that finds it an hour old.
        let _ = fs::remove_file(&self.path);
    }
}
