//! Compare-and-swap storage in memory and on the filesystem.
//!
//! Object storage lives in a crate of its own, so that this one stays light.

pub mod filesystem;
pub mod memory;
mod page;

pub use filesystem::{FileOptions, FileStore};
pub use memory::MemoryStore;
