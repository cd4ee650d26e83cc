//! Listing objects in the byte order of their whole paths.
//!
//! A folder counts as its name with `/`, so that `a.json` comes before `a/x` and after `a-b/x`, as in an object store.
//! A page reads every name of the folders that it touches, unless they are known from the page before it (`names`). Memory is
//! bounded: of a folder with too many names, at most the page's number is kept, the smallest ones, and it is read again
//! where that was not enough.

use std::{collections::BTreeSet, io};

use super::{
    Files, names, read,
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
        match self.files.names(folder)? {
            Some(names) => Ok(self.smallest_of(&names, folder, last)),
            None => self.smallest_in(folder, last),
        }
    }

    fn smallest_of(&self, names: &[Box<str>], folder: &str, last: Option<&str>) -> Vec<String> {
        let bound = self.bound(folder, last);
        let begin = names.partition_point(|name| **name < *bound);
        names[begin..]
            .iter()
            .map(|name| format!("{folder}{name}"))
            .filter(|path| self.is_wanted(path) && last.is_none_or(|last| **path > *last))
            .take(self.most())
            .collect()
    }

    /// No name in the folder that is below this one leads to something wanted.
    fn bound<'a>(&'a self, folder: &str, last: Option<&'a str>) -> &'a str {
        let within = |path: &'a str| path.strip_prefix(folder).unwrap_or_default();
        let after = within(self.after.unwrap_or_default());
        // The folder that holds `after` is below it, and holds what comes after it.
        let after = after.split_inclusive('/').next().unwrap_or_default();
        after.max(within(last.unwrap_or_default()))
    }

    /// The same of a folder of too many names, which are read, and all but the smallest forgotten.
    fn smallest_in(&self, folder: &str, last: Option<&str>) -> io::Result<Vec<String>> {
        // A set, because a name that is replaced while the folder is read may be seen twice.
        let mut kept = BTreeSet::new();
        for entry in self.files.entries(&self.files.root.join(folder))? {
            let Some(name) = names::name(folder, &entry?)? else {
                continue;
            };
            let path = format!("{folder}{name}");
            if !self.is_wanted(&path) || last.is_some_and(|last| *path <= *last) {
                continue;
            }
            kept.insert(path);
            if kept.len() > self.most() {
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
