//! Reading one object.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{PoisonError, atomic::Ordering},
};

use bytes::Bytes;
use rustix::fs::OFlags;

use super::{Files, failure::store_error, place, version::FileVersion};
use crate::{
    document::Version,
    format::Key,
    port::{Changed, Object, StoreError, StoreErrorKind},
};

impl Files {
    /// The object at `key`. Never torn, without a lock: a put swaps the whole file in one step. Objects that decide
    /// about others wait until the put that wrote them is on stable storage (S30).
    pub(super) fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        place::check(key)?;
        let _lock = match place::is_decisive(key) {
            true => self.wait_for_writers(key)?,
            false => None,
        };
        self.check_doubt(key)?;
        self.read(key)
    }

    /// A read that validates waits until the put that wrote the object is on stable storage (S30).
    pub(super) fn get_if_changed(
        &self,
        key: &Key,
        version: &Version,
    ) -> Result<Changed, StoreError> {
        place::check(key)?;
        let _lock = self.wait_for_writers(key)?;
        self.check_doubt(key)?;
        Ok(match self.read(key)? {
            None => Changed::Gone,
            Some(object) if object.version == *version => Changed::Unchanged,
            Some(object) => Changed::Now(object),
        })
    }

    /// The page cache would show the object as if it were on the disk.
    fn check_doubt(&self, key: &Key) -> Result<(), StoreError> {
        let is_broken = self.is_broken.load(Ordering::Acquire);
        let doubtful = || self.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_broken || !doubtful().contains(key) {
            return Ok(());
        }
        let message = "the disk failed while this object was written; open the store again";
        Err(StoreError::new(StoreErrorKind::ReadOnly, message))
    }

    fn wait_for_writers(&self, key: &Key) -> Result<Option<super::lock::Held>, StoreError> {
        self.lock_shared(key)
            .map_err(|error| self.explain("lock", error))
    }

    fn read(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        match read_object(&self.root.join(key.as_str())) {
            Ok(None) if !self.root.is_dir() => Err(self.no_such_store()),
            Ok(object) => Ok(object),
            Err(error) => Err(self.explain("read", error)),
        }
    }

    /// A missing lock file or folder of ours means that the whole store is gone.
    pub(super) fn explain(&self, doing: &str, error: io::Error) -> StoreError {
        match error.kind() {
            io::ErrorKind::NotFound if !self.own("").is_dir() => self.no_such_store(),
            _ => store_error(doing, error),
        }
    }

    fn no_such_store(&self) -> StoreError {
        let message = format!("the folder {} is gone", self.root.display());
        StoreError::new(StoreErrorKind::NoSuchStore, message)
    }
}

fn read_object(path: &Path) -> io::Result<Option<Object>> {
    let Some((mut file, metadata)) = open(path)? else {
        return Ok(None);
    };
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.read_to_end(&mut bytes)?;
    Ok(Some(Object {
        version: FileVersion::of(&metadata, &bytes).token(),
        bytes: Bytes::from(bytes),
    }))
}

/// The version of the file at `path`, if there is one.
pub(super) fn version(path: &Path) -> io::Result<Option<FileVersion>> {
    match open(path)? {
        None => Ok(None),
        Some((mut file, metadata)) => FileVersion::read(&mut file, &metadata).map(Some),
    }
}

/// Opens a regular file. Anything else at the path (a folder, a symbolic link, a device) is no object.
pub(super) fn open(path: &Path) -> io::Result<Option<(File, Metadata)>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some((file, metadata)))
}

fn is_absent(error: &io::Error) -> bool {
    let is_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    is_link
        || matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        )
}
