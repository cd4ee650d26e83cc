//! Where the lock of a type is. The derive reads exactly one file, and the manifest where that is the lock of another crate; it
//! writes only where `SMARTERBASE_SEAL_OUT` asks for it.

use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::quote;
use smarterbase_schema::{Lock, Sealed, digest};

use super::{History, Subject, owner};

/// The file of a lock.
pub(crate) struct Source {
    /// As messages name it: `schema/users.toml`.
    pub(crate) shown: String,
    /// The text; `None` when there is no such file.
    pub(crate) text: Option<String>,
    /// Where it is on this machine, for `seal`.
    pub(crate) path: PathBuf,
    /// The path as an argument of `include_bytes!`: the same tokens on every machine.
    pub(crate) include: TokenStream,
    /// Whether the folder was named by somebody, so that the lock is meant whatever crate it says.
    pub(crate) is_explicit: bool,
}

/// Where all locks are, when it is not the folder of the package: tests of the derive are built elsewhere.
const FOLDER: &str = "SMARTERBASE_SCHEMA_DIR";

impl Source {
    /// The lock of a type.
    pub(crate) fn find(subject: &Subject<'_>) -> Self {
        let file = Lock::path(subject.kind, subject.name);
        let named = subject.options.schema_dir.as_ref();
        let folder = named.map_or("schema", |folder| folder.value.as_str());
        let shown = format!("{folder}/{file}");
        if let Ok(root) = std::env::var(FOLDER) {
            let include = format!("/{file}");
            let path = Path::new(&root).join(&file);
            return Self {
                text: read(&path),
                path,
                include: quote!(__sb::concat!(__sb::env!(#FOLDER), #include)),
                shown,
                is_explicit: true,
            };
        }
        let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        let include = format!("/{shown}");
        let path = PathBuf::from(root).join(&shown);
        Self {
            text: read(&path),
            path,
            include: quote!(__sb::concat!(__sb::env!("CARGO_MANIFEST_DIR"), #include)),
            shown,
            is_explicit: named.is_some(),
        }
    }

    /// Whether the package still has the crate that the lock belongs to.
    pub(crate) fn has_owner(lock: &Lock) -> bool {
        let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        owner::has_crate(Path::new(&package), &lock.crate_name)
    }

    /// Whether the lock belongs to the crate that is being compiled. Tests and examples of a package are crates of their own.
    pub(crate) fn is_ours(&self, lock: &Lock) -> bool {
        self.is_explicit
            || std::env::var("CARGO_CRATE_NAME").is_ok_and(|name| name == lock.crate_name)
            || std::env::var("CARGO_CRATE_NAME").is_err()
    }
}

#[cfg(not(test))]
fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Tests put locks into memory.
#[cfg(test)]
fn read(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    crate::tests::LOCKS.with_borrow(|locks| locks.get(name).cloned())
}

/// Where the derives and `schema!` write what the command line tool asks for.
const OUT: &str = "SMARTERBASE_SEAL_OUT";

/// Writes today's version of a type as a lock of one version, for the command line tool to collect. The lines before it say
/// where its lock is, what the type is called and where it stands. One whose history is not right is called `changed`: it
/// cannot be sealed, but `bump` mends it.
pub(crate) fn write_block(
    subject: &Subject<'_>,
    source: &Source,
    history: &History,
    is_right: bool,
) {
    if std::env::var_os(OUT).is_none() {
        return;
    }
    let version = subject.options.current();
    let block = Lock {
        kind: subject.kind,
        name: subject.name.to_owned(),
        crate_name: std::env::var("CARGO_CRATE_NAME").unwrap_or_default(),
        versions: vec![Sealed {
            version,
            shape: subject.shape.clone(),
            steps: last_steps(history, version),
            origins: history.origins(subject.kind, &subject.shape, version),
        }],
    };
    let text = format!(
        "# lock {}\n# type {}\n# at {}\n{}",
        source.path.display(),
        subject.type_name,
        place(subject.span),
        block.write()
    );
    write(&text, if is_right { "toml" } else { "changed" });
}

/// The digest of the steps that lead to today's version.
fn last_steps(history: &History, version: u32) -> Option<u64> {
    let last = history.links.last()?;
    (last.from + 1 == version).then(|| last.link.digest())
}

/// Writes that this crate has a list of its types.
pub(crate) fn write_marker(name: &str) {
    let of = |variable| std::env::var(variable).unwrap_or_default();
    // Only binaries have the third name.
    let text = format!(
        "{}\n{}\n{name}\n{}\n",
        of("CARGO_PKG_NAME"),
        of("CARGO_CRATE_NAME"),
        of("CARGO_BIN_NAME")
    );
    write(&text, "schema");
}

/// The file and the line of a name, as the compiler was told them.
fn place(span: proc_macro2::Span) -> String {
    if !proc_macro::is_available() {
        return String::new();
    }
    let span = span.unwrap();
    let file = span.local_file().unwrap_or_default();
    let file = std::env::current_dir().unwrap_or_default().join(file);
    format!("{}:{}", file.display(), span.line())
}

/// The command notices what is missing: a failure here is not a reason to fail a build.
fn write(text: &str, extension: &str) {
    if let Ok(folder) = std::env::var(OUT) {
        let name = format!("{}.{extension}", digest::hex(digest::of(text)));
        let _ = std::fs::write(Path::new(&folder).join(name), text);
    }
}
