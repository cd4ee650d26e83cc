//! Tests of the expansion that need no compiler: what it looks like, that it is always the same, and how large it is.

mod budget;
mod chains;
mod determinism;
mod history;
mod snapshots;

use std::{cell::RefCell, collections::BTreeMap};

use proc_macro2::TokenStream;

thread_local! {
    /// The locks that the derive finds, by the names of their files.
    pub(crate) static LOCKS: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

/// The expansion of `#[derive(Document)]` on this struct.
fn document(input: TokenStream) -> TokenStream {
    crate::run(input, crate::expand::document)
}

/// The expansion of `#[derive(Embedded)]` on this type.
fn embedded(input: TokenStream) -> TokenStream {
    crate::run(input, crate::expand::embedded)
}
