//! `where = is_active` and `where(is_active, revision = 2)`.

use proc_macro2::{Span, TokenStream};
use syn::{
    Expr, ExprLit, ExprPath, Lit, Path, Token,
    parse::{Parse, ParseStream, Parser},
    spanned::Spanned as _,
};

use super::{
    Spanned,
    item::{Grammar, Item, Value, items, set},
};
use crate::{errors::Errors, names};

const WHERE: Grammar = Grammar {
    attribute: "where(..)",
    options: &["revision"],
    planned: &[],
};
const SAY_A_FUNCTION: &str = "`where` takes the path of a function that says of a document whether it is in\n  \
     help: write `where = is_active`, with `fn is_active(user: &User) -> bool`";

/// The function that says which documents a definition holds.
#[derive(Clone)]
pub(crate) struct PredicateOptions {
    pub(crate) path: Path,
    /// The last segment of the path.
    pub(crate) function: String,
    pub(crate) revision: u32,
}

/// The path, and what follows it.
struct Parts {
    path: Path,
    rest: TokenStream,
}

impl Parse for Parts {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let path = input.call(Path::parse_mod_style)?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        let rest = input.parse()?;
        Ok(Self { path, rest })
    }
}

impl PredicateOptions {
    /// `None` when it names no function, which is reported.
    pub(super) fn read(item: Item, errors: &mut Errors) -> Option<Self> {
        let key = item.span();
        let parts = match item.value {
            Value::Equals(value) => of_expression(&value),
            Value::List(tokens) if tokens.is_empty() => Err(key),
            Value::List(tokens) => Parts::parse.parse2(tokens).map_err(|error| error.span()),
            Value::Nothing => Err(key),
        };
        match parts {
            Ok(parts) => Self::of(parts, errors),
            Err(span) => {
                errors.push(span, SAY_A_FUNCTION);
                None
            }
        }
    }

    fn of(parts: Parts, errors: &mut Errors) -> Option<Self> {
        let mut revision = None;
        let rest = items(parts.rest)
            .map_err(|error| errors.absorb(error))
            .ok()?;
        for item in rest {
            match item.name().as_str() {
                "revision" => set(
                    &mut revision,
                    read_revision(&item, errors),
                    &item.key,
                    errors,
                ),
                _ => WHERE.refuse(&item.key, errors),
            }
        }
        let last = parts.path.segments.last()?;
        Some(Self {
            function: names::plain(&last.ident),
            revision: revision.unwrap_or(1),
            path: parts.path,
        })
    }
}

/// `is_active`, `User::is_active`, `"is_active"`.
fn of_expression(value: &Expr) -> Result<Parts, Span> {
    let path = match value {
        Expr::Path(ExprPath {
            path, qself: None, ..
        }) => Some(path.clone()),
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => text.parse_with(Path::parse_mod_style).ok(),
        _ => None,
    };
    let parts = path.map(|path| Parts {
        path,
        rest: TokenStream::new(),
    });
    parts.ok_or_else(|| value.span())
}

/// `revision = 2`: from 1 up.
pub(super) fn read_revision(item: &Item, errors: &mut Errors) -> Option<u32> {
    let Spanned { value, span } = item.number(errors)?;
    if value == 0 {
        errors.push(
            span,
            "revisions count from 1, where every function begins\n  help: write `revision = 2` once the function says something else",
        );
        return None;
    }
    Some(value)
}
