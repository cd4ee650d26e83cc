//! The example programs do what they say, as processes of their own.
//!
//! They are built by the same `cargo test` that builds this file. With `--test examples` alone cargo does not build them:
//! then run `cargo build --examples` before, with the same features.

#[path = "examples/crate_catalog.rs"]
mod crate_catalog;
#[path = "examples/program.rs"]
mod program;
#[path = "examples/torture.rs"]
mod torture;
