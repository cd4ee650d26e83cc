//! Listing objects in the byte order of their whole paths.
//!
//! A folder counts as its name with `/`, so that `a.json` comes before `a/x` and after `a-b/x`, as in an object store.
//! Memory is bounded: of every folder on the way down, little more than the page's number of names is held, the smallest ones;
//! a folder is read again where that was not enough. A page thus reads every name of the folders that it touches, except of
//! a large one that has lain still since a page before: see `names.rs`.

use std::{collections::BTreeSet, fs::DirEntry, io, path::Path, sync::Arc};

use super::{
    Files,
    names::{LARGE, MOST_KEPT, Names, Times},
    place::OWN,
    read,
    version::{hint, modified, timestamp},
};
use crate::{
    format::{Key, Prefix},
    port::{Listed, StoreError, StoreErrorKind},
};

impl Files {
    /// The first `want` objects below `prefix` and after `after`.
    pub(super) fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        want: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let prefix = prefix.as_str();
        check(prefix)?;
        if !self.root.is_dir() {
            return Err(self.explain("list", io::ErrorKind::NotFound.into()));
        }
        let mut walk = Walk {
            files: self,
            prefix,
            after: after.map(Key::as_str),
            want,
            found: Vec::new(),
        };
        let folder = prefix
            .rsplit_once('/')
            .map_or(0, |(folder, _)| folder.len() + 1);
        walk.folder(&prefix[..folder])
            .map_err(|error| self.explain("list", error))?;
        Ok(walk.found)
    }
}

/// Refuses a prefix that would leave the root.
fn check(prefix: &str) -> Result<(), StoreError> {
    let (folders, _) = prefix.rsplit_once('/').unwrap_or_default();
    let is_below = folders.is_empty() && !prefix.starts_with('/')
        || folders
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | ".."));
    if is_below {
        return Ok(());
    }
    let message = format!("{prefix:?} cannot be the name of a folder");
    Err(StoreError::new(StoreErrorKind::Invalid, message))
}

/// What was read of a folder.
struct Read {
    /// The smallest paths of those that were asked for, in order.
    smallest: Vec<String>,
    /// Whether these are all of them.
    is_whole: bool,
    /// How many names there are in the folder.
    names: usize,
}

/// One walk through the tree, in order, until enough is found.
struct Walk<'a> {
    files: &'a Files,
    prefix: &'a str,
    after: Option<&'a str>,
    want: usize,
    found: Vec<Listed>,
}

