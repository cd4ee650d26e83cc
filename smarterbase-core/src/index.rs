//! Index backends that need nothing but the store, or one file of this machine. Redis lives in `smarterbase-redis`.

#[cfg(feature = "local-index")]
pub mod local;
pub mod objects;

#[cfg(feature = "local-index")]
pub use local::{LocalIndex, LocalOptions};
pub use objects::ObjectIndex;
