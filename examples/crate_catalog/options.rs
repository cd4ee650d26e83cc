//! The command line.

use std::path::PathBuf;

/// Stores the packages of a Cargo workspace and their dependencies, and asks about them.
#[derive(Debug, clap::Parser)]
pub(crate) struct Options {
    /// Where the documents live: a folder, `memory:`, or with the features `s3://bucket/prefix?redis=…`
    #[arg(long, default_value = "./data/crate_catalog")]
    pub(crate) url: String,
    /// The manifest of the workspace, or of any package in it
    #[arg(long, default_value = "Cargo.toml")]
    pub(crate) manifest_path: PathBuf,
    /// Whose dependents to show, `syn` or `syn@2.0.117`; by default the package with most of them
    #[arg(long)]
    pub(crate) package: Option<String>,
    /// Which keyword to look for
    #[arg(long, default_value = "async")]
    pub(crate) keyword: String,
}

impl Options {
    /// The URL without its query, which may hold a password.
    pub(crate) fn shown_url(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }
}
