//! `schema diff`: what changed between two sealed versions.

use std::path::Path;

use anyhow::{Context, bail};
use smarterbase_schema::difference;

use crate::folder;

/// The changes from one version of a type to another.
pub(crate) fn show(
    schema: &Path,
    name: &str,
    from: Option<u32>,
    to: Option<u32>,
) -> anyhow::Result<String> {
    let locks = folder::locks(schema, Some(name))?;
    let [lock] = &locks[..] else {
        bail!("a document and an embedded type are both called `{name}`");
    };
    let last = lock.last().map_or(0, |last| last.version);
    let to = to.unwrap_or(last);
    let from = from.unwrap_or(to.saturating_sub(1));
    let sealed = |version| {
        lock.version(version)
            .with_context(|| format!("`{name}` has no sealed version {version}"))
    };
    let (before, after) = (sealed(from)?, sealed(to)?);
    let changes = difference::by_name(&before.shape, &after.shape);
    if changes.is_empty() {
        return Ok(format!("{name} {from} => {to}: stored alike\n"));
    }
    Ok(format!(
        "{name} {from} => {to}\n{}\n",
        difference::list(&changes)
    ))
}
