//! The static `DocumentSpec`: plain data.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
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
    let history = history(model, past);
    let particular = particular(model);
    let key_field = key_field(model);
    let fields: TokenStream = model.stored().map(field).collect();
    let kept = model
        .keeps_history
        .then(|| quote!(impl __sb::KeepsHistory for #ident {}));
    quote! {
        #kept
        static __SB_SPEC: __sb::DocumentSpec = __sb::DocumentSpec {
            type_name: #type_name,
            collection: #collection,
            key_field: #key_field,
            key_kind: __sb::key_kind::<#ident>(),
            fields: &[#fields],
            #particular
            history: #history,
            ..__sb::DocumentSpec::PLAIN
        };
    }
}

/// The facts that do not go without saying: what is not written need not be compiled.
fn particular(model: &DocumentModel) -> TokenStream {
    let (version, shards) = (model.options.current(), model.shards);
    let version = (version > 1).then(|| quote!(schema_version: #version,));
    let shards = (shards > 1).then(|| quote!(shards: #shards,));
    let computed = model.computed.iter().map(Computed::name);
    let computed = list("computed", computed.map(|name| quote!(#name,)));
    let definitions = model.definitions.iter();
    let indexes = list(
        "indexes",
        definitions.map(|definition| index(model, definition)),
    );
    let references = list("references", references::specs(model).into_iter());
    let unknown = match model.unknown {
        Unknown::Keep => None,
        Unknown::Drop => Some(quote!(unknown: __sb::UnknownMembers::Drop,)),
        Unknown::Deny => Some(quote!(unknown: __sb::UnknownMembers::Deny,)),
    };
    let kept = model.keeps_history.then(|| quote!(keeps_history: true,));
    quote!(#version #shards #computed #indexes #references #unknown #kept)
}

/// `name: &[..],`; nothing when there are no elements.
fn list(name: &str, elements: impl Iterator<Item = TokenStream>) -> Option<TokenStream> {
    let elements: TokenStream = elements.collect();
    if elements.is_empty() {
        return None;
    }
    let name = format_ident!("{name}");
    Some(quote!(#name: &[#elements],))
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
            migrations: &[#migrations],
            policy: #policy,
        }
    }
}

/// One element of a list. No function makes it: rustc proves of every result of a function in a constant that it has no
/// interior mutability.
fn field(field: &FieldModel) -> TokenStream {
    let (name, ty) = (&field.stored, &field.ty);
    let aliases = if field.aliases.is_empty() {
        quote!(__sb::NO_NAMES)
    } else {
        let aliases = field.aliases.iter().map(|alias| &alias.value);
        quote!(&[#(#aliases),*])
    };
    if field.opaque.is_some() {
        return quote!(__sb::FieldSpec { name: #name, aliases: #aliases, shape: &__sb::Shape::Opaque },);
    }
    let span = span_of_type(ty);
    quote_spanned! {span=>
        __sb::FieldSpec { name: #name, aliases: #aliases, shape: <#ty as __sb::FieldType>::SHAPE },
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
    let base = match definition.kind {
        Kind::Index => quote!(INDEX),
        Kind::Unique => quote!(UNIQUE),
    };
    let each = definition.each.map(|_| quote!(each: true,));
    let range = definition.range.map(|_| quote!(range: true,));
    let ttl = definition.ttl.as_ref().map(|ttl| {
        let seconds = ttl.value;
        quote!(ttl: __sb::Some(__sb::Duration::from_secs(#seconds)),)
    });
    let predicate = predicate(model, definition);
    let components = components::of(definition).map(|component| components::name(model, component));
    quote! {
        __sb::IndexSpec {
            name: #name,
            #each
            #range
            #ttl
            components: &[#(#components.spec),*],
            #predicate
            ..__sb::IndexSpec::#base
        },
    }
}

fn predicate(model: &DocumentModel, definition: &Definition) -> Option<TokenStream> {
    let predicate = definition.predicate.as_ref()?;
    let (function, revision, touched) = (&predicate.function, predicate.revision, model.touched());
    Some(quote! {
        predicate: __sb::Some(__sb::PredicateSpec {
            function: #function,
            revision: #revision,
            touched: #touched,
        }),
    })
}
