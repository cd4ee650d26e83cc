//! The struct of field handles: `User::FIELDS.email`.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::docs;
use crate::{
    model::{Definition, DocumentModel, Kind, Source},
    names,
};

/// The struct and what `Document::Fields` asks of it.
pub(super) fn expand(model: &DocumentModel) -> TokenStream {
    let visibility = &model.visibility;
    let document = &model.ident;
    let name = name(model);
    let about = docs::handles(model);
    let members = handles(model).map(|(position, part)| -> TokenStream {
        let (ident, about) = (part.ident(), docs::handle(model, position));
        let (value, capability) = (part.ty(), capability(model, position));
        quote!(#[doc = #about] pub #ident: __sb::Field<#document, #value #capability>,)
    });
    let members: TokenStream = members.collect();
    quote! {
        #[doc = #about]
        #visibility struct #name { #members }
    }
}

/// The name of the struct. Nobody can write it: it lives inside the expansion's block.
pub(super) fn name(model: &DocumentModel) -> Ident {
    format_ident!("__{}Fields", names::plain(&model.ident))
}

/// The value of the struct.
pub(super) fn values(model: &DocumentModel) -> TokenStream {
    let name = name(model);
    let members = handles(model).map(|(_, part)| {
        let (ident, stored) = (part.ident(), part.stored());
        quote!(#ident: __sb::handle(#stored),)
    });
    let members: TokenStream = members.collect();
    quote!(#name { #members })
}

/// What has a handle, by its position: the stored fields, then what methods compute.
fn handles(model: &DocumentModel) -> impl Iterator<Item = (usize, Source<'_>)> {
    let fields = model.fields.iter().enumerate();
    let stored = fields.filter(|(_, field)| field.is_stored());
    let behind = model.fields.len();
    let values = model
        .values()
        .map(move |(position, value)| (behind + position, Source::Computed(value)));
    stored
        .map(|(position, field)| (position, Source::Field(field)))
        .chain(values)
}

/// The definition that serves a value alone: a range index if there is one, else another index, else a unique value. Partial
/// ones serve their own handles only.
pub(super) fn serving(model: &DocumentModel, position: usize) -> Option<&Definition> {
    let alone =
        |definition: &&Definition| definition.components == [position] && !definition.is_partial();
    let rank =
        |definition: &&Definition| (definition.range.is_none(), definition.kind == Kind::Unique);
    model.definitions.iter().filter(alone).min_by_key(rank)
}

/// What the value can be asked, where it is more than every field can.
fn capability(model: &DocumentModel, position: usize) -> Option<TokenStream> {
    match serving(model, position) {
        Some(definition) if definition.range.is_some() => Some(quote!(, __sb::Ranged)),
        Some(_) => Some(quote!(, __sb::Indexed)),
        None if leads(model, position) => Some(quote!(, __sb::Indexed)),
        None => None,
    }
}

/// Whether an index over several fields begins with this one: then it finds its values.
pub(super) fn leads(model: &DocumentModel, position: usize) -> bool {
    model.definitions.iter().any(|definition| {
        let is_first = definition.components.first() == Some(&position);
        definition.kind == Kind::Index && is_first && !definition.is_partial()
    })
}
