//! Removing one object.

use std::{fs, io};

use super::{
    Files,
    failure::Failure,
    place,
    write::{current, is_at},
};
use crate::{
    document::Version,
    format::Key,
    port::{Attempt, StoreError},
};

impl Files {
    /// Removes an object iff it is at `version`, durably.
    pub(super) fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        match self.try_delete_if(key, version) {
            Ok(true) => Attempt::Applied(Version::default()),
            Ok(false) => Attempt::Rejected,
            Err(failure) => self.failed(failure),
        }
    }

    fn try_delete_if(&self, key: &Key, version: &Version) -> Result<bool, Failure> {
        self.check_write(key).map_err(Failure::Before)?;
        let path = self.root.join(key.as_str());
        let lock = self.lock_for_writing(key)?;
        let Some(current) = current(&path)?.filter(|current| is_at(Some(*current), version)) else {
            return Ok(false);
        };
        lock.remember_removed(current.modified, self.fsync)
            .map_err(|error| Failure::before("keep the removed version", error))?;
        fs::remove_file(&path).map_err(|error| Failure::before("remove", error))?;
        let folder = path.parent().expect("a key is below the root");
        self.sync_folder(folder)
            .map_err(|error| Failure::after("sync the folder", error))?;
        Ok(true)
    }

    /// Removes an object whose name is never used twice. It may come back after a power loss: nothing waits for the
    /// disk here, because whoever retires an object does not rely on its absence.
    pub(super) fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        self.check_write(key)?;
        let lock = self
            .lock(key)
            .map_err(|error| self.explain("lock", error))?;
        match fs::remove_file(self.root.join(key.as_str())) {
            Err(error) if !is_gone(&error) => return Err(self.explain("remove", error)),
            _ => drop(lock),
        }
        if let Some(folder) = place::value_folder(key) {
            self.remove_if_empty(folder)?;
        }
        Ok(())
    }

    /// Removes a value folder that the last entry left, while no creator is at work in it (S17).
    fn remove_if_empty(&self, folder: &str) -> Result<(), StoreError> {
        let path = self.root.join(folder);
        let is_empty = fs::read_dir(&path).is_ok_and(|mut names| names.next().is_none());
        if is_empty {
            let _lock = self
                .lock_folder(folder)
                .map_err(|error| self.explain("lock the folder", error))?;
            // Gone already, or in use again: both are fine, and the kernel decides.
            let _ = fs::remove_dir(&path);
        }
        Ok(())
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
