//! What is emitted for input that cannot be a document, so that its uses cause no errors of their own.

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use crate::{model::default_crate, names};

/// A minimal `impl Document`. A generic type gets none, since nothing fits all of its instances, and a union none, since
/// serde has none for it.
pub(super) fn document(input: &DeriveInput) -> TokenStream {
    if !input.generics.params.is_empty() || matches!(input.data, syn::Data::Union(_)) {
        return TokenStream::new();
    }
    let ident = &input.ident;
    let name = names::plain(ident);
    super::wrap(
        &default_crate(),
        &quote! {
            static __SB_SPEC: __sb::DocumentSpec = __sb::DocumentSpec {
                type_name: #name,
                collection: #name,
                schema_version: 1,
                shards: 1,
                key_field: "",
                key_kind: __sb::KeyKind::Text,
                fields: &[],
                computed: &[],
                indexes: &[],
                references: &[],
                unknown: __sb::UnknownMembers::Keep,
                keeps_history: false,
                history: __sb::History::none(1),
            };
            impl __sb::Document for #ident {
                type Key = __sb::String;
                type Fields = ();
                const COLLECTION: &'static str = #name;
                const SPEC: &'static __sb::DocumentSpec = &__SB_SPEC;
                const HANDLES: () = ();
                fn key(&self) -> &__sb::String {
                    __sb::unreachable!()
                }
                fn field(&self, _: u16) -> &dyn __sb::Any {
                    __sb::unreachable!()
                }
                fn index_values(&self, _: &mut dyn __sb::IndexSink) {}
                fn stamp(&mut self, _: &mut __sb::Moment<'_>) {}
            }
        },
    )
}
