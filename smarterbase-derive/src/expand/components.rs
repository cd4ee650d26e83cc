//! One constant per component: the only place that asks a field's type for its encoding, so that a type without one is
//! one error, on the type.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use smarterbase_schema::Origin;

use crate::model::{Definition, DocumentModel, Source, span_of_type};

/// The constants of a model.
pub(super) fn expand(model: &DocumentModel) -> TokenStream {
    let needed = needed(model).into_iter();
    let constants = needed.map(|component| constant(model, &component));
    let with_ttl = model
        .definitions
        .iter()
        .filter(|definition| definition.ttl.is_some());
    let moments = with_ttl
        .flat_map(of)
        .map(|component| moment(model, component));
    constants.chain(moments).collect()
}

/// A TTL index counts from a moment. The whole call is where rustc points.
fn moment(model: &DocumentModel, component: Component) -> TokenStream {
    let ty = model.sources().get(component.position).ty();
    let span = span_of_type(ty);
    let name = name(model, component);
    let located = Ident::new(&name.to_string(), span);
    quote_spanned! {span=>
        const _: () = #located.must_be_a_moment();
    }
}

/// A component, apart from the definition that it stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    position: usize,
    each: bool,
    lower: bool,
}

/// The components of a definition.
pub(super) fn of(definition: &Definition) -> impl Iterator<Item = Component> {
    definition.components.iter().map(|position| Component {
        position: *position,
        each: definition.each.is_some(),
        lower: definition.folded() == Some(*position),
    })
}

/// The name of a component's constant.
pub(super) fn name(model: &DocumentModel, component: Component) -> Ident {
    let folded = if component.lower { "_LOWER" } else { "" };
    let each = if component.each { "_EACH" } else { "" };
    let field = model.sources().get(component.position).name();
    format_ident!("__SB_{}{}{}", field, each, folded)
}

/// The type of a component's values: the field's, or that of its elements.
pub(super) fn value_type(model: &DocumentModel, component: Component) -> TokenStream {
    let ty = model.sources().get(component.position).ty();
    if component.each {
        let span = span_of_type(ty);
        quote_spanned!(span=> <#ty as __sb::IndexList>::Element)
    } else {
        quote!(#ty)
    }
}

fn needed(model: &DocumentModel) -> Vec<Component> {
    let mut needed = Vec::new();
    for component in model.definitions.iter().flat_map(of) {
        if !needed.contains(&component) {
            needed.push(component);
        }
    }
    needed
}

fn constant(model: &DocumentModel, component: &Component) -> TokenStream {
    let name = name(model, *component);
    let ty = value_type(model, *component);
    let part = model.sources().get(component.position);
    let span = span_of_type(part.ty());
    let stored = part.stored();
    let (origin, touched, computed) = match part {
        Source::Field(field) => {
            let Origin { name, touched, .. } = model.history.origin(&field.stored);
            (name, touched, None)
        }
        Source::Computed(computed) => {
            let revision = computed.revision;
            (
                computed.name(),
                model.touched(),
                Some(quote!(.computed(#revision))),
            )
        }
    };
    // The type stands in the call only: rustc would report an obligation once for each place that names the type.
    let call = quote_spanned!(span=> __sb::component::<#ty>);
    let lower = if component.lower {
        quote!(__sb::Some(__sb::LOWER))
    } else {
        quote!(__sb::None)
    };
    let assertion = component.lower.then(|| {
        // The whole call is where rustc points.
        let located = Ident::new(&name.to_string(), span);
        quote_spanned! {span=>
            const _: () = #located.must_be_text();
        }
    });
    quote! {
        const #name: __sb::Component<#ty> = #call(#stored, #lower, #origin, #touched)#computed;
        #assertion
    }
}
