//! Attributes: from tokens to typed options with spans. One parser per attribute; every mistake is pushed and skipped.

mod computed;
mod document;
mod duration;
mod embedded;
mod field;
mod function;
mod history;
mod item;
mod migrate;
mod policy;
mod references;
pub(crate) mod serde;

pub(crate) use computed::ComputedOptions;
pub(crate) use document::{CompositeOptions, DocumentOptions, NewOptions, Unknown};
pub(crate) use embedded::EmbeddedOptions;
pub(crate) use field::{DefaultValue, FieldOptions, IndexOptions, UniqueOptions};
pub(crate) use function::PredicateOptions;
pub(crate) use history::HistoryOptions;
pub(crate) use migrate::{MigrateOptions, StepOptions};
pub(crate) use policy::{AdoptOptions, PolicyOptions};
pub(crate) use references::{OnDelete, ReferenceOptions};

use proc_macro2::Span;

/// A value and the place where it was written.
#[derive(Clone)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}
