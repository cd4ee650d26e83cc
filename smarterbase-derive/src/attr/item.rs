//! The common form of our attributes: `word`, `word = value` and `word(..)`, separated by commas.

use proc_macro2::{Ident, Span, TokenStream};
use syn::{
    Attribute, Expr, ExprLit, ExprPath, Lit, Meta, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
};

use super::Spanned;
use crate::{errors::Errors, names};

/// One entry of an attribute.
pub(crate) struct Item {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

/// What follows the word.
pub(crate) enum Value {
    Nothing,
    Equals(Box<Expr>),
    List(TokenStream),
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = Ident::parse_any(input)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Value::Equals(Box::new(ungrouped(input.parse()?)))
        } else if input.peek(syn::token::Paren) {
            let content;
            syn::parenthesized!(content in input);
            Value::List(content.parse()?)
        } else {
            Value::Nothing
        };
        Ok(Self { key, value })
    }
}

impl Item {
    pub(crate) fn span(&self) -> Span {
        self.key.span()
    }

    pub(crate) fn name(&self) -> String {
        names::plain(&self.key)
    }

    /// The attribute itself as an item, if it is a single word: `#[index(range)]` is `index` with a list.
    pub(crate) fn of_attribute(attribute: &Attribute) -> Option<Self> {
        let key = attribute.path().get_ident()?.clone();
        let value = match &attribute.meta {
            Meta::Path(_) => Value::Nothing,
            Meta::List(list) => Value::List(list.tokens.clone()),
            Meta::NameValue(pair) => Value::Equals(Box::new(ungrouped(pair.value.clone()))),
        };
        Some(Self { key, value })
    }

    /// The entries inside `word(..)`; none for the bare word.
    pub(crate) fn list(self, errors: &mut Errors) -> Vec<Self> {
        match self.value {
            Value::Nothing => Vec::new(),
            Value::List(tokens) => items(tokens).unwrap_or_else(|error| {
                errors.absorb(error);
                Vec::new()
            }),
            Value::Equals(_) => {
                errors.push(
                    self.key.span(),
                    format_args!(
                        "write `{0}(..)`: `{0}` takes a list in parentheses",
                        self.key
                    ),
                );
                Vec::new()
            }
        }
    }

    /// The single words inside `word(a, b)`.
    pub(crate) fn words(self, errors: &mut Errors) -> Vec<Ident> {
        let key = self.key.clone();
        let list = matches!(self.value, Value::List(_));
        if !list {
            errors.push(
                key.span(),
                format_args!("write `{key}(..)`: `{key}` takes a list in parentheses"),
            );
            return Vec::new();
        }
        self.list(errors)
            .into_iter()
            .filter_map(|item| match item.value {
                Value::Nothing => Some(item.key),
                _ => {
                    errors.push(item.key.span(), "expected the name of a field");
                    None
                }
            })
            .collect()
    }

    /// Where the word stands; a value after it is reported.
    pub(crate) fn flag(&self, errors: &mut Errors) -> Option<Span> {
        if !matches!(self.value, Value::Nothing) {
            errors.push(self.span(), format_args!("`{}` takes no value", self.key));
        }
        Some(self.span())
    }

    /// `key = word` or `key = "word"`.
    pub(crate) fn word(&self, errors: &mut Errors) -> Option<Spanned<String>> {
        let word = match &self.value {
            Value::Equals(value) => expression_word(value),
            _ => None,
        };
        if word.is_none() {
            errors.push(
                self.span(),
                format_args!("`{0}` takes a name: write `{0} = \"..\"`", self.key),
            );
        }
        word
    }

    /// `key = 3`.
    pub(crate) fn number(&self, errors: &mut Errors) -> Option<Spanned<u32>> {
        if let Value::Equals(value) = &self.value
            && let Expr::Lit(ExprLit {
                lit: Lit::Int(literal),
                ..
            }) = &**value
        {
            return match literal.base10_parse() {
                Ok(value) => Some(Spanned {
                    value,
                    span: literal.span(),
                }),
                Err(error) => {
                    errors.absorb(error);
                    None
                }
            };
        }
        errors.push(
            self.span(),
            format_args!("`{0}` takes a number: write `{0} = 1`", self.key),
        );
        None
    }

    /// `key = path` or `key = "path"`.
    pub(crate) fn path(&self, errors: &mut Errors) -> Option<syn::Path> {
        if let Value::Equals(value) = &self.value {
            match &**value {
                Expr::Path(ExprPath { path, .. }) => return Some(path.clone()),
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => {
                    return text
                        .parse_with(syn::Path::parse_mod_style)
                        .map_err(|error| errors.absorb(error))
                        .ok();
                }
                _ => {}
            }
        }
        errors.push(
            self.span(),
            format_args!("`{0}` takes a path: write `{0} = \"..\"`", self.key),
        );
        None
    }
}

/// A `$name:literal` of `macro_rules!` arrives in an invisible group.
fn ungrouped(value: Expr) -> Expr {
    match value {
        Expr::Group(group) => ungrouped(*group.expr),
        other => other,
    }
}

/// The entries of `tokens`.
pub(crate) fn items(tokens: TokenStream) -> syn::Result<Vec<Item>> {
    Punctuated::<Item, Token![,]>::parse_terminated
        .parse2(tokens)
        .map(|list| list.into_iter().collect())
}

/// The text of `word` and of `"word"`.
pub(crate) fn expression_word(value: &Expr) -> Option<Spanned<String>> {
    match value {
        Expr::Path(ExprPath {
            path, qself: None, ..
        }) => path.get_ident().map(|ident| Spanned {
            value: names::plain(ident),
            span: ident.span(),
        }),
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(Spanned {
            value: text.value(),
            span: text.span(),
        }),
        _ => None,
    }
}

/// Sets an option that may be given once.
pub(crate) fn set<T>(slot: &mut Option<T>, value: Option<T>, key: &Ident, errors: &mut Errors) {
    if slot.is_some() {
        errors.push(key.span(), format_args!("`{key}` is given twice"));
    } else {
        *slot = value;
    }
}

/// What an attribute takes, and what a later version will take.
pub(crate) struct Grammar {
    /// `#[index(..)]`, for messages.
    pub(crate) attribute: &'static str,
    pub(crate) options: &'static [&'static str],
    pub(crate) planned: &'static [&'static str],
}

impl Grammar {
    /// Reports an option that the attribute does not have.
    pub(crate) fn refuse(&self, key: &Ident, errors: &mut Errors) {
        let name = names::plain(key);
        let attribute = self.attribute;
        let head = if self.planned.contains(&name.as_str()) {
            format!("`{name}` in `{attribute}` is not supported by this version yet")
        } else {
            let hint = names::nearest(&name, self.options)
                .map(|near| format!("\n  help: did you mean `{near}`?"))
                .unwrap_or_default();
            format!("`{attribute}` has no option `{name}`{hint}")
        };
        errors.push(key.span(), format_args!("{head}\n  help: {}", self.takes()));
    }

    fn takes(&self) -> String {
        if self.options.is_empty() {
            return format!("`{}` takes no options", self.attribute);
        }
        let options: Vec<_> = self
            .options
            .iter()
            .map(|option| format!("`{option}`"))
            .collect();
        format!("it takes {}", options.join(", "))
    }
}
