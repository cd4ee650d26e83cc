//! The handles of partial definitions: `User::INDEXES.by_active_email`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use super::{components, docs, finders};
use crate::{
    model::{Definition, DocumentModel, Kind},
    names,
};

/// The struct and its constant; nothing for a type without partial definitions.
pub(super) fn expand(model: &DocumentModel) -> TokenStream {
    let definitions = model.definitions.iter().enumerate();
    let partial: Vec<_> = definitions
        .filter(|(_, definition)| definition.is_partial())
        .collect();
    if partial.is_empty() {
        return TokenStream::new();
    }
    let (ident, visibility) = (&model.ident, &model.visibility);
    let name = format_ident!("__{}Indexes", names::plain(ident));
    let about = docs::partial_handles(model);
    let members = partial.iter().map(|(_, definition)| {
        let (member, handle) = (member(definition), handle(model, definition));
        let about = docs::partial_handle(model, definition);
        quote!(#[doc = #about] pub #member: #handle)
    });
    let values = partial.iter().map(|(position, definition)| {
        let (member, kind) = (member(definition), kind(definition));
        let ordinal = finders::ordinal(*position);
        quote!(#member: __sb::#kind::new(#ordinal))
    });
    quote! {
        #[doc = #about]
        #[derive(::core::fmt::Debug)]
        #visibility struct #name { #(#members),* }
        impl #ident {
            #[doc = #about]
            #visibility const INDEXES: #name = #name { #(#values),* };
        }
    }
}

/// `by_active_email` for what `find_by_active_email` finds.
fn member(definition: &Definition) -> Ident {
    let span = Span::mixed_site().located_at(definition.method_span);
    Ident::new(&format!("by_{}", definition.method), span)
}

fn kind(definition: &Definition) -> Ident {
    match definition.kind {
        Kind::Index => format_ident!("PartialIndex"),
        Kind::Unique => format_ident!("PartialUnique"),
    }
}

fn handle(model: &DocumentModel, definition: &Definition) -> TokenStream {
    let (document, kind) = (&model.ident, kind(definition));
    let types =
        components::of(definition).map(|component| components::value_type(model, component));
    let capability = match (definition.kind, definition.range) {
        (Kind::Unique, _) => None,
        (Kind::Index, Some(_)) => Some(quote!(, __sb::Ranged)),
        (Kind::Index, None) => Some(quote!(, __sb::Indexed)),
    };
    quote!(__sb::#kind<#document, (#(#types,)*) #capability>)
}
