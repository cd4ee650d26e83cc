//! The names in large folders that lie still: a walk reads them once, not for every page.
//!
//! Names are kept with the times of their folder, which change with every name that comes or goes, and are used only while it
//! still has them. They are kept only of a folder that had lain still for longer than any filesystem's clock ticks: a name
//! that came in the same tick as the one before it would change no time.

use std::{
    collections::VecDeque,
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    list::is_gone,
    version::{Modified, from_timestamp, modified},
};
use crate::port::{Clock, SystemClock};

/// A folder with fewer names is read again each time.
pub(super) const LARGE: usize = if cfg!(test) { 100 } else { 1_024 };
/// How many names of one folder are kept: a walk reads a larger one again when it is through with them.
pub(super) const MOST_KEPT: usize = if cfg!(test) { 400 } else { 32_768 };
/// How many folders are remembered.
const FOLDERS: usize = 4;
/// How long a folder must have lain still, in nanoseconds. The times of FAT are counted in 2 s, all others in less.
const STILL: Modified = 3_000_000_000;

/// The large folders that were listed last, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct Folders {
    last: Mutex<VecDeque<(String, Option<Arc<Names>>)>>,
}

/// Paths in a folder, in order, as they were while it had these times.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) times: Times,
    /// Every path from this one on is among them,
    pub(super) from: String,
    /// up to the last one, or up to the end of the folder.
    pub(super) is_whole: bool,
    pub(super) paths: Vec<String>,
}

/// Which folder it is, and when it last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    place: (u64, u64),
    modified: Modified,
    changed: Modified,
}

impl Folders {
    /// Whether a folder was large when it was listed last.
    pub(super) fn is_large(&self, folder: &str) -> bool {
        self.last().iter().any(|(known, _)| known == folder)
    }

    /// What is kept of a folder from a path on, if it still has these times: at least `want` names, or all.
    pub(super) fn recall(
        &self,
        folder: &str,
        times: &Times,
        from: &str,
        want: usize,
    ) -> Option<Arc<Names>> {
        let last = self.last();
        let names = last.iter().find(|(known, _)| known == folder)?.1.clone()?;
        let is_here = names.times == *times && *names.from <= *from;
        (is_here && (names.is_whole || names.starting_at(from).len() > want)).then_some(names)
    }

    /// Remembers that a folder is large.
    pub(super) fn remember_large(&self, folder: &str) {
        self.remember(folder, None);
    }

    /// Keeps the names of a large folder.
    pub(super) fn keep(&self, folder: &str, names: Names) -> Arc<Names> {
        let names = Arc::new(names);
        self.remember(folder, Some(names.clone()));
        names
    }

    fn remember(&self, folder: &str, names: Option<Arc<Names>>) {
        let mut last = self.last();
        last.retain(|(known, _)| known != folder);
        if last.len() == FOLDERS {
            last.pop_front();
        }
        last.push_back((folder.to_owned(), names));
    }

    /// A panic under the lock cannot leave it half changed.
    fn last(&self) -> MutexGuard<'_, VecDeque<(String, Option<Arc<Names>>)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names {
    /// The paths from this one on.
    pub(super) fn starting_at(&self, from: &str) -> &[String] {
        let first = self.paths.partition_point(|path| **path < *from);
        &self.paths[first..]
    }
}

impl Times {
    /// The times of a folder, and whether it has lain still so long that its next change will show in them. `None`: it is gone.
    pub(super) fn of(folder: &Path) -> io::Result<Option<(Self, bool)>> {
        // Before the times are asked for, by the clock that sets them.
        let now = from_timestamp(SystemClock.now());
        let metadata = match fs::metadata(folder) {
            Ok(metadata) => metadata,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let times = Self {
            place: (metadata.dev(), metadata.ino()),
            modified: modified(&metadata),
            changed: i128::from(metadata.ctime()) * 1_000_000_000
                + i128::from(metadata.ctime_nsec()),
        };
        let is_still = now - times.modified.max(times.changed) >= STILL;
        Ok(Some((times, is_still)))
    }
}
