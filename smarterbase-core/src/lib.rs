//! The engine of SmarterBase.
//!
//! Applications use the facade crate `smarterbase`. This crate is for authors of storage and index backends, who need
//! [`port`] and [`document`]; every other module may change in any release.
//!
//! Each module may use only the modules above it; `tests/architecture.rs` holds that.

pub mod error;

pub mod migration;

pub mod document;

pub mod format;

pub mod port;

pub mod protocol;

pub mod store;

pub mod index;

pub mod operation;

pub mod query;

pub mod maintenance;

pub mod db;

pub mod schema;

#[doc(hidden)]
pub mod codegen_support;

pub use error::{Error, ErrorKind, Result};
