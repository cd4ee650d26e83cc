//! Typed JSON documents on the object storage and Redis that people already run.

pub mod open;
pub mod prelude;

pub use open::open;
pub use smarterbase_core::{
    Error, ErrorKind, Result,
    db::{Db, DbBuilder, Session},
    document::{Document, Field, FieldType, Id, IndexValue, Stored, Timestamp},
    operation::limits::Limits,
    query::{Cursor, Page},
};
pub use smarterbase_derive::{Document, Embedded};
pub use validator;

#[doc(hidden)]
pub use smarterbase_core::codegen_support as __private;
