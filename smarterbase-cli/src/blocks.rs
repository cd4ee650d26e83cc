//! Asks the derives for today's versions: they write them where `SMARTERBASE_SEAL_OUT` says, while cargo checks the crates.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use smarterbase_schema::Lock;

/// Today's version of a type, and where it is.
pub(crate) struct Block {
    pub(crate) lock_path: PathBuf,
    /// The Rust name.
    pub(crate) type_name: String,
    /// The source file and the line of the type's name.
    pub(crate) place: Option<(PathBuf, usize)>,
    /// A lock with one version.
    pub(crate) today: Lock,
}

/// A `schema!` of a crate.
pub(crate) struct List {
    pub(crate) package: String,
    pub(crate) crate_name: String,
    pub(crate) name: String,
    /// The binary that it stands in, when it is not the library.
    pub(crate) binary: Option<String>,
}

/// What the crates told that cargo had to look at again: those with a draft, with a mistake, or with a `schema!`.
pub(crate) struct Found {
    /// Whether the crates compile.
    pub(crate) compiles: bool,
    /// Types whose history is right.
    pub(crate) blocks: Vec<Block>,
    /// Types that are stored otherwise than their locks say, or have another mistake.
    pub(crate) changed: Vec<Block>,
    pub(crate) lists: Vec<List>,
}

/// Whether what the compiler has to say is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Messages {
    Shown,
    Hidden,
}

/// How the crates are looked at.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) arguments: &'a [String],
    pub(crate) messages: Messages,
    pub(crate) deny_drafts: bool,
}

impl Look<'_> {
    /// Checks the crates, and gives what they told. That they do not compile is no error here.
    pub(crate) fn run(self) -> anyhow::Result<Found> {
        let out = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut command = cargo("check", self.arguments);
        command.env("SMARTERBASE_SEAL_OUT", out.path());
        if self.deny_drafts {
            command.env("SMARTERBASE_DRAFTS", "deny");
        }
        if self.messages == Messages::Hidden {
            command.stderr(Stdio::null());
        }
        let status = command.status().context("cannot run cargo")?;
        Ok(Found {
            compiles: status.success(),
            blocks: blocks(out.path(), "toml")?,
            changed: blocks(out.path(), "changed")?,
            lists: lists(out.path())?,
        })
    }
}

/// Today's versions of all types that cargo has to look at again.
pub(crate) fn collect(arguments: &[String]) -> anyhow::Result<Found> {
    let look = Look {
        arguments,
        messages: Messages::Shown,
        deny_drafts: false,
    };
    let found = look.run()?;
    if !found.compiles {
        bail!("the crates do not compile, so nothing was sealed");
    }
    Ok(found)
}

/// cargo with this command and these arguments.
pub(crate) fn cargo(command: &str, arguments: &[String]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg(command).arg("--quiet").args(arguments);
    cargo
}

fn blocks(folder: &Path, extension: &str) -> anyhow::Result<Vec<Block>> {
    let mut blocks = BTreeMap::new();
    for (path, text) in files(folder, extension)? {
        let block = read(&text).with_context(|| format!("{} is no block", path.display()))?;
        let place = block.lock_path.clone();
        if let Some(other) = blocks.insert(place.clone(), block) {
            let (other, again): (Block, &Block) = (other, &blocks[&place]);
            // A crate that is compiled twice (for its tests, or as a part of a build script) says the same twice.
            if other.place != again.place {
                bail!(
                    "two types are sealed in `{}`: both have the stored name `{}`",
                    place.display(),
                    other.today.name
                );
            }
        }
    }
    Ok(blocks.into_values().collect())
}

fn files(folder: &Path, extension: &str) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path)?;
            found.push((path, text));
        }
    }
    found.sort();
    Ok(found)
}

/// The first lines say where the lock is, what the type is called and where it stands; the rest is the block.
fn read(text: &str) -> anyhow::Result<Block> {
    let (lock_path, rest) = fact(text, "# lock ")?;
    let (type_name, rest) = fact(rest, "# type ")?;
    let (place, block) = fact(rest, "# at ")?;
    let place = place.rsplit_once(':').and_then(|(file, line)| {
        let line = line.parse().ok()?;
        Some((PathBuf::from(file), line))
    });
    Ok(Block {
        lock_path: PathBuf::from(lock_path),
        type_name: type_name.to_owned(),
        place,
        today: Lock::parse(block)?,
    })
}

fn fact<'a>(text: &'a str, name: &str) -> anyhow::Result<(&'a str, &'a str)> {
    let (line, rest) = text.split_once('\n').context("it ends too early")?;
    let value = line
        .strip_prefix(name)
        .with_context(|| format!("`{name}` is missing"))?;
    Ok((value, rest))
}

fn lists(folder: &Path) -> anyhow::Result<Vec<List>> {
    let list = |text: String| {
        let mut lines = text.lines().map(str::to_owned);
        let mut next = || lines.next().unwrap_or_default();
        List {
            package: next(),
            crate_name: next(),
            name: next(),
            binary: Some(next()).filter(|name| !name.is_empty()),
        }
    };
    let files = files(folder, "schema")?;
    Ok(files.into_iter().map(|(_, text)| list(text)).collect())
}
