//! `check`: what a release pipeline asks.

use std::path::Path;

use anyhow::{Context, bail};

use crate::{blocks::cargo_check, folder};

/// Checks the locks, then the crates against them.
pub(crate) fn check(schema: &Path, deny_drafts: bool, cargo: &[String]) -> anyhow::Result<String> {
    let files = folder::files(schema)?;
    let broken: Vec<String> = files
        .iter()
        .filter_map(|file| file.lock().err())
        .map(|error| format!("{error:#}"))
        .collect();
    if !broken.is_empty() {
        bail!("{}", broken.join("\n       "));
    }
    let mut command = cargo_check(cargo);
    if deny_drafts {
        command.env("SMARTERBASE_DRAFTS", "deny");
    }
    let status = command.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("the crates do not fit to their locks");
    }
    Ok(format!(
        "{} locks, and the crates fit to them\n",
        files.len()
    ))
}
