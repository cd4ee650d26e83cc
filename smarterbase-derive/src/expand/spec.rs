//! The static `DocumentSpec`: plain data.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::components;
use crate::{
    attr::Unknown,
    model::{Definition, DocumentModel, FieldModel, Kind, span_of},
    names,
};

pub(super) fn expand(model: &DocumentModel) -> TokenStream {
    let ident = &model.ident;
    let type_name = names::plain(ident);
    let collection = &model.collection;
    let version = model.version;
    let shards = model.shards;
    let key_field = model.key().map_or("", |key| key.stored.as_str());
    let fields = model.stored().map(field);
    let indexes = model
        .definitions
        .iter()
        .map(|definition| index(model, definition));
    let unknown = match model.unknown {
        Unknown::Keep => quote!(Keep),
        Unknown::Drop => quote!(Drop),
        Unknown::Deny => quote!(Deny),
    };
    quote! {
        static __SB_SPEC: __sb::DocumentSpec = __sb::DocumentSpec {
            type_name: #type_name,
            collection: #collection,
            schema_version: #version,
            shards: #shards,
            key_field: #key_field,
            key_kind: __sb::key_kind::<#ident>(),
            fields: &[#(#fields),*],
            indexes: &[#(#indexes),*],
            unknown: __sb::UnknownMembers::#unknown,
        };
    }
}

fn field(field: &FieldModel) -> TokenStream {
    let name = &field.stored;
    let aliases = field.aliases.iter().map(|alias| &alias.value);
    let shape = shape(&field.ty, field.opaque.is_some());
    quote! {
        __sb::FieldSpec { name: #name, aliases: &[#(#aliases),*], shape: #shape }
    }
}

/// The shape of a stored type.
pub(super) fn shape(ty: &syn::Type, opaque: bool) -> TokenStream {
    if opaque {
        return quote!(&__sb::Shape::Opaque);
    }
    let span = span_of(ty);
    quote_spanned!(span=> <#ty as __sb::FieldType>::SHAPE)
}

fn index(model: &DocumentModel, definition: &Definition) -> TokenStream {
    let name = &definition.name;
    let kind = match definition.kind {
        Kind::Index => quote!(Index),
        Kind::Unique => quote!(Unique),
    };
    let each = definition.each.is_some();
    let range = definition.range.is_some();
    let components = components::of(definition).map(|component| components::name(model, component));
    quote! {
        __sb::IndexSpec {
            name: #name,
            kind: __sb::IndexKind::#kind,
            each: #each,
            range: #range,
            components: &[#(#components.spec),*],
        }
    }
}
