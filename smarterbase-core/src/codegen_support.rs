//! Every name that the derives may emit. Not an API: it changes with the derive, which is pinned to this version.

pub mod automatic;
pub mod component;
pub mod migration;
pub mod newtype;

pub use std::{
    any::Any,
    assert,
    borrow::Cow,
    clone::Clone,
    concat,
    convert::Into,
    default::Default,
    env,
    fmt::{self, Debug},
    include_bytes,
    marker::Copy,
    option::Option::{self, None, Some},
    option_env,
    result::Result::{self, Err, Ok},
    string::String,
    stringify, unreachable,
    vec::Vec,
};

pub use crate::format::lower::LATEST as LOWER;
pub use automatic::{AutomaticKey, AutomaticRevision, AutomaticTime, revision_of};
pub use component::{Component, component};
pub use migration::{
    StepOutput, Untracked, added, converted, custom, hold_lock, may_be_draft, split,
};
pub use newtype::{InnerAutomaticKey, InnerIndexValue, InnerKey, InnerPresentValue, KeyNewtype};
pub use serde;
pub use serde_json;
pub use validator;

pub use crate::{
    db::{Count, DeleteMany, FetchReference, FindMany, FindOne, Session},
    document::seal::is_stored_as,
    document::{
        Adoption, ComponentSpec, Document, DocumentKey, DocumentSpec, EmbeddedForm, EmbeddedSpec,
        Field, FieldSpec, FieldType, History, Id, IndexArg, IndexKind, IndexList, IndexRange,
        IndexSink, IndexSpec, IndexValue, IntoDocument, KeepsHistory, KeyKind, KeyText, Moment,
        OnBad, OnDelete, PartialIndex, PartialUnique, Policy, PredicateSpec, Reference,
        ReferenceSpec, RefersTo, Scalar, Shape, Standing, Timestamp, UnknownMembers, Upgrade,
        field::{Indexed, Ranged, Unindexed},
        index_value::{Encoding, PresentValue},
    },
    error::{Error, Violation},
    migration::{Change, Migration, Representation, Step as MigrationStep, VariantChange},
    schema::{
        DocumentType, Schema, chore,
        closed_world::{
            Message, check as check_closed_world, check_fields, field_slots,
            slots as embedded_slots,
        },
        fixture, lock,
    },
};

/// The future of a function that opens a database, as tools take it.
pub fn boxed<Output>(
    future: impl Future<Output = Output> + Send + 'static,
) -> futures::future::BoxFuture<'static, Output> {
    Box::pin(future)
}

/// The form of the keys of `T`.
#[must_use]
pub const fn key_kind<T: Document>() -> KeyKind {
    <T::Key as DocumentKey>::KIND
}

/// The request of a unique finder.
pub fn find_one<'a, T: Document>(
    session: impl Into<Session<'a>>,
    ordinal: u16,
    value: &[Scalar<'_>],
) -> FindOne<'a, T> {
    FindOne::new(session.into(), ordinal, value)
}

/// The request of an index finder: every component of `prefix` is equal.
pub fn find_many<'a, T: Document>(
    session: impl Into<Session<'a>>,
    ordinal: u16,
    prefix: &[Scalar<'_>],
) -> FindMany<'a, T> {
    FindMany::new(session.into(), ordinal, prefix, None)
}

/// The request of a range finder: `prefix` is equal, and the next component lies in `range`.
pub fn find_range<'a, T: Document, V>(
    session: impl Into<Session<'a>>,
    ordinal: u16,
    prefix: &[Scalar<'_>],
    range: &impl IndexRange<V>,
) -> FindMany<'a, T> {
    FindMany::new(session.into(), ordinal, prefix, Some(range.bounds()))
}

/// Runs the rules of `validator`, when the type has them (see [`Validated`] and [`NotValidated`]).
#[derive(Debug)]
pub struct Probe<'a, T>(pub &'a T);

/// Chosen by method resolution for types that implement `validator::Validate`.
pub trait Validated {
    /// The violations.
    fn violations(&self) -> Result<(), Vec<Violation>>;
}

/// Chosen, one reference further out, for all other types.
pub trait NotValidated {
    /// No violations.
    fn violations(&self) -> Result<(), Vec<Violation>> {
        Ok(())
    }
}

impl<T: validator::Validate> Validated for Probe<'_, T> {
    fn violations(&self) -> Result<(), Vec<Violation>> {
        self.0.validate().map_err(|errors| flatten("", &errors))
    }
}
impl<T> NotValidated for &Probe<'_, T> {}

/// Every violation, with the path of its field. The parameters of a rule are left out: they hold the value.
fn flatten(path: &str, errors: &validator::ValidationErrors) -> Vec<Violation> {
    use validator::ValidationErrorsKind::{Field, List, Struct};
    let fields: std::collections::BTreeMap<_, _> = errors.errors().iter().collect();
    let join = |field: &str| {
        if path.is_empty() {
            field.to_owned()
        } else {
            format!("{path}.{field}")
        }
    };
    let mut violations = Vec::new();
    for (field, kind) in fields {
        match kind {
            Struct(inner) => violations.extend(flatten(&join(field), inner)),
            List(items) => {
                for (position, inner) in items {
                    violations.extend(flatten(&format!("{}[{position}]", join(field)), inner));
                }
            }
            Field(rules) => violations.extend(rules.iter().map(|rule| Violation {
                field: join(field),
                rule: rule.code.to_string(),
                message: rule.message.as_ref().map(ToString::to_string),
            })),
        }
    }
    violations
}
