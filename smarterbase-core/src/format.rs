//! Every path, key and byte that is stored. No I/O. Written down in `docs/format.md`, frozen by `tests/fixtures`.

pub mod body;
pub mod cascade;
pub mod catalog;
pub mod claim;
pub mod counter;
pub mod cursor;
pub mod database;
pub mod definition;
pub mod entry;
pub mod envelope;
pub mod import;
pub mod index_key;
pub mod intent;
pub mod local_index;
pub mod lock;
pub mod lower;
pub mod nonce;
pub mod path;
pub mod quarantine;
pub mod record;
pub mod result;
pub mod schema;
pub mod sequence;
pub mod snapshot;
pub mod stored_type;
pub mod upgrade;

pub(crate) mod json;

pub use envelope::Envelope;
pub use nonce::Nonce;
pub use path::{Key, Prefix};

/// The version of the stored format that this build writes.
pub const FORMAT_VERSION: u32 = 1;

/// The features that this build understands in `needs`.
pub const KNOWN_FEATURES: &[&str] = &[];
