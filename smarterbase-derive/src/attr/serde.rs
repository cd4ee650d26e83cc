//! The serde attributes that decide what is stored. Mistakes in them are serde's to report.

use proc_macro2::Span;
use syn::{Attribute, Expr, ExprLit, Lit, Type};

use super::{
    Spanned,
    item::{self, Item, Value, expression_word},
};

/// `#[serde(..)]` on a struct or an enum.
#[derive(Default)]
pub(crate) struct Container {
    pub(crate) rename_all: Rule,
    pub(crate) rename_all_fields: Rule,
    pub(crate) tag: Option<Spanned<String>>,
    pub(crate) content: Option<Spanned<String>>,
    pub(crate) untagged: Option<Span>,
    pub(crate) transparent: Option<Span>,
    pub(crate) deny_unknown_fields: Option<Span>,
    /// `from` or `try_from`, and `into`: the types that are stored instead.
    pub(crate) from: Option<Spanned<Option<Type>>>,
    pub(crate) into: Option<Spanned<Option<Type>>>,
    /// `rename_all` with another rule for reading than for writing.
    pub(crate) unequal: Option<Span>,
}

/// `#[serde(..)]` on a field or a variant.
#[derive(Default)]
pub(crate) struct Member {
    pub(crate) rename: Option<Spanned<String>>,
    pub(crate) rename_all: Rule,
    pub(crate) aliases: Vec<Spanned<String>>,
    pub(crate) skip: Option<Span>,
    pub(crate) skip_serializing: Option<Span>,
    pub(crate) skip_deserializing: Option<Span>,
    pub(crate) flatten: Option<Span>,
    pub(crate) untagged: Option<Span>,
    /// `with`, `serialize_with` or `deserialize_with`, as written.
    pub(crate) with: Option<Spanned<String>>,
    /// `rename` with another name for reading than for writing.
    pub(crate) unequal: Option<Span>,
}

impl Container {
    pub(crate) fn read(attributes: &[Attribute]) -> Self {
        let mut container = Self::default();
        for item in entries(attributes) {
            let span = item.span();
            match item.name().as_str() {
                "rename_all" => match both(&item) {
                    Both::Same(name) => container.rename_all = Rule::named(&name.value),
                    Both::Different => container.unequal = Some(span),
                },
                "rename_all_fields" => match both(&item) {
                    Both::Same(name) => container.rename_all_fields = Rule::named(&name.value),
                    Both::Different => container.unequal = Some(span),
                },
                "tag" => container.tag = text(&item),
                "content" => container.content = text(&item),
                "untagged" => container.untagged = Some(span),
                "transparent" => container.transparent = Some(span),
                "deny_unknown_fields" => container.deny_unknown_fields = Some(span),
                "from" | "try_from" => {
                    container.from = Some(Spanned {
                        value: ty(&item),
                        span,
                    })
                }
                "into" => {
                    container.into = Some(Spanned {
                        value: ty(&item),
                        span,
                    })
                }
                _ => {}
            }
        }
        container
    }
}

impl Member {
    pub(crate) fn read(attributes: &[Attribute]) -> Self {
        let mut member = Self::default();
        for item in entries(attributes) {
            let span = item.span();
            match item.name().as_str() {
                "rename" => match both(&item) {
                    Both::Same(name) => member.rename = Some(name),
                    Both::Different => member.unequal = Some(span),
                },
                "rename_all" => match both(&item) {
                    Both::Same(name) => member.rename_all = Rule::named(&name.value),
                    Both::Different => member.unequal = Some(span),
                },
                "alias" => member.aliases.extend(text(&item)),
                "skip" => member.skip = Some(span),
                "skip_serializing" => member.skip_serializing = Some(span),
                "skip_deserializing" => member.skip_deserializing = Some(span),
                "flatten" => member.flatten = Some(span),
                "untagged" => member.untagged = Some(span),
                "with" | "serialize_with" | "deserialize_with" => {
                    member.with = Some(Spanned {
                        value: item.name(),
                        span,
                    });
                }
                _ => {}
            }
        }
        member
    }

