//! What definitions are over: the fields of a document, and behind them the values that its methods compute.

use proc_macro2::{Ident, Span};
use syn::Type;

use super::{FieldModel, named};
use crate::{
    attr::{ComputedOptions, IndexOptions, UniqueOptions},
    names,
};

/// A value that a method gives.
pub(crate) struct Computed {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) revision: u32,
    /// Whether something else has the name, which is reported.
    pub(crate) is_taken: bool,
}

/// The fields of a document, and what its methods compute.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) fields: &'a [FieldModel],
    pub(crate) computed: &'a [Computed],
}

/// One of them.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Field(&'a FieldModel),
    Computed(&'a Computed),
}

impl Computed {
    /// The value, and the definitions over it.
    pub(super) fn read(
        options: ComputedOptions,
        document: &Ident,
    ) -> (Self, Vec<IndexOptions>, Vec<UniqueOptions>) {
        let computed = Self {
            ty: named(&options.ty, document),
            ident: options.ident,
            revision: options.revision,
            is_taken: false,
        };
        (computed, options.indexes, options.uniques)
    }

    /// The Rust name, without `r#`; the stored one is the same.
    pub(crate) fn name(&self) -> String {
        names::plain(&self.ident)
    }
}

impl<'a> Sources<'a> {
    /// Fields come first.
    pub(crate) fn get(self, position: usize) -> Source<'a> {
        match position.checked_sub(self.fields.len()) {
            None => Source::Field(&self.fields[position]),
            Some(behind) => Source::Computed(&self.computed[behind]),
        }
    }

    pub(super) fn all(self) -> impl Iterator<Item = Source<'a>> {
        let fields = self.fields.iter().map(Source::Field);
        fields.chain(self.computed.iter().map(Source::Computed))
    }
}

impl<'a> Source<'a> {
    pub(crate) fn ident(self) -> &'a Ident {
        match self {
            Self::Field(field) => &field.ident,
            Self::Computed(computed) => &computed.ident,
        }
    }

    pub(crate) fn ty(self) -> &'a Type {
        match self {
            Self::Field(field) => &field.ty,
            Self::Computed(computed) => &computed.ty,
        }
    }

    /// The Rust name, without `r#`.
    pub(crate) fn name(self) -> String {
        names::plain(self.ident())
    }

    pub(crate) fn stored(self) -> String {
        match self {
            Self::Field(field) => field.stored.clone(),
            Self::Computed(computed) => computed.name(),
        }
    }

    pub(super) fn stored_span(self) -> Span {
        match self {
            Self::Field(field) => field.stored_span,
            Self::Computed(computed) => computed.ident.span(),
        }
    }
}
