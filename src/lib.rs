//! Typed JSON documents on the object storage and Redis that people already run.

pub use smarterbase_core::{
    Error, ErrorKind, Result,
    db::{Db, Session},
    document::{Document, Field, FieldType, Id, IndexValue, Stored, Timestamp},
};
pub use smarterbase_derive::{Document, Embedded};
pub use validator;

pub mod prelude;

#[doc(hidden)]
pub use smarterbase_core::codegen_support as __private;