    /// Where serde is told not to write the member.
    pub(crate) fn unwritten(&self) -> Option<Span> {
        self.skip.or(self.skip_serializing)
    }
}

fn entries(attributes: &[Attribute]) -> impl Iterator<Item = Item> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
        .filter_map(|attribute| attribute.meta.require_list().ok())
        .filter_map(|list| item::items(list.tokens.clone()).ok())
        .flatten()
}

/// A name for reading and one for writing.
enum Both {
    Same(Spanned<String>),
    Different,
}

/// `rename = "a"`, or `rename(serialize = "a", deserialize = "a")`.
fn both(item: &Item) -> Both {
    if let Value::List(tokens) = &item.value {
        let inner = item::items(tokens.clone()).unwrap_or_default();
        let side = |name: &str| {
            inner
                .iter()
                .find(|inner| inner.name() == name)
                .and_then(text)
        };
        return match (side("serialize"), side("deserialize")) {
            (Some(write), Some(read)) if write.value == read.value => Both::Same(write),
            _ => Both::Different,
        };
    }
    text(item).map_or(Both::Different, Both::Same)
}

fn text(item: &Item) -> Option<Spanned<String>> {
    match &item.value {
        Value::Equals(value) => expression_word(value),
        _ => None,
    }
}

fn ty(item: &Item) -> Option<Type> {
    match &item.value {
        Value::Equals(value) => match &**value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// serde's `rename_all`.
///
/// Source: `serde_derive` 1.0, `internals/case.rs`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) enum Rule {
    #[default]
    None,
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Rule {
    /// The rule of this name; an unknown one is serde's to report.
    fn named(name: &str) -> Self {
        match name {
            "lowercase" => Self::Lower,
            "UPPERCASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "snake_case" => Self::Snake,
            "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
            _ => Self::None,
        }
    }

    /// The stored name of a variant.
    pub(crate) fn variant(self, name: &str) -> String {
        match self {
            Self::None | Self::Pascal => name.to_owned(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Camel => lower_first(name),
            Self::Snake => snake(name),
            Self::ScreamingSnake => snake(name).to_ascii_uppercase(),
            Self::Kebab => snake(name).replace('_', "-"),
            Self::ScreamingKebab => snake(name).to_ascii_uppercase().replace('_', "-"),
        }
    }

    /// The stored name of a field.
    pub(crate) fn field(self, name: &str) -> String {
        match self {
            Self::None | Self::Lower | Self::Snake => name.to_owned(),
            Self::Upper | Self::ScreamingSnake => name.to_ascii_uppercase(),
            Self::Pascal => pascal(name),
            Self::Camel => lower_first(&pascal(name)),
            Self::Kebab => name.replace('_', "-"),
            Self::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_ascii_lowercase(), characters.as_str())
    })
}

fn snake(variant: &str) -> String {
    let mut name = String::new();
    for (position, character) in variant.char_indices() {
        if position > 0 && character.is_uppercase() {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

fn pascal(field: &str) -> String {
    let mut name = String::new();
    let mut capital = true;
    for character in field.chars() {
        if character == '_' {
            capital = true;
        } else if capital {
            name.push(character.to_ascii_uppercase());
            capital = false;
        } else {
            name.push(character);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn stored_names_follow_serdes_rules() {
        for (rule, variant, field) in [
            (Rule::None, "VeryTasty", "very_tasty"),
            (Rule::Lower, "verytasty", "very_tasty"),
            (Rule::Upper, "VERYTASTY", "VERY_TASTY"),
            (Rule::Pascal, "VeryTasty", "VeryTasty"),
            (Rule::Camel, "veryTasty", "veryTasty"),
            (Rule::Snake, "very_tasty", "very_tasty"),
            (Rule::ScreamingSnake, "VERY_TASTY", "VERY_TASTY"),
            (Rule::Kebab, "very-tasty", "very-tasty"),
            (Rule::ScreamingKebab, "VERY-TASTY", "VERY-TASTY"),
        ] {
            assert_eq!(rule.variant("VeryTasty"), variant, "{rule:?}");
            assert_eq!(rule.field("very_tasty"), field, "{rule:?}");
        }
    }
}
