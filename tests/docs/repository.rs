//! The files of the repository, as a checkout has them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What lies at the top but is not checked in.
const NOT_OURS: &[&str] = &[".git", "target", "data"];

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A document or source file, by its path from the root.
pub(crate) fn read(path: &str) -> String {
    let full = root().join(path);
    fs::read_to_string(&full).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether `name` is a folder or file at the top that is checked in.
pub(crate) fn is_at_the_top(name: &str) -> bool {
    !NOT_OURS.contains(&name) && root().join(name).exists()
}

/// Every file below `folder` with this extension, by its path from the root, sorted.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root().join(folder), extension, &mut found);
    found.sort();
    found
}

/// Every document that people read: those at the top, those of the crates, and `docs/`.
pub(crate) fn documents() -> Vec<String> {
    let mut documents = files("", "md");
    documents.retain(|path| !path.starts_with("fuzz/corpus"));
    assert!(
        documents.iter().any(|path| path == "README.md"),
        "{documents:?}"
    );
    documents
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<String>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    for entry in entries {
        let path: PathBuf = entry.expect("an entry of a folder").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if path.is_dir() {
            if !NOT_OURS.contains(&&*name) {
                collect(&path, extension, found);
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            let relative = path.strip_prefix(root()).expect("below the root");
            found.push(relative.to_str().expect("UTF-8").to_owned());
        }
    }
}
