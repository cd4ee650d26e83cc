//! Documents of older versions, read and written by newer programs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    missing_docs,
    missing_debug_implementations,
    reason = "the documents of tests"
)]

mod adopting;
mod embedded_versions;
mod failing;
mod floor;
mod policies;
mod published;
mod quarantine;
mod reading;
mod restoring;
mod rolling;
mod tasks;
mod untyped;
mod upgrading;
mod v1;
mod v2;
mod v4;
mod world;
mod writing;
