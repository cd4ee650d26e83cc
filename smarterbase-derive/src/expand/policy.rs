//! The rules about documents of other versions: plain data.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::DocumentModel;

/// Only what is not as by default.
pub(super) fn expand(model: &DocumentModel) -> TokenStream {
    let policy = &model.policy;
    let upgrade = policy
        .upgrade
        .as_ref()
        .map(|variant| quote!(upgrade: __sb::Upgrade::#variant,));
    let on_bad = policy
        .on_bad
        .as_ref()
        .map(|variant| quote!(on_bad: __sb::OnBad::#variant,));
    let readable_by = policy.readable_by.as_ref().map(|version| {
        let version = version.value;
        quote!(readable_by: #version,)
    });
    let adopt = policy.adopt.as_ref().map(|adopt| {
        let (version_field, base) = (adopt.literal(), adopt.base);
        quote!(adopt: __sb::Some(__sb::Adoption { version_field: #version_field, base: #base }),)
    });
    let standing = standing(model).map(|standing| quote!(standing: __sb::Standing::#standing,));
    quote!(__sb::Policy { #upgrade #on_bad #readable_by #adopt #standing ..__sb::Policy::DEFAULT })
}

/// How far the shape is promised; a type with a mistake in its history promises nothing.
fn standing(model: &DocumentModel) -> Option<TokenStream> {
    if model.options.unsealed.is_some() {
        return Some(quote!(Unsealed));
    }
    let history = &model.history;
    let Some(sealed) = &history.sealed else {
        let digest = history.shape.as_ref()?.digest();
        return Some(quote!(Draft(#digest)));
    };
    let digest = sealed.digest();
    let fields = sealed.parts.iter().map(|part| {
        let (name, ty) = (&part.name, &part.ty);
        quote!((#name, #ty))
    });
    Some(quote!(Sealed(__sb::SealedShape { digest: #digest, fields: &[#(#fields),*] })))
}
