//! The tool on real cargo projects, which are made in temporary folders and share one target folder.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod chains;
mod defaults;
mod journey;
mod min_version;
mod project;
mod rust_analyzer;
