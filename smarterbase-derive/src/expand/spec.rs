//! The static `DocumentSpec`: plain data.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use smarterbase_schema::types;

use super::{components, migrations, policy, references};
use crate::{
    attr::Unknown,
    model::{Computed, Definition, DocumentModel, FieldModel, Kind, span_of_type},
    names,
};

pub(super) fn expand(model: &DocumentModel, past: &migrations::Subject<'_>) -> TokenStream {
    let ident = &model.ident;
    let type_name = names::plain(ident);
    let collection = &model.collection;
    let version = model.options.current();
    let history = history(model, past);
    let shards = model.shards;
    let key_field = key_field(model);
    let fields = model.stored().map(field);
    let computed = model.computed.iter().map(Computed::name);
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
        static __SB_SPEC: __sb::DocumentSpec = __sb::DocumentSpec {
            type_name: #type_name,
            collection: #collection,
            schema_version: #version,
            shards: #shards,
            key_field: #key_field,
            key_kind: __sb::key_kind::<#ident>(),
            fields: &[#(#fields),*],
            computed: &[#(#computed),*],
            indexes: &[#(#indexes),*],
            references: &[#(#references),*],
            unknown: __sb::UnknownMembers::#unknown,
            keeps_history: #keeps_history,
            history: #history,
        };
    }
}

/// No two of the embedded types in the document have one stored name. Asked of the compiler where something may stand in the
/// document that is not of std.
pub(super) fn names(model: &DocumentModel) -> Option<TokenStream> {
    let mut stored = model.stored().filter(|field| field.opaque.is_none());
    stored.find(|field| !types::is_known(&crate::history::text(&field.ty, false)))?;
    let type_name = names::plain(&model.ident);
    let span = Span::mixed_site().located_at(model.ident.span());
    Some(quote_spanned! {span=>
        const _: () = if let __sb::Some(mistake) =
            __sb::check_fields::<{ __sb::field_slots(__SB_SPEC.fields) }>(#type_name, __SB_SPEC.fields)
        {
            ::core::panic!("{}", mistake.text())
        };
    })
}

fn key_field(model: &DocumentModel) -> &str {
    model.key().map_or("", |key| key.stored.as_str())
}

fn history(model: &DocumentModel, past: &migrations::Subject<'_>) -> TokenStream {
    let (version, oldest) = (model.options.current(), model.history.readable_from);
    let policy = policy::expand(model);
    if model.history.links.is_empty() && version == oldest {
        return quote!(__sb::History::none(#version).with(#policy));
    }
    let migrations = migrations::steps(past);
    quote! {
        __sb::History {
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
    let span = span_of_type(ty);
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
    let predicate = predicate(model, definition);
    let components = components::of(definition).map(|component| components::name(model, component));
    quote! {
        __sb::IndexSpec {
            name: #name,
            kind: __sb::IndexKind::#kind,
            each: #each,
            range: #range,
            components: &[#(#components.spec),*],
            predicate: #predicate,
        }
    }
}

fn predicate(model: &DocumentModel, definition: &Definition) -> TokenStream {
    let Some(predicate) = &definition.predicate else {
        return quote!(__sb::None);
    };
    let (function, revision, touched) = (&predicate.function, predicate.revision, model.touched());
    quote! {
        __sb::Some(__sb::PredicateSpec {
            function: #function,
            revision: #revision,
            touched: #touched,
        })
    }
}
