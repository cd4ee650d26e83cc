//! Obligations that nothing else in the expansion asks for, spanned on the field's type: the compiler judges types, and
//! `#[diagnostic::on_unimplemented]` on the traits says what to write.

use proc_macro2::TokenStream;

use crate::model::DocumentModel;

pub(super) fn expand(_model: &DocumentModel) -> TokenStream {
    TokenStream::new()
}
