//! Listing objects in the byte order of their whole paths.
//!
//! A folder counts as its name with `/`, so that `a.json` comes before `a/x` and after `a-b/x`, as in an object store.
//! Memory is bounded: of every folder on the way down, at most the page's number of names is kept, the smallest ones;
//! a folder is read again where that was not enough. A page thus reads every name of the folders that it touches.

use std::{
    collections::BTreeSet,
    fs::{self, DirEntry},
    io,
};

use super::{
    Files,
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
                if self.found.len() == self.want {
                    return Ok(());
                }
                self.visit(path)?;
            }
            if paths.len() < self.want {
                return Ok(());
            }
            last = paths.last().cloned();
        }
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
        // A set, because a name that is replaced while the folder is read may be seen twice.
        let mut kept = BTreeSet::new();
        for entry in entries(&self.files.root.join(folder))? {
            let Some(path) = path(folder, &entry?)? else {
                continue;
            };
            if !self.is_wanted(&path) || last.is_some_and(|last| *path <= *last) {
                continue;
            }
            kept.insert(path);
            if kept.len() > self.want {
                kept.pop_last();
            }
        }
        Ok(kept.into_iter().collect())
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

/// The names in a folder; none when it vanished (S17).
fn entries(folder: &std::path::Path) -> io::Result<impl Iterator<Item = io::Result<DirEntry>>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Some(entries).into_iter().flatten()),
        Err(error) if is_gone(&error) => Ok(None.into_iter().flatten()),
        Err(error) => Err(error),
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

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
