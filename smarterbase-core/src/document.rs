//! What a type tells the engine: its ids, fields, index values and static facts. No I/O and no stored bytes.

pub mod field;
pub mod id;
pub mod index_value;
pub mod list;
pub mod moment;
pub mod partial;
pub mod policy;
pub mod reference;
pub mod revision;
pub mod seal;
pub mod spec;
pub mod stored;
pub mod timestamp;
pub mod upgrade;

pub use field::{EmbeddedForm, EmbeddedSpec, Field, FieldType, Shape};
pub use id::{DocumentKey, Id, KeyKind, KeyText};
pub use index_value::{IndexArg, IndexRange, IndexSink, IndexValue, Scalar};
pub use list::IndexList;
pub use moment::{IntoDocument, Moment};
pub use partial::{IndexArgs, IndexRanges, PartialIndex, PartialUnique};
pub use policy::{Adoption, OnBad, Policy, Standing, Upgrade};
pub use reference::{OnDelete, Reference, ReferenceSpec, RefersTo};
pub use revision::Version;
pub use spec::{
    ComponentSpec, DocumentSpec, FieldSpec, History, IndexKind, IndexSpec, PredicateSpec,
    UnknownMembers,
};
pub use stored::{Meta, Stored};
pub use timestamp::Timestamp;

use std::any::Any;

use serde::{Serialize, de::DeserializeOwned};

use crate::error::Violation;

/// A document whose replaced versions are kept: `#[document(history)]`.
///
/// Before a version is replaced or deleted, by whatever verb or transaction, it is copied to
/// `_history/<collection>/<id>/<revision>-<write>.json`: one PUT more, beside the announcements of indexes. Nothing removes
/// the copies.
#[diagnostic::on_unimplemented(
    message = "`{Self}` keeps no history",
    note = "write `#[document(history)]` on it; versions that were replaced before that are gone"
)]
pub trait KeepsHistory: Document {}

/// A struct that is stored as one JSON object. Implemented by `#[derive(Document)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a document",
    label = "this type cannot be stored",
    note = "add `#[derive(Serialize, Deserialize, Document)]` to it"
)]
pub trait Document: Serialize + DeserializeOwned + Send + Sync + Sized + 'static {
    /// The type of the key field.
    type Key: DocumentKey;
    /// The struct of field handles: `User::FIELDS.email`.
    type Fields: 'static;

    /// The stored name of the collection, as in [`SPEC`](Self::SPEC): types that refer to each other name it.
    const COLLECTION: &'static str;
    /// The static facts of the type.
    const SPEC: &'static DocumentSpec;
    /// The field handles.
    const HANDLES: Self::Fields;

    /// The document's key.
    fn key(&self) -> &Self::Key;

    /// The value of the stored field at `position` in [`DocumentSpec::fields`]; queries compare it.
    ///
    /// # Panics
    /// There is no such field.
    fn field(&self, position: u16) -> &dyn Any;

    /// Shows the computed value at `position` in [`DocumentSpec::computed`]; queries compare it.
    fn computed(&self, _position: u16, _look: &mut dyn FnMut(&dyn Any)) {}

    /// Pushes the components of every index and unique definition, once per entry.
    fn index_values(&self, _sink: &mut dyn IndexSink) {}

    /// Fills the automatic fields: a missing automatic key, `created_at`, `updated_at`.
    fn stamp(&mut self, _moment: &mut Moment<'_>) {}

    /// Sets the field marked `#[field(revision)]`, if there is one.
    fn set_revision(&mut self, _revision: u64) {}

    /// The revision in the field marked `#[field(revision)]`, if there is one and it is set.
    fn expected_revision(&self) -> Option<u64> {
        None
    }

    /// Checks the rules of the `validator` attributes; every violation is reported.
    ///
    /// # Errors
    /// The violations.
    fn check_rules(&self) -> Result<(), Vec<Violation>> {
        Ok(())
    }
}
