//! `computed(full_name: String, index)`.

use proc_macro2::{Ident, Span, TokenStream};
use syn::{
    Token, Type,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
};

use super::{
    IndexOptions, UniqueOptions,
    function::read_revision,
    item::{Grammar, Item, Value, items, set},
};
use crate::{errors::Errors, names};

const COMPUTED: Grammar = Grammar {
    attribute: "#[document(computed(..))]",
    options: &["index", "unique", "revision"],
    planned: &[],
};

/// A value that a method of the type gives, and the definitions over it.
pub(crate) struct ComputedOptions {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) revision: u32,
    pub(crate) indexes: Vec<IndexOptions>,
    pub(crate) uniques: Vec<UniqueOptions>,
}

/// `full_name: String`, and what follows it.
struct Parts {
    ident: Ident,
    ty: Type,
    rest: TokenStream,
}

impl Parse for Parts {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let ident = input.call(Ident::parse_any)?;
        input.parse::<Token![:]>()?;
        let ty = input.parse()?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        let rest = input.parse()?;
        Ok(Self { ident, ty, rest })
    }
}

impl ComputedOptions {
    /// `None` when it is no name with a type, or is not indexed, which is reported.
    pub(super) fn read(item: Item, errors: &mut Errors) -> Option<Self> {
        let span = item.span();
        let parts = match item.value {
            Value::List(tokens) if !tokens.is_empty() => {
                Parts::parse.parse2(tokens).map_err(|error| error.span())
            }
            _ => Err(span),
        };
        match parts {
            Ok(parts) => Self::of(parts, errors),
            Err(at) => {
                malformed(at, errors);
                None
            }
        }
    }

    fn of(parts: Parts, errors: &mut Errors) -> Option<Self> {
        let rest = items(parts.rest)
            .map_err(|error| errors.absorb(error))
            .ok()?;
        let (mut indexes, mut uniques, mut revision) = (Vec::new(), Vec::new(), None);
        for item in rest {
            let key = item.key.clone();
            match item.name().as_str() {
                "index" => indexes.push(IndexOptions::read(item, errors)),
                "unique" => uniques.push(UniqueOptions::read(item, errors)),
                "revision" => set(&mut revision, read_revision(&item, errors), &key, errors),
                _ => COMPUTED.refuse(&key, errors),
            }
        }
        if indexes.is_empty() && uniques.is_empty() {
            unused(&parts.ident, errors);
            return None;
        }
        Some(Self {
            ident: parts.ident,
            ty: parts.ty,
            revision: revision.unwrap_or(1),
            indexes,
            uniques,
        })
    }
}

fn malformed(span: Span, errors: &mut Errors) {
    errors.push(
        span,
        "`computed` takes the name of a method, what it gives, and what to do with it\n  \
         help: write `computed(full_name: String, index)`, with `fn full_name(&self) -> String`",
    );
}

fn unused(ident: &Ident, errors: &mut Errors) {
    let name = names::plain(ident);
    errors.push(
        ident.span(),
        format_args!(
            "a computed value is not stored, so it is of use only where it is indexed\n  \
             help: add `index`, `index(range)` or `unique`; else call `{name}()`, which needs no attribute"
        ),
    );
}
