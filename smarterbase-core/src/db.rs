//! The database handle, its builder, and the requests that verbs and finders return.

pub mod request;
pub mod session;

pub use request::find::{Count, DeleteMany, FindMany, FindOne};
pub use session::Session;

/// An open database. Cheap to clone; all clones share one engine.
#[derive(Clone, Debug)]
pub struct Db {}
