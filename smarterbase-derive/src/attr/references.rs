//! `#[references(Org, on_delete = restrict | cascade | nullify, name = org)]`.

use proc_macro2::{Span, TokenStream};
use syn::{
    Path, Token,
    parse::{Parse, ParseStream},
};

use super::{
    Spanned,
    item::{Grammar, Item, Value, items, set},
};
use crate::errors::Errors;

const REFERENCES: Grammar = Grammar {
    attribute: "#[references(..)]",
    options: &["on_delete", "name"],
    planned: &[],
};

/// What happens to a document when the one that it refers to is deleted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDelete {
    Nothing,
    Restrict,
    Cascade,
    Nullify,
}

/// `#[references(..)]`.
pub(crate) struct ReferenceOptions {
    pub(crate) span: Span,
    pub(crate) target: Path,
    pub(crate) on_delete: Option<Spanned<OnDelete>>,
    pub(crate) name: Option<Spanned<String>>,
}

/// The type, and what follows it.
struct Parts {
    target: Path,
    rest: TokenStream,
}

impl Parse for Parts {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let target = input.call(Path::parse_mod_style)?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        let rest = input.parse()?;
        Ok(Self { target, rest })
    }
}

impl ReferenceOptions {
    /// `None` when it names no type, which is reported.
    pub(super) fn read(item: Item, errors: &mut Errors) -> Option<Self> {
        let span = item.span();
        let Value::List(tokens) = item.value else {
            errors.push(
                span,
                "name the type that is referred to\n  help: write `#[references(Org)]`",
            );
            return None;
        };
        let parts: Parts = syn::parse2(tokens)
            .map_err(|error| errors.absorb(error))
            .ok()?;
        let mut options = Self {
            span,
            target: parts.target,
            on_delete: None,
            name: None,
        };
        let rest = items(parts.rest).map_err(|error| errors.absorb(error));
        for item in rest.into_iter().flatten() {
            let key = item.key.clone();
            match item.name().as_str() {
                "on_delete" => {
                    let value = on_delete(&item, errors);
                    set(&mut options.on_delete, value, &key, errors);
                }
                "name" => set(&mut options.name, item.word(errors), &key, errors),
                _ => REFERENCES.refuse(&key, errors),
            }
        }
        Some(options)
    }
}

fn on_delete(item: &Item, errors: &mut Errors) -> Option<Spanned<OnDelete>> {
    let word = item.word(errors)?;
    let value = match word.value.as_str() {
        "restrict" => OnDelete::Restrict,
        "cascade" => OnDelete::Cascade,
        "nullify" => OnDelete::Nullify,
        _ => {
            errors.push(
                word.span,
                "`on_delete` is `restrict` (the other document stays as long as this one is there), `cascade` (this one is \
                 deleted too) or `nullify` (the reference becomes `None`)",
            );
            return None;
        }
    };
    Some(Spanned {
        value,
        span: word.span,
    })
}
