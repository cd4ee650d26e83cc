//! `#[derive(Embedded)]`.

use proc_macro2::TokenStream;
use syn::DeriveInput;

pub(crate) fn embedded(_input: &DeriveInput) -> TokenStream {
    TokenStream::new()
}
