//! The struct of `#[document(new(NewUser))]`: the fields that a caller must give.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::docs;
use crate::model::{DocumentModel, FieldModel, Role, span_of_type};

/// The struct, outside the expansion's block: the user gave its name.
pub(super) fn structure(model: &DocumentModel) -> Option<TokenStream> {
    let new = model.new.as_ref()?;
    let (ident, derives, visibility) = (&new.ident, &new.derives, &model.visibility);
    let about = docs::new_struct(model);
    let members = given(model).map(|field| {
        let FieldModel {
            ident,
            ty,
            visibility,
            docs,
            ..
        } = field;
        let made = docs
            .is_empty()
            .then(|| format!("The field `{}`.", field.name()))
            .map(|text| quote!(#[doc = #text]));
        quote!(#(#docs)* #made #visibility #ident: #ty)
    });
    let derives = (!derives.is_empty()).then(|| quote!(#[derive(#(#derives),*)]));
    Some(quote! {
        #[doc = #about]
        #[allow(missing_debug_implementations)]
        #derives
        #visibility struct #ident { #(#members),* }
    })
}

/// How the document is made from the struct.
pub(super) fn implementation(model: &DocumentModel) -> Option<TokenStream> {
    let (new, document) = (&model.new.as_ref()?.ident, &model.ident);
    let members = model.fields.iter().map(|field| {
        let (ident, value) = (&field.ident, value(field));
        quote!(#ident: #value)
    });
    Some(quote! {
        #[automatically_derived]
        impl __sb::IntoDocument<#document> for #new {
            fn into_document(self, __sb_moment: &mut __sb::Moment<'_>) -> #document {
                #document { #(#members),* }
            }
        }
    })
}

fn given(model: &DocumentModel) -> impl Iterator<Item = &FieldModel> {
    model.fields.iter().filter(|field| !field.is_automatic())
}

fn value(field: &FieldModel) -> TokenStream {
    let (ident, ty) = (&field.ident, &field.ty);
    let span = span_of_type(ty);
    match (&field.default, field.role()) {
        (Some(default), _) => match &default.expression {
            Some(expression) => quote!(#expression),
            None => quote_spanned!(span=> <#ty as __sb::Default>::default()),
        },
        (None, Some(Role::CreatedAt | Role::UpdatedAt)) => {
            quote!(__sb::AutomaticTime::at(__sb_moment.now))
        }
        (None, Some(Role::Revision)) => quote!(__sb::None),
        (None, Some(Role::Skip)) => quote_spanned!(span=> <#ty as __sb::Default>::default()),
        (None, None) if field.automatic_key => quote!(__sb::AutomaticKey::placeholder()),
        (None, None) => quote!(self.#ident),
    }
}
