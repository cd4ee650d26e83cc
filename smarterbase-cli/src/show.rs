//! `schema show`: sealed shapes, for people.

use std::path::Path;

use smarterbase_schema::{Lock, difference};

use crate::folder;

/// The last version of each type, or of one.
pub(crate) fn show(schema: &Path, name: Option<&str>) -> anyhow::Result<String> {
    let locks = folder::locks(schema, name)?;
    Ok(locks.iter().map(text).collect())
}

fn text(lock: &Lock) -> String {
    let Some(last) = lock.last() else {
        return String::new();
    };
    let mut text = format!(
        "{} {} version {} ({})\n",
        lock.kind.name(),
        lock.name,
        last.version,
        last.shape.form.name()
    );
    for part in &last.shape.parts {
        let key = if last.shape.key.as_ref() == Some(&part.name) {
            "  # the key"
        } else {
            ""
        };
        text.push_str(&format!("  {}{key}\n", difference::text(part)));
    }
    text
}
