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
    let errors = errors.into_tokens();
    quote!(#output #errors)
}

fn expand(model: &DocumentModel) -> TokenStream {
    let subject = migrations::Subject::of_document(model);
    let tracking = migrations::tracking(&model.history);
    let past = migrations::past_structs(&subject);
    let spec = spec::expand(model, &subject);
    let names = spec::names(model);
    let components = components::expand(model);
    let functions = functions::expand(model);
    let fields = fields::expand(model);
    let partial = partial::expand(model);
    let document_impl = document_impl::expand(model);
    let finders = finders::expand(model);
    let references = references::expand(model);
    let new_struct = new_struct::structure(model);
    let new_impl = new_struct::implementation(model);
    let wrapped = wrap(
        &model.crate_path,
        &quote!(#tracking #functions #components #spec #names #fields #document_impl #finders #partial #references #new_impl),
    );
    quote!(#new_struct #past #wrapped)
}

/// Wraps items so that no name of ours enters the user's module.
fn wrap(crate_path: &syn::Path, items: &TokenStream) -> TokenStream {
    quote! {
        #[doc(hidden)]
        const _: () = {
            use #crate_path::__private as __sb;
            #items
        };
    }
}
