//! `#[derive(Document)]` and `#[derive(Embedded)]`.

use proc_macro::TokenStream;

/// Makes a struct a document.
#[proc_macro_derive(Document, attributes(document, key, index, unique, references, field))]
pub fn derive_document(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Makes a struct, newtype or enum a part of documents.
#[proc_macro_derive(Embedded, attributes(embedded, field))]
pub fn derive_embedded(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
