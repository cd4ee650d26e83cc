//! Asks the derives for today's versions: they write them where `SMARTERBASE_SEAL_OUT` says, while cargo checks the crates.

use std::{collections::BTreeMap, env, fs, path::PathBuf, process::Command};

use anyhow::{Context, bail};
use smarterbase_schema::Lock;

/// Today's version of a type, and where its lock is.
pub(crate) struct Block {
    pub(crate) lock_path: PathBuf,
    /// A lock with one version.
    pub(crate) today: Lock,
}

/// Today's versions of all types that cargo has to look at again: every crate with a draft.
pub(crate) fn collect(arguments: &[String]) -> anyhow::Result<Vec<Block>> {
    let out = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut command = cargo_check(arguments);
    let status = command
        .env("SMARTERBASE_SEAL_OUT", out.path())
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("the crates do not compile, so nothing was sealed");
    }
    let mut blocks = BTreeMap::new();
    for entry in fs::read_dir(out.path())? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        let block = read(&text).with_context(|| format!("{} is no block", path.display()))?;
        let place = block.lock_path.clone();
        if let Some(other) = blocks.insert(place.clone(), block) {
            let other: Block = other;
            bail!(
                "two types are sealed in `{}`: both have the stored name `{}`",
                place.display(),
                other.today.name
            );
        }
    }
    Ok(blocks.into_values().collect())
}

/// `cargo check` with these arguments.
pub(crate) fn cargo_check(arguments: &[String]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg("check").arg("--quiet").args(arguments);
    command
}

/// The first line says where the lock is, the rest is the block.
fn read(text: &str) -> anyhow::Result<Block> {
    let (first, block) = text.split_once('\n').context("it is empty")?;
    let path = first.strip_prefix("# lock ").context("it names no lock")?;
    Ok(Block {
        lock_path: PathBuf::from(path),
        today: Lock::parse(block)?,
    })
}
