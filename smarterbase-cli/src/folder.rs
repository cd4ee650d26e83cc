//! The locks of a folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use smarterbase_schema::Lock;

/// A lock file, read or not.
pub(crate) struct LockFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl LockFile {
    /// Whether the file is that of a type with this stored name.
    pub(crate) fn is_of(&self, name: &str) -> bool {
        self.path.file_stem().is_some_and(|stem| stem == name)
    }

    /// The lock; its seal must fit.
    pub(crate) fn lock(&self) -> anyhow::Result<Lock> {
        Lock::parse(&self.text).with_context(|| self.path.display().to_string())
    }
}

/// Every lock file below a folder, sorted by path. A folder that is not there has none.
pub(crate) fn files(folder: &Path) -> anyhow::Result<Vec<LockFile>> {
    let mut found = Vec::new();
    for folder in [folder.to_owned(), folder.join("embedded")] {
        if !folder.is_dir() {
            continue;
        }
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                found.push(LockFile { path, text });
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(found)
}

/// The locks of a folder; of one type, when it is named.
pub(crate) fn locks(folder: &Path, name: Option<&str>) -> anyhow::Result<Vec<Lock>> {
    let mut locks = Vec::new();
    for file in files(folder)? {
        let lock = file.lock()?;
        if name.is_none_or(|name| name == lock.name) {
            locks.push(lock);
        }
    }
    match name {
        Some(name) if locks.is_empty() => {
            bail!("no lock in `{}` is called `{name}`", folder.display())
        }
        _ => Ok(locks),
    }
}