impl Walk<'_> {
    /// Visits what is in a folder: `""`, or a path that ends in `/`.
    fn folder(&mut self, folder: &str) -> io::Result<()> {
        let mut last: Option<String> = None;
        loop {
            let paths = self.smallest(folder, last.as_deref())?;
            for path in &paths {
                self.visit(path)?;
                if self.found.len() == self.want {
                    return Ok(());
                }
            }
            if paths.len() < self.most() {
                return Ok(());
            }
            last = paths.last().cloned();
        }
    }

    /// How many paths of a folder are held: one may lead to nothing, the folder in which the page before ended.
    fn most(&self) -> usize {
        self.want + 1
    }

    fn visit(&mut self, path: &str) -> io::Result<()> {
        match path.ends_with('/') {
            true => self.folder(path),
            false => {
                self.found.extend(self.listed(path)?);
                Ok(())
            }
        }
    }

    /// The smallest paths directly in a folder that are greater than `last` and may lead to something wanted.
    fn smallest(&self, folder: &str, last: Option<&str>) -> io::Result<Vec<String>> {
        let is_next = |path: &str| self.is_wanted(path) && last.is_none_or(|last| *path > *last);
        if self.files.keeps_names && self.files.folders.is_large(folder) {
            let from = self.beginning(folder, last);
            if let Some(names) = self.names(folder, from)? {
                let next = names.starting_at(from).iter();
                let next = next.filter(|path| is_next(path));
                let next: Vec<String> = next.take(self.most()).cloned().collect();
                if next.len() == self.most() || names.is_whole {
                    return Ok(next);
                }
            }
        }
        let read = self.read(folder, self.most(), is_next)?;
        if read.names >= LARGE {
            self.files.folders.remember_large(folder);
        }
        Ok(read.smallest)
    }

    /// The names of a large folder from a path on: kept from a page before, or to be kept. `None`: it does not lie still.
    fn names(&self, folder: &str, from: &str) -> io::Result<Option<Arc<Names>>> {
        let Some((times, is_still)) = Times::of(&self.files.root.join(folder))? else {
            return Ok(None);
        };
        if let Some(names) = self.files.folders.recall(folder, &times, from, self.most()) {
            return Ok(Some(names));
        }
        if !is_still {
            return Ok(None);
        }
        let most = MOST_KEPT.max(self.most() + 1);
        let read = self.read(folder, most, |path| *path >= *from)?;
        Ok(Some(self.files.folders.keep(
            folder,
            Names {
                times,
                from: from.to_owned(),
                is_whole: read.is_whole,
                paths: read.smallest,
            },
        )))
    }

    /// The `most` smallest paths in a folder of which `is_next` says so.
    fn read(&self, folder: &str, most: usize, is_next: impl Fn(&str) -> bool) -> io::Result<Read> {
        // A set, because a name that is replaced while the folder is read may be seen twice.
        let mut smallest = BTreeSet::new();
        let (mut names, mut is_whole) = (0, true);
        for entry in self.entries(&self.files.root.join(folder))? {
            names += 1;
            let Some(path) = path(folder, &entry?)?.filter(|path| is_next(path)) else {
                continue;
            };
            smallest.insert(path);
            if smallest.len() > most {
                smallest.pop_last();
                is_whole = false;
            }
        }
        Ok(Read {
            smallest: smallest.into_iter().collect(),
            is_whole,
            names,
        })
    }

    /// Where what is wanted of a folder begins: nothing before it is.
    fn beginning<'p>(&'p self, folder: &'p str, last: Option<&'p str>) -> &'p str {
        let after = self.after.filter(|after| after.starts_with(folder));
        let child = after.map(|after| match after[folder.len()..].find('/') {
            Some(end) => &after[..=folder.len() + end],
            None => after,
        });
        let below = Some(self.prefix).filter(|prefix| prefix.starts_with(folder));
        let bounds = [last, child, below];
        bounds.into_iter().flatten().max().unwrap_or(folder)
    }

    /// The names in a folder; none when it vanished (S17).
    fn entries(
        &self,
        folder: &Path,
    ) -> io::Result<impl Iterator<Item = io::Result<DirEntry>> + use<>> {
        match self.files.disk.read_folder(folder) {
            Ok(entries) => Ok(Some(entries).into_iter().flatten()),
            Err(error) if is_gone(&error) => Ok(None.into_iter().flatten()),
            Err(error) => Err(error),
        }
    }

    fn is_wanted(&self, path: &str) -> bool {
        let is_folder = path.ends_with('/');
        let is_below = path.starts_with(self.prefix) || is_folder && self.prefix.starts_with(path);
        let is_after = self
            .after
            .is_none_or(|after| path > after || is_folder && after.starts_with(path));
        is_below && is_after
    }

    /// A file as the page shows it; `None` when it went away meanwhile.
    fn listed(&self, path: &str) -> io::Result<Option<Listed>> {
        let Some((mut file, metadata)) = read::open(&self.files.root.join(path))? else {
            return Ok(None);
        };
        Ok(Some(Listed {
            key: Key::from_stored(path),
            version: hint(&mut file, &metadata),
            size: metadata.len(),
            last_modified: timestamp(modified(&metadata)),
        }))
    }
}

/// The path of an entry, ending in `/` for a folder; `None` for what can be no object: our own files, names that are
/// not UTF-8, links, devices.
fn path(folder: &str, entry: &DirEntry) -> io::Result<Option<String>> {
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
        (true, _) => Some(format!("{folder}{name}/")),
        (_, true) => Some(format!("{folder}{name}")),
        _ => None,
    })
}

pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
