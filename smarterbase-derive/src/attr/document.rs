//! `#[document(..)]` on a struct.

use proc_macro2::{Ident, Span};
use syn::{Attribute, Path};

use super::{
    ComputedOptions, HistoryOptions, PolicyOptions, PredicateOptions, Spanned,
    item::{Grammar, Item, Value, set},
};
use crate::{errors::Errors, names};

const DOCUMENT: Grammar = Grammar {
    attribute: "#[document(..)]",
    options: &[
        "name",
        "version",
        "migrate",
        "min_version",
        "types",
        "schema_dir",
        "unsealed",
        "upgrade",
        "on_bad",
        "readable_by",
        "adopt",
        "index",
        "computed",
        "shards",
        "new",
        "unknown",
        "history",
        "crate",
    ],
    planned: &[
        "key",
        "prefix",
        "timestamps",
        "cache",
        "soft_delete",
        "audit",
        "codec",
        "compress",
        "validate",
        "on_newer",
        "finders",
    ],
};
const COMPOSITE: Grammar = Grammar {
    attribute: "#[document(index(..))]",
    options: &["fields", "name", "method", "range", "unique", "where"],
    planned: &["include", "each", "lower", "ttl"],
};
const NEW: Grammar = Grammar {
    attribute: "#[document(new(..))]",
    options: &["derive"],
    planned: &[],
};

/// The options of `#[document(..)]` on a struct.
#[derive(Default)]
pub(crate) struct DocumentOptions {
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) history: HistoryOptions,
    pub(crate) policy: PolicyOptions,
    pub(crate) shards: Option<Spanned<u32>>,
    pub(crate) new: Option<NewOptions>,
    pub(crate) unknown: Option<Unknown>,
    /// `history`: every version that is replaced is kept.
    pub(crate) keeps_history: Option<Span>,
    pub(crate) crate_path: Option<Path>,
    pub(crate) indexes: Vec<CompositeOptions>,
    pub(crate) computed: Vec<ComputedOptions>,
}

/// `new(NewUser, derive(Clone))`.
pub(crate) struct NewOptions {
    pub(crate) ident: Ident,
    pub(crate) derives: Vec<Ident>,
}

/// `unknown = keep | drop | deny`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Keep,
    Drop,
    Deny,
}

/// `index(fields(a, b), name = by_a_b, range, unique)`.
pub(crate) struct CompositeOptions {
    pub(crate) span: Span,
    pub(crate) fields: Vec<Ident>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) method: Option<Spanned<String>>,
    pub(crate) range: Option<Span>,
    pub(crate) unique: Option<Span>,
    pub(crate) predicate: Option<PredicateOptions>,
}

impl DocumentOptions {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut options = Self::default();
        for attribute in attributes {
            let Some(item) = Item::of_attribute(attribute) else {
                continue;
            };
            match item.name().as_str() {
                "document" => item.list(errors).into_iter().for_each(|item| options.take(item, errors)),
                name @ ("key" | "index" | "unique" | "references" | "field") => errors.push(
                    item.span(),
                    format_args!(
                        "`#[{name}]` stands on a field\n  help: for several fields together write `#[document(index(fields(a, b)))]`"
                    ),
                ),
                _ => {}
            }
        }
        options
    }

    fn take(&mut self, item: Item, errors: &mut Errors) {
        let key = item.key.clone();
        match item.name().as_str() {
            "name" => set(&mut self.name, item.word(errors), &key, errors),
            "shards" => set(&mut self.shards, item.number(errors), &key, errors),
            "unknown" => set(&mut self.unknown, read_unknown(&item, errors), &key, errors),
            "history" => set(&mut self.keeps_history, item.flag(errors), &key, errors),
            "crate" => set(&mut self.crate_path, item.path(errors), &key, errors),
            "new" => set(&mut self.new, NewOptions::read(item, errors), &key, errors),
            "index" => self.indexes.extend(CompositeOptions::read(item, errors)),
            "computed" => self.computed.extend(ComputedOptions::read(item, errors)),
            name if HistoryOptions::has(name) => self.history.take(item, errors),
            name if PolicyOptions::has(name) => self.policy.take(item, errors),
            "ttl" => errors.push(
                key.span(),
                "`ttl` stands on the field with the moment that it counts from\n  \
                 help: write `#[index(ttl = \"30d\")]` there; on a `#[field(created_at)]`, for example",
            ),
            _ => DOCUMENT.refuse(&key, errors),
        }
    }
}

