//! `check`: what a release pipeline asks.

use std::path::Path;

use anyhow::bail;

use crate::{
    blocks::{Look, Messages},
    chore::Chore,
    folder,
};

/// Checks the locks, then the crates against them, then the golden fixtures of the crates that have a `schema!`.
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
    let look = Look {
        arguments: cargo,
        messages: Messages::Shown,
        deny_drafts,
    };
    let found = look.run()?;
    if !found.compiles {
        bail!("the crates do not fit to their locks");
    }
    // The locks of other packages of a workspace were checked by their derives.
    let mut report = match files.len() {
        0 => "the crates fit to their locks\n".to_owned(),
        count => format!("{count} locks, and the crates fit to them\n"),
    };
    if !found.lists.is_empty() {
        Chore::new("check").run(&found.lists, cargo)?;
        report.push_str("every golden fixture is read by the program of today\n");
    }
    Ok(report)
}
