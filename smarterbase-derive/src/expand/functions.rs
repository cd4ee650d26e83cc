//! The user's own functions: each stands in one constant, the only place that asks for its type, so that a wrong one is one
//! error, where the user named it.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};

use crate::model::{Computed, Definition, DocumentModel, Source, span_of};

/// The constants of a model.
pub(super) fn expand(model: &DocumentModel) -> TokenStream {
    let values = model
        .values()
        .map(|(_, computed)| of_value(model, computed));
    let predicates = model
        .definitions
        .iter()
        .enumerate()
        .filter(|(position, _)| first_alike(model, *position) == Some(*position))
        .map(|(position, definition)| of_predicate(model, position, definition));
    values.chain(predicates).collect()
}

fn of_value(model: &DocumentModel, computed: &Computed) -> TokenStream {
    let (constant, document, method, ty) = (
        value_name(computed),
        &model.ident,
        &computed.ident,
        &computed.ty,
    );
    let span = span_of(method);
    let path = quote_spanned!(span=> <#document>::#method);
    quote!(const #constant: fn(&#document) -> #ty = #path;)
}

fn of_predicate(model: &DocumentModel, position: usize, definition: &Definition) -> TokenStream {
    let (constant, document) = (predicate_name(position), &model.ident);
    let path = definition
        .predicate
        .as_ref()
        .map(|predicate| &predicate.path);
    quote!(const #constant: fn(&#document) -> bool = #path;)
}

/// The first definition with the same function, whose constant stands for both.
fn first_alike(model: &DocumentModel, position: usize) -> Option<usize> {
    let path = |definition: &Definition| {
        let predicate = definition.predicate.as_ref()?;
        Some(predicate.path.to_token_stream().to_string())
    };
    let wanted = path(&model.definitions[position])?;
    model
        .definitions
        .iter()
        .position(|definition| path(definition).as_ref() == Some(&wanted))
}

fn value_name(computed: &Computed) -> Ident {
    format_ident!(
        "__SB_{}_COMPUTED",
        computed.name(),
        span = Span::mixed_site()
    )
}

fn predicate_name(position: usize) -> Ident {
    format_ident!("__SB_WHERE_{position}", span = Span::mixed_site())
}

/// What the method gives.
pub(super) fn call(computed: &Computed) -> TokenStream {
    let constant = value_name(computed);
    quote!((#constant)(self))
}

/// The entries of a definition that runs code of the user, only where they are wanted and the document is in.
pub(super) fn guarded(
    model: &DocumentModel,
    definition: &Definition,
    ordinal: &Literal,
    entry: TokenStream,
) -> TokenStream {
    let is_computed =
        |position: &usize| matches!(model.sources().get(*position), Source::Computed(_));
    let position = model
        .definitions
        .iter()
        .position(|other| std::ptr::eq(other, definition));
    let holds = position
        .and_then(|position| first_alike(model, position))
        .map(|first| {
            let constant = predicate_name(first);
            quote!(&& (#constant)(self))
        });
    if holds.is_none() && !definition.components.iter().any(is_computed) {
        return entry;
    }
    quote! {
        if __sb_sink.wants(#ordinal) #holds {
            #entry
        }
    }
}

/// What queries compare; nothing for a model without computed values.
pub(super) fn shown(model: &DocumentModel) -> Option<TokenStream> {
    let arms = model.values().map(|(position, computed)| {
        let position = super::finders::ordinal(position);
        let call = call(computed);
        quote!(#position => __sb_look(&#call),)
    });
    let arms: TokenStream = arms.collect();
    (!arms.is_empty()).then(|| {
        quote! {
            fn computed(&self, __sb_position: u16, __sb_look: &mut dyn ::core::ops::FnMut(&dyn __sb::Any)) {
                match __sb_position {
                    #arms
                    _ => __sb::unreachable!(),
                }
            }
        }
    })
}
