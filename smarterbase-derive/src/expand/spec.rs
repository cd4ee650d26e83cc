//! The static `DocumentSpec`: plain data.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::{components, migrations, policy, references};
use crate::{
    attr::Unknown,
    model::{Definition, DocumentModel, FieldModel, Kind, span_of},
    names,
};

pub(super) fn expand(model: &DocumentModel, past: &migrations::Subject<'_>) -> TokenStream {
    let ident = &model.ident;
    let type_name = names::plain(ident);
    let collection = &model.collection;
    let version = model.options.current();
    let history = history(model, key_field(model), past);
    let shards = model.shards;
    let key_field = key_field(model);
    let fields = model.stored().map(field);
    let indexes = model
        .definitions
        .iter()
        .map(|definition| index(model, definition));
    let references = references::specs(model);
    let unknown = match model.unknown {
        Unknown::Keep => quote!(Keep),
        Unknown::Drop => quote!(Drop),
        Unknown::Deny => quote!(Deny),
    };
    let keeps_history = model.keeps_history;
    let kept = keeps_history.then(|| quote!(impl __sb::KeepsHistory for #ident {}));
    quote! {
        #kept
        const __SB_FIELDS: &[__sb::FieldSpec] = &[#(#fields),*];
        static __SB_SPEC: __sb::DocumentSpec = __sb::DocumentSpec {
            type_name: #type_name,
            collection: #collection,
            schema_version: #version,
            shards: #shards,
            key_field: #key_field,
            key_kind: __sb::key_kind::<#ident>(),
            fields: __SB_FIELDS,
            indexes: &[#(#indexes),*],
            references: &[#(#references),*],
            unknown: __sb::UnknownMembers::#unknown,
            keeps_history: #keeps_history,
            history: #history,
        };
    }
}

fn key_field(model: &DocumentModel) -> &str {
    model.key().map_or("", |key| key.stored.as_str())
}

fn history(model: &DocumentModel, key_field: &str, past: &migrations::Subject<'_>) -> TokenStream {
    let (version, oldest) = (model.options.current(), model.history.readable_from);
    let policy = policy::expand(model);
    if model.history.links.is_empty() && version == oldest {
        return quote!(__sb::History::none(#version, #key_field, __SB_FIELDS).with(#policy));
    }
    let migrations = migrations::steps(past);
    quote! {
        __sb::History {
            seal: __sb::seal(#key_field, __SB_FIELDS),
            readable_from: #oldest,
            migrations: &[#(#migrations),*],
            policy: #policy,
        }
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
