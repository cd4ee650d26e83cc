//! Fields that fill themselves: automatic keys and times.

use uuid::Uuid;

use crate::document::{Id, Moment, Timestamp};

/// A type that `#[key(auto)]` can make.
#[diagnostic::on_unimplemented(
    message = "a key of type `{Self}` cannot be made automatically",
    label = "not a type that `#[key(auto)]` can fill",
    note = "use `Id<T>`, `Uuid` or a newtype of one of them, or write `#[key]` and set the key yourself"
)]
pub trait AutomaticKey: Sized {
    /// The value that stands for "not set yet".
    fn placeholder() -> Self;

    /// Sets a fresh value when the key is the placeholder.
    fn fill(&mut self, moment: &mut Moment<'_>);
}

impl AutomaticKey for Uuid {
    fn placeholder() -> Self {
        Self::nil()
    }

    fn fill(&mut self, moment: &mut Moment<'_>) {
        if self.is_nil() {
            *self = moment.new_uuid();
        }
    }
}
impl<T> AutomaticKey for Id<T> {
    fn placeholder() -> Self {
        Self::auto()
    }

    fn fill(&mut self, moment: &mut Moment<'_>) {
        if self.is_auto() {
            *self = Self::from_uuid(moment.new_uuid());
        }
    }
}

/// A type that `#[field(created_at)]` and `#[field(updated_at)]` can fill.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` cannot hold an automatic time",
    label = "expected `Timestamp` or `Option<Timestamp>`"
)]
pub trait AutomaticTime {
    /// The field's value for `now`.
    fn at(now: Timestamp) -> Self;
}

impl AutomaticTime for Timestamp {
    fn at(now: Timestamp) -> Self {
        now
    }
}
impl AutomaticTime for Option<Timestamp> {
    fn at(now: Timestamp) -> Self {
        Some(now)
    }
}

/// The type of a field with `#[field(revision)]`.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` cannot hold a revision",
    label = "expected `Option<u64>`"
)]
pub trait AutomaticRevision {
    /// Sets the revision.
    fn set(&mut self, revision: u64);
}

impl AutomaticRevision for Option<u64> {
    fn set(&mut self, revision: u64) {
        *self = Some(revision);
    }
}

/// The revision in a field. Of any type, so that a wrong one is one error, at [`AutomaticRevision::set`].
#[must_use]
pub fn revision_of<V: 'static>(field: &V) -> Option<u64> {
    let field: &dyn std::any::Any = field;
    field.downcast_ref::<Option<u64>>().copied().flatten()
}