fn read_unknown(item: &Item, errors: &mut Errors) -> Option<Unknown> {
    let word = item.word(errors)?;
    match word.value.as_str() {
        "keep" => Some(Unknown::Keep),
        "drop" => Some(Unknown::Drop),
        "deny" => Some(Unknown::Deny),
        other => {
            errors.push(
                word.span,
                format_args!("`unknown` cannot be `{other}`\n  help: write `keep` (the default), `drop` or `deny`"),
            );
            None
        }
    }
}

impl NewOptions {
    fn read(item: Item, errors: &mut Errors) -> Option<Self> {
        let key = item.key.clone();
        if !matches!(item.value, Value::List(_)) {
            errors.push(
                key.span(),
                "`new` takes the name of the struct to generate: write `new(NewUser)`",
            );
            return None;
        }
        let mut ident = None;
        let mut derives = Vec::new();
        for item in item.list(errors) {
            match (&item.value, item.name().as_str()) {
                (Value::Nothing, _) => {
                    let name = item.key.clone();
                    set(&mut ident, Some(name), &item.key, errors);
                }
                (Value::List(_), "derive") => derives.extend(item.words(errors)),
                _ => NEW.refuse(&item.key, errors),
            }
        }
        if ident.is_none() {
            errors.push(
                key.span(),
                "`new` takes the name of the struct to generate: write `new(NewUser)`",
            );
        }
        ident.map(|ident| Self { ident, derives })
    }
}

impl CompositeOptions {
    fn read(item: Item, errors: &mut Errors) -> Option<Self> {
        let mut options = Self {
            span: item.span(),
            fields: Vec::new(),
            name: None,
            method: None,
            range: None,
            unique: None,
            predicate: None,
        };
        let mut fields = None;
        for item in item.list(errors) {
            let key = item.key.clone();
            match item.name().as_str() {
                "fields" => set(&mut fields, Some(item.words(errors)), &key, errors),
                "name" => set(&mut options.name, item.word(errors), &key, errors),
                "method" => set(&mut options.method, item.word(errors), &key, errors),
                "range" => set(&mut options.range, item.flag(errors), &key, errors),
                "unique" => set(&mut options.unique, item.flag(errors), &key, errors),
                "where" => set(
                    &mut options.predicate,
                    PredicateOptions::read(item, errors),
                    &key,
                    errors,
                ),
                _ => COMPOSITE.refuse(&key, errors),
            }
        }
        if fields.is_none() {
            errors.push(
                options.span,
                "an index over several fields names them: write `index(fields(a, b))`",
            );
        }
        options.fields = fields?;
        options.check(errors).then_some(options)
    }

    fn check(&self, errors: &mut Errors) -> bool {
        let count = self.fields.len();
        let problem = match count {
            0 | 1 => Some("an index over several fields takes two to four of them\n  help: for one field write `#[index]` or `#[unique]` on it".to_owned()),
            2..=4 => None,
            _ => Some(format!("an index takes at most four fields; this one has {count}\n  help: what tells the documents apart best comes first; filter the rest on the result")),
        };
        let whole = problem.is_none();
        if let Some(problem) = problem {
            errors.push(self.span, problem);
        }
        let mut seen: Vec<String> = Vec::new();
        for field in &self.fields {
            let name = names::plain(field);
            if seen.contains(&name) {
                errors.push(
                    field.span(),
                    format_args!("`{name}` is in this index twice"),
                );
                return false;
            }
            seen.push(name);
        }
        if let (Some(range), Some(_)) = (self.range, self.unique) {
            errors.push(
                range,
                "a unique index answers equality only, so `range` and `unique` exclude each other\n  \
                 help: write two indexes, one with `unique` and one with `range` and a `name` of its own",
            );
            return false;
        }
        whole
    }
}
