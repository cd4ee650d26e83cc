//! Types of the past: read from a lock, and as structs for `custom` functions.

use heck::ToSnakeCase;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use smarterbase_schema::{Part, Shape, Step, types};

use super::Subject;
use crate::names;

/// The structs of the versions that `custom` steps lead from and to, in a module of their own: `user_schema::V1`.
pub(crate) fn structs(subject: &Subject<'_>) -> Option<TokenStream> {
    let mut versions: Vec<(u32, &Shape)> = Vec::new();
    for link in &subject.history.links {
        if link
            .link
            .steps
            .iter()
            .any(|typed| matches!(typed.step, Step::Custom(_)))
        {
            for version in [(link.from, &link.before), (link.from + 1, &link.after)] {
                if !versions.iter().any(|(known, _)| *known == version.0) {
                    versions.push(version);
                }
            }
        }
    }
    if versions.is_empty() {
        return None;
    }
    let module = module(subject);
    let about = format!(
        "`{}` as it was stored, for its migrations.",
        names::plain(subject.ident)
    );
    let structs = versions
        .into_iter()
        .map(|(version, shape)| structure(subject, version, shape));
    Some(quote! {
        #[doc = #about]
        #[allow(missing_docs, missing_debug_implementations, unused_imports, dead_code, unreachable_pub, private_interfaces, non_snake_case)]
        mod #module {
            use super::*;
            #(#structs)*
        }
    })
}

fn structure(subject: &Subject<'_>, version: u32, shape: &Shape) -> TokenStream {
    let name = format_ident!("V{version}");
    let fields = shape.parts.iter().map(|part| field(subject, version, part));
    let crate_path = subject.crate_path;
    let serde = quote!(#crate_path::__private::serde);
    let serde_text = serde.to_string().replace(' ', "");
    quote! {
        #[derive(#serde::Serialize, #serde::Deserialize)]
        #[serde(crate = #serde_text)]
        pub struct #name { #(#fields),* }
    }
}

fn field(subject: &Subject<'_>, version: u32, part: &Part) -> TokenStream {
    let (ident, stored) = (identifier(&part.name), &part.name);
    let ty = field_type(subject, version, part);
    quote!(#[serde(rename = #stored)] pub #ident: #ty)
}

fn field_type(subject: &Subject<'_>, version: u32, part: &Part) -> TokenStream {
    let today = subject.parts.iter().find(|tokens| tokens.name == part.name);
    let today = today
        .filter(|_| version == subject.options.current())
        .and_then(|tokens| tokens.ty.as_ref());
    if let Some(ty) = today {
        return inside(quote!(#ty));
    }
    if part.is_opaque() {
        let crate_path = subject.crate_path;
        return quote!(::std::boxed::Box<#crate_path::__private::serde_json::value::RawValue>);
    }
    inside(ty(subject, &part.ty, Span::call_site()))
}

/// A type as it is written from inside of the module: `super` and `self` are one step further away.
fn inside(tokens: TokenStream) -> TokenStream {
    let mut after_colon = false;
    tokens
        .into_iter()
        .flat_map(|token| {
            let is_start = !std::mem::replace(
                &mut after_colon,
                matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ':'),
            );
            match token {
                TokenTree::Ident(word) if is_start && word == "super" => quote!(super::super),
                TokenTree::Ident(word) if is_start && word == "self" => quote!(super),
                TokenTree::Group(group) => {
                    let inner = proc_macro2::Group::new(group.delimiter(), inside(group.stream()));
                    TokenStream::from(TokenTree::from(inner))
                }
                other => other.into(),
            }
        })
        .collect()
}

fn identifier(name: &str) -> Ident {
    let plain: String = name
        .chars()
        .map(|letter| {
            if letter.is_alphanumeric() {
                letter
            } else {
                '_'
            }
        })
        .collect();
    let plain = if plain.starts_with(|first: char| first.is_ascii_digit()) {
        format!("_{plain}")
    } else {
        plain
    };
    syn::parse_str(&plain)
        .or_else(|_| syn::parse_str(&format!("r#{plain}")))
        .unwrap_or_else(|_| format_ident!("{plain}_"))
}

fn module(subject: &Subject<'_>) -> Ident {
    format_ident!("{}_schema", names::plain(subject.ident).to_snake_case())
}

/// `user_schema::V1`.
pub(super) fn path(subject: &Subject<'_>, version: u32) -> TokenStream {
    let (module, name) = (module(subject), format_ident!("V{version}"));
    quote!(#module::#name)
}

/// The type of this text, resolved where the struct stands; `types(..)` says what a name of then is called today.
pub(super) fn ty(subject: &Subject<'_>, text: &str, span: Span) -> TokenStream {
    if types::is_known_word(text) && subject.options.types.is_empty() {
        return Ident::new(text, span).into_token_stream();
    }
    let tokens: TokenStream = match syn::parse_str::<syn::Type>(text) {
        Ok(ty) => quote!(#ty),
        Err(_) => return quote_spanned!(span=> ()),
    };
    renamed(subject, tokens, span)
}

fn renamed(subject: &Subject<'_>, tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Ident(word) => {
                let today = subject.options.types.iter().find(|(old, _)| *old == word);
                match today {
                    Some((_, path)) => quote!(#path),
                    None => {
                        let mut word = word;
                        word.set_span(span);
                        TokenTree::from(word).into()
                    }
                }
            }
            TokenTree::Group(group) => {
                let inner = renamed(subject, group.stream(), span);
                TokenTree::from(proc_macro2::Group::new(group.delimiter(), inner)).into()
            }
            other => other.into(),
        })
        .collect()
}
