//! The database of an example, by URL.

use anyhow::Context;
use smarterbase::prelude::*;

/// Opens it; the error names the URL without its query, which may hold a password.
pub(crate) async fn open(url: &str) -> anyhow::Result<Db> {
    let shown = url.split('?').next().unwrap_or_default();
    let db = smarterbase::open(url)
        .await
        .with_context(|| format!("cannot use the database `{shown}`"))?;
    println!("opened {shown}");
    Ok(db)
}
