//! `#[key]`, `#[index]`, `#[unique]` and `#[field(..)]` on a field, and their long forms `#[document(key)]`.

use proc_macro2::{Ident, Span};
use syn::{Attribute, Expr};

use super::{
    PredicateOptions, ReferenceOptions, Spanned, duration,
    item::{Grammar, Item, Value, set},
};
use crate::errors::Errors;

const ON_FIELD: Grammar = Grammar {
    attribute: "#[document(..)]",
    options: &["key", "index", "unique", "references", "field"],
    planned: &[],
};
const KEY: Grammar = Grammar {
    attribute: "#[key(..)]",
    options: &["auto"],
    planned: &["counter"],
};
const INDEX: Grammar = Grammar {
    attribute: "#[index(..)]",
    options: &["range", "ttl", "each", "lower", "name", "method", "where"],
    planned: &["include"],
};
const UNIQUE: Grammar = Grammar {
    attribute: "#[unique(..)]",
    options: &["lower", "scope", "name", "method", "where"],
    planned: &["claim", "each"],
};
const FIELD: Grammar = Grammar {
    attribute: "#[field(..)]",
    options: &[
        "created_at",
        "updated_at",
        "revision",
        "default",
        "skip",
        "opaque",
    ],
    planned: &["encrypted", "hashed", "cache", "blob", "validate", "was"],
};

const EMBEDDED_FIELD: Grammar = Grammar {
    attribute: "#[field(..)]",
    options: &["skip", "opaque"],
    planned: &["encrypted", "was"],
};

/// Everything that our attributes say about one field.
#[derive(Default)]
pub(crate) struct FieldOptions {
    pub(crate) keys: Vec<KeyOptions>,
    pub(crate) indexes: Vec<IndexOptions>,
    pub(crate) uniques: Vec<UniqueOptions>,
    pub(crate) references: Option<ReferenceOptions>,
    pub(crate) created_at: Option<Span>,
    pub(crate) updated_at: Option<Span>,
    pub(crate) revision: Option<Span>,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) skip: Option<Span>,
    pub(crate) opaque: Option<Span>,
    pub(crate) cfg: Option<Span>,
}

/// `#[key]`, `#[key(auto)]`.
pub(crate) struct KeyOptions {
    pub(crate) span: Span,
    pub(crate) auto: Option<Span>,
}

/// `#[index(..)]`.
pub(crate) struct IndexOptions {
    pub(crate) span: Span,
    pub(crate) range: Option<Span>,
    /// How many seconds after its moment a document is past its time.
    pub(crate) ttl: Option<Spanned<u64>>,
    pub(crate) each: Option<Span>,
    pub(crate) lower: Option<Span>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) method: Option<Spanned<String>>,
    pub(crate) predicate: Option<PredicateOptions>,
}

/// `#[unique(..)]`.
pub(crate) struct UniqueOptions {
    pub(crate) span: Span,
    pub(crate) lower: Option<Span>,
    pub(crate) scope: Vec<Ident>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) method: Option<Spanned<String>>,
    pub(crate) predicate: Option<PredicateOptions>,
}

/// `default`, `default = expression`.
pub(crate) struct DefaultValue {
    pub(crate) span: Span,
    pub(crate) expression: Option<Expr>,
}

