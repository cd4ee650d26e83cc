//! From the derive's input to its output: read, check, expand. The whole interface is emitted even when there are errors,
//! so that one mistake is one error and completion goes on working.

mod components;
mod docs;
mod document_impl;
mod embedded;
mod fallback;
mod fields;
mod finders;
mod functions;
mod migrations;
mod new_struct;
mod partial;
mod policy;
mod references;
mod spec;

pub(crate) use embedded::embedded;

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use crate::{check, errors::Errors, model::DocumentModel};

/// The output of `#[derive(Document)]`.
pub(crate) fn document(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let output = match DocumentModel::read(input, &mut errors) {
        Some(mut model) => {
            model.trace(&mut errors);
            check::document(&mut model, &mut errors);
            expand(&model)
        }
        None => fallback::document(input),
    };
    [output, errors.into_tokens()].into_iter().collect()
}

fn expand(model: &DocumentModel) -> TokenStream {
    let subject = migrations::Subject::of_document(model);
    // Joined at once: every interpolation into a `quote!` is a conversation with the compiler.
    let items = [
        migrations::tracking(&model.history),
        functions::expand(model),
        components::expand(model),
        spec::expand(model, &subject),
        spec::names(model).unwrap_or_default(),
        fields::expand(model),
        document_impl::expand(model),
        finders::expand(model),
        partial::expand(model),
        references::expand(model),
        new_struct::implementation(model).unwrap_or_default(),
    ];
    let outside = [
        new_struct::structure(model).unwrap_or_default(),
        migrations::past_structs(&subject).unwrap_or_default(),
        wrap(&model.crate_path, &items.into_iter().collect()),
    ];
    outside.into_iter().collect()
}

/// Wraps items so that no name of ours enters the user's module. What lints would say of any of them is allowed here: once
/// costs less than at each item.
fn wrap(crate_path: &syn::Path, items: &TokenStream) -> TokenStream {
    quote! {
        #[doc(hidden)]
        #[allow(
            dead_code, missing_debug_implementations, non_upper_case_globals, private_bounds, private_interfaces,
            unreachable_pub
        )]
        const _: () = {
            use #crate_path::__private as __sb;
            #items
        };
    }
}
