//! Everything a program that defines and uses documents needs: `use smarterbase::prelude::*;`.

pub use serde::{Deserialize, Serialize};
pub use smarterbase_core::{
    Error, ErrorKind,
    db::{Db, DocumentExt, Session, StoredExt, Tx},
    document::{Document, Field, Id, Stored, Timestamp},
    query::{Cursor, Page},
    schema::Schema,
};
pub use smarterbase_derive::{Document, Embedded};
pub use validator::Validate;
