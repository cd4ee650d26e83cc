//! Index backends that need nothing but the store. Redis lives in `smarterbase-redis`.

pub mod objects;

pub use objects::ObjectIndex;
