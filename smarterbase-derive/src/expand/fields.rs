//! The struct of field handles: `User::FIELDS.email`.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::docs;
use crate::{
    model::{Definition, DocumentModel, FieldModel, Kind},
    names,
};

/// The struct and what `Document::Fields` asks of it.
pub(super) fn expand(model: &DocumentModel) -> TokenStream {
    let visibility = &model.visibility;
    let document = &model.ident;
    let name = name(model);
    let about = docs::handles(model);
    let members = model.stored().map(|field| {
        let (ident, about) = (&field.ident, docs::handle(model, field));
        let (value, capability) = (&field.ty, capability(model, field));
        quote!(#[doc = #about] pub #ident: __sb::Field<#document, #value, __sb::#capability>)
    });
    quote! {
        #[doc = #about]
        #[allow(private_interfaces, unreachable_pub, dead_code, missing_debug_implementations)]
        #visibility struct #name { #(#members),* }
    }
}

/// The name of the struct. Nobody can write it: it lives inside the expansion's block.
pub(super) fn name(model: &DocumentModel) -> Ident {
    format_ident!("__{}Fields", names::plain(&model.ident))
}

/// The value of the struct.
pub(super) fn values(model: &DocumentModel) -> TokenStream {
    let name = name(model);
    let members = model.stored().map(|field| {
        let (ident, stored) = (&field.ident, &field.stored);
        quote!(#ident: __sb::Field::new(#stored))
    });
    quote!(#name { #(#members),* })
}

/// The definition that serves a field alone: a range index if there is one, else another index, else a unique value.
pub(super) fn serving<'a>(
    model: &'a DocumentModel,
    field: &FieldModel,
) -> Option<(usize, &'a Definition)> {
    let alone = |definition: &&(usize, &'a Definition)| matches!(definition.1.components[..], [position] if model.fields[position].ident == field.ident);
    let definitions: Vec<_> = model.definitions.iter().enumerate().collect();
    let rank =
        |definition: &Definition| (definition.range.is_none(), definition.kind == Kind::Unique);
    definitions
        .iter()
        .filter(alone)
        .min_by_key(|(_, definition)| rank(definition))
        .copied()
}

/// What the field can be asked.
fn capability(model: &DocumentModel, field: &FieldModel) -> TokenStream {
    match serving(model, field) {
        Some((_, definition)) if definition.range.is_some() => quote!(Ranged),
        Some(_) => quote!(Indexed),
        None if leads(model, field) => quote!(Indexed),
        None => quote!(Unindexed),
    }
}

/// Whether an index over several fields begins with this one: then it finds its values.
pub(super) fn leads(model: &DocumentModel, field: &FieldModel) -> bool {
    model.definitions.iter().any(|definition| {
        let first = definition.components.first();
        let is_first = first.is_some_and(|position| model.fields[*position].ident == field.ident);
        definition.kind == Kind::Index && is_first
    })
}
