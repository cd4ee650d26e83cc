//! The rules about documents of other versions: plain data.

use proc_macro2::TokenStream;
use quote::quote;

use super::migrations;
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
    let standing = standing(model).map(|standing| quote!(standing: #standing,));
    let lock = migrations::lock(&model.history).map(|lock| quote!(lock: #lock,));
    quote!(__sb::Policy { #upgrade #on_bad #readable_by #adopt #standing #lock ..__sb::Policy::DEFAULT })
}

/// How far the shape is promised; a type with a mistake in its history promises nothing.
fn standing(model: &DocumentModel) -> Option<TokenStream> {
    let history = &model.history;
    if model.options.unsealed.is_some() {
        return Some(quote!(__sb::Standing::Unsealed));
    }
    if history.sealed.is_some() {
        return Some(quote!(__sb::Standing::Sealed));
    }
    let digest = history.shape.as_ref()?.digest();
    Some(match migrations::draft(history) {
        Some(draft) => quote!(__sb::draft(#digest, #draft)),
        None => quote!(__sb::Standing::Draft(#digest)),
    })
}
