//! References: their facts, their handles, and the methods that follow them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::finders;
use crate::{
    attr::OnDelete,
    model::{Definition, DocumentModel, Kind, Reference, span_of},
    names,
};

/// The facts, as the elements of `DocumentSpec::references`.
pub(super) fn specs(model: &DocumentModel) -> Vec<TokenStream> {
    let spec = |reference: &Reference| {
        let ordinal = finders::ordinal(serving(model, reference)?);
        let (field, name) = (&model.fields[reference.field].stored, &reference.name);
        let target = target(reference);
        let on_delete = match reference.on_delete {
            OnDelete::Nothing => quote!(Nothing),
            OnDelete::Restrict => quote!(Restrict),
            OnDelete::Cascade => quote!(Cascade),
            OnDelete::Nullify => quote!(Nullify),
        };
        Some(quote! {
            __sb::ReferenceSpec {
                field: #field,
                name: #name,
                target: #target::COLLECTION,
                on_delete: __sb::OnDelete::#on_delete,
                ordinal: #ordinal,
            },
        })
    };
    model.references.iter().filter_map(spec).collect()
}

/// `<Org as Document>`, where the type was written.
fn target(reference: &Reference) -> TokenStream {
    let target = &reference.target;
    let span = span_of(target);
    quote_spanned!(span=> <#target as __sb::Document>)
}

/// The index over the field alone; the checks have reported it when it was taken out.
fn serving(model: &DocumentModel, reference: &Reference) -> Option<usize> {
    let finds = |definition: &Definition| {
        let is_plain =
            definition.each.is_none() && definition.lower.is_none() && !definition.is_partial();
        definition.kind == Kind::Index && is_plain && definition.components == [reference.field]
    };
    model.definitions.iter().position(finds)
}

/// The handles and the methods; nothing for a type without references.
pub(super) fn expand(model: &DocumentModel) -> TokenStream {
    if model.references.is_empty() {
        return TokenStream::new();
    }
    let (ident, visibility) = (&model.ident, &model.visibility);
    let name = format_ident!("__{}References", names::plain(ident));
    let about = format!(
        "The references of [`{}`], to load what many documents refer to.",
        names::plain(ident)
    );
    let members = model.references.iter().map(|reference| {
        let (member, target) = (member(reference), &reference.target);
        let about = format!(
            "What the field `{}` refers to.",
            model.fields[reference.field].name()
        );
        quote!(#[doc = #about] pub #member: __sb::Reference<#ident, #target>)
    });
    let values = model.references.iter().map(|reference| {
        let (member, reader) = (member(reference), reader(model, reference));
        quote!(#member: __sb::Reference::new(#reader))
    });
    let methods = model
        .references
        .iter()
        .map(|reference| method(model, reference));
    quote! {
        #[doc = #about]
        #[derive(::core::fmt::Debug)]
        #visibility struct #name { #(#members),* }
        impl #ident {
            #[doc = #about]
            #visibility const REFERENCES: #name = #name { #(#values),* };
            #(#methods)*
        }
    }
}

fn member(reference: &Reference) -> Ident {
    Ident::new(
        &reference.name,
        Span::mixed_site().located_at(reference.span),
    )
}

fn reader(model: &DocumentModel, reference: &Reference) -> TokenStream {
    let field = &model.fields[reference.field];
    let (ident, ty, target) = (&field.ident, &field.ty, &reference.target);
    let span = span_of(ty);
    let refers = quote_spanned!(span=> <#ty as __sb::RefersTo<#target>>::target);
    quote!(|__sb_document| #refers(&__sb_document.#ident))
}

fn method(model: &DocumentModel, reference: &Reference) -> TokenStream {
    let (visibility, target, member) = (&model.visibility, &reference.target, member(reference));
    let span = Span::mixed_site().located_at(model.fields[reference.field].ident.span());
    let name = Ident::new(&format!("fetch_{}", reference.name), span);
    let about = format!(
        "Reads what `{}` refers to. Nothing when there is no reference, or when it leads nowhere.",
        model.fields[reference.field].name()
    );
    quote! {
        #[doc = #about]
        #visibility fn #name<'db>(
            &self,
            db: impl __sb::Into<__sb::Session<'db>>,
        ) -> __sb::FetchReference<'db, #target> {
            __sb::FetchReference::new(db, Self::REFERENCES.#member, self)
        }
    }
}
