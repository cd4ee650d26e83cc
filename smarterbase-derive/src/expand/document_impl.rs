//! `impl Document`: one-line bodies.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::{components, fields, functions};
use crate::model::{Definition, DocumentModel, FieldModel, Role, Source, span_of_type};

pub(super) fn expand(model: &DocumentModel) -> TokenStream {
    let ident = &model.ident;
    let collection = &model.collection;
    let (key_type, key_value) = key(model);
    let fields = fields::name(model);
    let handles = fields::values(model);
    let values = values(model);
    let computed = functions::shown(model);
    let index_values = index_values(model);
    let stamp = stamp(model);
    let revision = revision(model);
    quote! {
        #[automatically_derived]
        impl __sb::Document for #ident {
            type Key = #key_type;
            type Fields = #fields;
            const COLLECTION: &'static str = #collection;
            const SPEC: &'static __sb::DocumentSpec = &__SB_SPEC;
            const HANDLES: #fields = #handles;

            fn key(&self) -> &Self::Key {
                #key_value
            }

            fn field(&self, __sb_position: u16) -> &dyn __sb::Any {
                #values
            }

            #computed
            #index_values
            #stamp
            #revision

            fn check_rules(&self) -> __sb::Rules {
                __sb::Probe(self).violations()
            }
        }
    }
}

/// The key's type and value. A model without a key was reported; a stand-in keeps everything else working.
fn key(model: &DocumentModel) -> (TokenStream, TokenStream) {
    match model.key() {
        Some(FieldModel { ident, ty, .. }) => (quote!(#ty), quote!(&self.#ident)),
        None => (quote!(__sb::String), quote!(__sb::unreachable!())),
    }
}

/// The stored fields by their positions: what queries compare. One array costs the compiler less than an arm for each.
fn values(model: &DocumentModel) -> TokenStream {
    let idents = model.stored().map(|field| &field.ident);
    quote!(__sb::field_at(&[#(&self.#idents),*], __sb_position))
}

/// Nothing for a model without definitions: a body costs the compiler something also when it is empty.
fn index_values(model: &DocumentModel) -> Option<TokenStream> {
    let definitions = model.definitions.iter().enumerate();
    let entries: TokenStream = definitions
        .map(|(ordinal, definition)| entry(model, ordinal, definition))
        .collect();
    (!entries.is_empty()).then(|| {
        quote! {
            fn index_values(&self, __sb_sink: &mut dyn __sb::IndexSink) {
                #entries
            }
        }
    })
}

fn entry(model: &DocumentModel, position: usize, definition: &Definition) -> TokenStream {
    let ordinal = super::finders::ordinal(position);
    let is_list = definition.each.is_some();
    let scalars =
        components::of(definition)
            .zip(&definition.components)
            .map(|(component, position)| {
                let constant = components::name(model, component);
                let value = match (is_list, model.sources().get(*position)) {
                    (true, _) => quote!(__sb_element),
                    (false, part) => value(part),
                };
                quote!((#constant.scalar)(#value))
            });
    let mut entry = quote!(__sb_sink.entry(#ordinal, &[#(#scalars),*]););
    if is_list {
        let list = value(model.sources().get(definition.components[0]));
        entry = quote! {
            for __sb_element in __sb::IndexList::elements(#list) {
                #entry
            }
        };
    }
    functions::guarded(model, definition, &ordinal, entry)
}

/// A reference to a value.
fn value(part: Source<'_>) -> TokenStream {
    match part {
        Source::Field(field) => {
            let ident = &field.ident;
            quote!(&self.#ident)
        }
        Source::Computed(computed) => {
            let call = functions::call(computed);
            quote!(&#call)
        }
    }
}

fn stamp(model: &DocumentModel) -> Option<TokenStream> {
    let key = model.key().filter(|key| key.automatic_key).map(|key| {
        let ident = &key.ident;
        // The argument's type decides where rustc points when the type cannot be made.
        let span = span_of_type(&key.ty);
        let ty = &key.ty;
        quote_spanned!(span=> <#ty as __sb::AutomaticKey>::fill(&mut self.#ident, __sb_moment);)
    });
    let created = times(model, Role::CreatedAt);
    let created = (!created.is_empty()).then(|| quote!(if __sb_moment.is_new { #created }));
    let updated = times(model, Role::UpdatedAt);
    let changes = quote!(#key #created #updated);
    (!changes.is_empty()).then(|| {
        quote! {
            fn stamp(&mut self, __sb_moment: &mut __sb::Moment<'_>) {
                #changes
            }
        }
    })
}

fn times(model: &DocumentModel, role: Role) -> TokenStream {
    let set = |field: &FieldModel| {
        let (ident, ty) = (&field.ident, &field.ty);
        let span = span_of_type(ty);
        quote_spanned!(span=> self.#ident = <#ty as __sb::AutomaticTime>::at(__sb_moment.now);)
    };
    model
        .fields
        .iter()
        .filter(|field| field.role() == Some(role))
        .map(set)
        .collect()
}

fn revision(model: &DocumentModel) -> Option<TokenStream> {
    let field = model
        .fields
        .iter()
        .find(|field| field.role() == Some(Role::Revision))?;
    let ident = &field.ident;
    let span = span_of_type(&field.ty);
    let ty = &field.ty;
    let set = quote_spanned!(span=> <#ty as __sb::AutomaticRevision>::set(&mut self.#ident, __sb_revision););
    Some(quote! {
        fn set_revision(&mut self, __sb_revision: u64) {
            #set
        }

        fn expected_revision(&self) -> __sb::Option<u64> {
            __sb::revision_of(&self.#ident)
        }
    })
}
