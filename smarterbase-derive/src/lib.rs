//! `#[derive(Document)]` and `#[derive(Embedded)]` of SmarterBase. Applications use them through the facade crate
//! `smarterbase`.
//!
//! The expansion is data and one-line calls to `smarterbase::__private`: it holds no `async` code and no logic, so that it
//! compiles fast and changes with the engine.

mod attr;
mod check;
mod errors;
mod expand;
mod history;
mod model;
mod names;
mod schema;

use proc_macro::TokenStream;

#[doc = include_str!("../docs/document.md")]
#[proc_macro_derive(Document, attributes(document, key, index, unique, references, field))]
pub fn derive_document(input: TokenStream) -> TokenStream {
    run(input.into(), expand::document).into()
}

#[doc = include_str!("../docs/embedded.md")]
#[proc_macro_derive(Embedded, attributes(embedded, field))]
pub fn derive_embedded(input: TokenStream) -> TokenStream {
    run(input.into(), expand::embedded).into()
}

#[doc = include_str!("../docs/schema.md")]
#[proc_macro]
pub fn schema(input: TokenStream) -> TokenStream {
    schema::schema(input.into()).into()
}

fn run(
    input: proc_macro2::TokenStream,
    expand: fn(&syn::DeriveInput) -> proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    match syn::parse2(input) {
        Ok(input) => expand(&input),
        Err(error) => error.to_compile_error(),
    }
}

#[cfg(test)]
mod tests;