impl FieldOptions {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut options = Self::default();
        for attribute in attributes {
            let Some(item) = Item::of_attribute(attribute) else {
                continue;
            };
            match item.name().as_str() {
                "document" => item
                    .list(errors)
                    .into_iter()
                    .for_each(|item| options.take(item, errors)),
                "key" | "index" | "unique" | "references" | "field" => options.take(item, errors),
                "cfg" => options.cfg = Some(item.span()),
                _ => {}
            }
        }
        options
    }

    /// The options of a field of an embedded type: `#[field(skip)]` and `#[field(opaque)]`.
    pub(crate) fn read_embedded(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut options = Self::default();
        for item in attributes.iter().filter_map(Item::of_attribute) {
            if item.name() != "field" {
                continue;
            }
            for item in item.list(errors) {
                match item.name().as_str() {
                    "skip" | "opaque" => options.take_field(item, errors),
                    _ => EMBEDDED_FIELD.refuse(&item.key, errors),
                }
            }
        }
        options
    }

    fn take(&mut self, item: Item, errors: &mut Errors) {
        match item.name().as_str() {
            "key" => self.keys.push(KeyOptions::read(item, errors)),
            "index" => self.indexes.push(IndexOptions::read(item, errors)),
            "unique" => self.uniques.push(UniqueOptions::read(item, errors)),
            "field" => item
                .list(errors)
                .into_iter()
                .for_each(|item| self.take_field(item, errors)),
            "references" => {
                let slot = &mut self.references;
                let key = item.key.clone();
                set(slot, ReferenceOptions::read(item, errors), &key, errors);
            }
            _ => ON_FIELD.refuse(&item.key, errors),
        }
    }

    fn take_field(&mut self, item: Item, errors: &mut Errors) {
        let key = item.key.clone();
        let name = item.name();
        if name == "default" {
            return set(
                &mut self.default,
                DefaultValue::read(item, errors),
                &key,
                errors,
            );
        }
        let slot = match name.as_str() {
            "created_at" => &mut self.created_at,
            "updated_at" => &mut self.updated_at,
            "revision" => &mut self.revision,
            "skip" => &mut self.skip,
            "opaque" => &mut self.opaque,
            "expires_at" => {
                let help = "write `#[index(ttl)]` on the field: documents are deleted once its moment is past";
                return errors.push(
                    key.span(),
                    format_args!("`expires_at` is an index\n  help: {help}"),
                );
            }
            _ => return FIELD.refuse(&key, errors),
        };
        let value = item.flag(errors);
        set(slot, value, &key, errors);
    }
}

impl DefaultValue {
    fn read(item: Item, errors: &mut Errors) -> Option<Self> {
        let span = item.span();
        match item.value {
            Value::Nothing => Some(Self {
                span,
                expression: None,
            }),
            Value::Equals(expression) => Some(Self {
                span,
                expression: Some(*expression),
            }),
            Value::List(_) => {
                errors.push(span, "write `default` or `default = expression`");
                None
            }
        }
    }
}

impl KeyOptions {
    fn read(item: Item, errors: &mut Errors) -> Self {
        let mut options = Self {
            span: item.span(),
            auto: None,
        };
        for item in item.list(errors) {
            match item.name().as_str() {
                "auto" => {
                    let value = item.flag(errors);
                    set(&mut options.auto, value, &item.key, errors);
                }
                _ => KEY.refuse(&item.key, errors),
            }
        }
        options
    }
}

impl IndexOptions {
    /// The plain index that a reference brings.
    pub(crate) fn plain(span: Span) -> Self {
        Self {
            span,
            range: None,
            ttl: None,
            each: None,
            lower: None,
            name: None,
            method: None,
            predicate: None,
        }
    }

    pub(super) fn read(item: Item, errors: &mut Errors) -> Self {
        let mut options = Self::plain(item.span());
        for item in item.list(errors) {
            let key = item.key.clone();
            match item.name().as_str() {
                "range" => set(&mut options.range, item.flag(errors), &key, errors),
                "ttl" => set(
                    &mut options.ttl,
                    duration::seconds(&item, errors),
                    &key,
                    errors,
                ),
                "each" => set(&mut options.each, item.flag(errors), &key, errors),
                "lower" => set(&mut options.lower, item.flag(errors), &key, errors),
                "name" => set(&mut options.name, item.word(errors), &key, errors),
                "method" => set(&mut options.method, item.word(errors), &key, errors),
                "where" => set(
                    &mut options.predicate,
                    PredicateOptions::read(item, errors),
                    &key,
                    errors,
                ),
                _ => INDEX.refuse(&key, errors),
            }
        }
        options
    }
}

impl UniqueOptions {
    pub(super) fn read(item: Item, errors: &mut Errors) -> Self {
        let mut options = Self {
            span: item.span(),
            lower: None,
            scope: Vec::new(),
            name: None,
            method: None,
            predicate: None,
        };
        let mut scope = None;
        for item in item.list(errors) {
            let key = item.key.clone();
            match item.name().as_str() {
                "lower" => set(&mut options.lower, item.flag(errors), &key, errors),
                "scope" => set(&mut scope, Some(item.words(errors)), &key, errors),
                "name" => set(&mut options.name, item.word(errors), &key, errors),
                "method" => set(&mut options.method, item.word(errors), &key, errors),
                "where" => set(
                    &mut options.predicate,
                    PredicateOptions::read(item, errors),
                    &key,
                    errors,
                ),
                _ => UNIQUE.refuse(&key, errors),
            }
        }
        options.scope = scope.unwrap_or_default();
        options
    }
}
