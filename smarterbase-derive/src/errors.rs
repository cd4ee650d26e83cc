//! The errors of one expansion, reported together.

use proc_macro2::{Span, TokenStream};

/// Collects errors. [`Errors::into_tokens`] must be called: an error that is not reported is a wrong expansion.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    pub(crate) fn push(&mut self, span: Span, message: impl std::fmt::Display) {
        self.0.push(syn::Error::new(span, message));
    }

    /// One mistake in two places: the message stands at the later one, and the earlier one is pointed at.
    pub(crate) fn push_pair(
        &mut self,
        later: Span,
        message: impl std::fmt::Display,
        earlier: Span,
        note: &str,
    ) {
        self.push(later, message);
        self.push(earlier, note);
    }

    pub(crate) fn absorb(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the errors of another collection.
    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// One `compile_error!` per error, in the order in which they were found.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }
}
