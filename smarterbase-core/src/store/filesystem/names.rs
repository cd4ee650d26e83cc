//! The names in large folders, kept between the pages of a LIST.
//!
//! Each page of a walk needs the names of the folder that the page before it needed. They are used again for as long as the
//! folder bears the same change time: the kernel moves it with every name that comes or goes, and no program can set it.
//! Two changes within one tick of the kernel's clock bear the same time, so names are only kept when they were read well
//! after the last change, as Git does with its index (<https://git-scm.com/docs/racy-git>). While a folder is written to, each page reads it anew.

use std::{
    fs::{self, DirEntry, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
};

use super::{
    Files,
    place::OWN,
    version::{Modified, from_timestamp},
};
use crate::port::{Clock, SystemClock};

/// Folders of up to as many names are read again each time.
const FEW: usize = 1_000;
/// The most bytes that are held for one folder; a larger one is read in bounded pieces.
const LARGEST: usize = 16 << 20;
/// The most bytes that are held for all folders together.
const MOST: usize = 32 << 20;
/// How long ago the last change of a folder was, in nanoseconds: more than any tick of a clock that is trusted here.
const SETTLED: Modified = 3_000_000_000;

/// All names in one folder in order, those of folders with a `/` at their ends.
pub(super) type Sorted = Arc<[Box<str>]>;

/// What is kept, the folder that was used last at the end.
#[derive(Debug, Default)]
pub(super) struct Names {
    kept: Mutex<Vec<Kept>>,
    /// Device and inode of the folder that was found to be too large last.
    too_large: Mutex<Option<(u64, u64)>>,
    /// Held by the one who reads a large folder whole; meanwhile others read theirs in bounded pieces.
    large: Mutex<()>,
}

#[derive(Debug)]
struct Kept {
    stamp: Stamp,
    names: Sorted,
    bytes: usize,
}

/// Which folder, and when it was changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    changed: Modified,
}

impl Stamp {
    /// Which folder it is.
    fn place(self) -> (u64, u64) {
        (self.device, self.inode)
    }

    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed: Modified::from(metadata.ctime()) * 1_000_000_000
                + Modified::from(metadata.ctime_nsec()),
        }
    }

    fn is_settled(self) -> bool {
        // Not the store's clock, which a test may own: the kernel's.
        from_timestamp(SystemClock.now()) - self.changed >= SETTLED
    }
}

impl Files {
    /// The names in a folder, `""` or a path that ends in `/`; `None` when they are too many to be held, or somebody else
    /// holds many at the moment.
    pub(super) fn names(&self, folder: &str) -> io::Result<Option<Sorted>> {
        let path = self.root.join(folder);
        let stamp = match self.trusts_folder_times {
            true => stamp(&path)?,
            false => None,
        };
        if let Some(names) = stamp.and_then(|stamp| self.names.kept(stamp)) {
            return Ok(Some(names));
        }
        if self.names.is_too_large(stamp) {
            return Ok(None);
        }
        let settled = stamp.filter(|stamp| stamp.is_settled());
        let Some((names, bytes)) = self.names.read(self.entries(&path)?, folder, stamp)? else {
            return Ok(None);
        };
        if let Some(stamp) = settled.filter(|_| names.len() > FEW)
            && self::stamp(&path)? == Some(stamp)
        {
            let names = names.clone();
            self.names.keep(Kept {
                stamp,
                names,
                bytes,
            });
        }
        Ok(Some(names))
    }

    /// What is in a folder; nothing when it vanished (S17).
    pub(super) fn entries(
        &self,
        path: &Path,
    ) -> io::Result<impl Iterator<Item = io::Result<DirEntry>> + use<>> {
        match self.disk.read_folder(path) {
            Ok(entries) => Ok(Some(entries).into_iter().flatten()),
            Err(error) if is_gone(&error) => Ok(None.into_iter().flatten()),
            Err(error) => Err(error),
        }
    }
}

impl Names {
    fn kept(&self, stamp: Stamp) -> Option<Sorted> {
        let mut kept = self.lock();
        let position = kept.iter().position(|kept| kept.stamp == stamp)?;
        let used = kept.remove(position);
        let names = used.names.clone();
        kept.push(used);
        Some(names)
    }

    fn keep(&self, new: Kept) {
        let mut kept = self.lock();
        kept.retain(|old| old.stamp.place() != new.stamp.place());
        kept.push(new);
        while kept.iter().map(|kept| kept.bytes).sum::<usize>() > MOST {
            kept.remove(0);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All names with the bytes that they take.
    fn read(
        &self,
        entries: impl Iterator<Item = io::Result<DirEntry>>,
        folder: &str,
        stamp: Option<Stamp>,
    ) -> io::Result<Option<(Sorted, usize)>> {
        let (mut names, mut bytes, mut turn) = (Vec::new(), 0, None);
        for entry in entries {
            let Some(name) = name(folder, &entry?)? else {
                continue;
            };
            bytes += name.len() + size_of::<Box<str>>();
            names.push(name);
            if bytes > LARGEST {
                self.remember_too_large(stamp);
                return Ok(None);
            }
            if names.len() > FEW && turn.is_none() {
                turn = self.turn();
                if turn.is_none() {
                    return Ok(None);
                }
            }
        }
        // A name that is replaced while the folder is read may be seen twice.
        names.sort_unstable();
        names.dedup();
        Ok(Some((names.into(), bytes)))
    }

    fn is_too_large(&self, stamp: Option<Stamp>) -> bool {
        let known = self.too_large.lock();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        stamp.is_some_and(|stamp| *known == Some(stamp.place()))
    }

    /// Its names were read in vain once; the next page begins with what it can hold.
    fn remember_too_large(&self, stamp: Option<Stamp>) {
        let known = self.too_large.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        *known = stamp.map(Stamp::place);
    }

    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match self.large.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    #[cfg(test)]
    pub(super) fn take_turn(&self) -> MutexGuard<'_, ()> {
        self.turn().expect("nobody reads")
    }
}

/// `None` when the folder is gone.
fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(Stamp::of(&metadata))),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name of an entry, ending in `/` for a folder; `None` for what can be no object: our own files, names that are not
/// UTF-8, links, devices.
pub(super) fn name(folder: &str, entry: &DirEntry) -> io::Result<Option<Box<str>>> {
    let name = entry.file_name();
    let Some(name) = name.to_str() else {
        return Ok(None);
    };
    if folder.is_empty() && name == OWN {
        return Ok(None);
    }
    let kind = match entry.file_type() {
        Err(error) if is_gone(&error) => return Ok(None),
        other => other?,
    };
    Ok(match (kind.is_dir(), kind.is_file()) {
        (true, _) => Some(format!("{name}/").into()),
        (_, true) => Some(name.into()),
        _ => None,
    })
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
