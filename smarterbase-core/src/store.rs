//! Compare-and-swap storage in memory and on the filesystem.
//!
//! Object storage lives in a crate of its own, so that this one stays light.

pub(crate) mod bodies;
pub mod filesystem;
pub mod layer;
pub mod memory;
mod page;
pub mod probe;

pub use filesystem::{FileOptions, FileStore};
pub use layer::{LayerSettings, RequestCounts, Requests, stack};
pub use memory::MemoryStore;
pub use probe::probe;
