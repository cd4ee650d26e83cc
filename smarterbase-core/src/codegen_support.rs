//! Every name that the derives may emit. Not an API: it changes with the derive, which is pinned to this version.

pub mod automatic;
pub mod component;
pub mod migration;
pub mod newtype;

use std::ops::Deref;

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
    stringify,
    time::Duration,
    unreachable,
    vec::Vec,
};

pub use crate::format::lower::LATEST as LOWER;
pub use automatic::{AutomaticKey, AutomaticRevision, AutomaticTime, revision_of};
pub use component::{Component, component};
pub use migration::{
    StepOutput, Untracked, added, allow_draft, arguments, converted, custom, draft, hold_lock,
    split,
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
    migration::{Change, Migration, Names, Representation, Step as MigrationStep, VariantChange},
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

/// The other names of a field that has none. An empty list in place would be a constant of its own.
pub const NO_NAMES: &[&str] = &[];

/// The handle of a stored field. A function and not a method: its name is found at once.
#[must_use]
pub const fn handle<T, V, C>(name: &'static str) -> Field<T, V, C> {
    Field::new(name)
}

/// The field at `position`.
///
/// # Panics
/// There is none.
#[must_use]
pub fn field_at<'a>(fields: &[&'a dyn Any], position: u16) -> &'a dyn Any {
    fields[usize::from(position)]
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

/// As [`find_one`] of a definition over one component of the type `V`.
pub fn find_one_by<'a, T: Document, V>(
    session: impl Into<Session<'a>>,
    ordinal: u16,
    value: &impl IndexArg<V>,
) -> FindOne<'a, T> {
    find_one(session, ordinal, &[value.argument()])
}

/// As [`find_many`] of a definition over one component of the type `V`.
pub fn find_many_by<'a, T: Document, V>(
    session: impl Into<Session<'a>>,
    ordinal: u16,
    value: &impl IndexArg<V>,
) -> FindMany<'a, T> {
    find_many(session, ordinal, &[value.argument()])
}

/// The count of what [`find_many_by`] finds.
pub fn count_by<'a, T: Document, V>(
    session: impl Into<Session<'a>>,
    ordinal: u16,
    value: &impl IndexArg<V>,
) -> Count<'a, T> {
    find_many_by::<T, V>(session, ordinal, value).count()
}

/// Deletes what [`find_many_by`] finds.
pub fn delete_by<'a, T: Document, V>(
    session: impl Into<Session<'a>>,
    ordinal: u16,
    value: &impl IndexArg<V>,
) -> DeleteMany<'a, T> {
    find_many_by::<T, V>(session, ordinal, value).delete()
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

/// What comes of the rules of a type.
pub type Rules = Result<(), Vec<Violation>>;

/// Runs the rules of `validator`, when the type has them; else it is taken for [`NotValidated`].
#[derive(Debug)]
pub struct Probe<'a, T>(pub &'a T);

impl<T: validator::Validate> Probe<'_, T> {
    /// Chosen by method resolution, which dereferences last, for types that implement `validator::Validate`.
    ///
    /// # Errors
    /// The violations.
    pub fn violations(&self) -> Rules {
        self.0.validate().map_err(|errors| flatten("", &errors))
    }
}

/// A type without rules.
#[derive(Debug)]
pub struct NotValidated;

impl NotValidated {
    /// Chosen for all other types.
    ///
    /// # Errors
    /// Never.
    pub const fn violations(&self) -> Rules {
        Ok(())
    }
}

impl<T> Deref for Probe<'_, T> {
    type Target = NotValidated;

    fn deref(&self) -> &NotValidated {
        &NotValidated
    }
}

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
