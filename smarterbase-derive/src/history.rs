//! The history of a type: its lock, and whether its migrations lead from every sealed version to the struct.

mod check;
mod messages;
mod owner;
mod shape;
mod source;

pub(crate) use check::check;
pub(crate) use shape::{of_document, of_embedded, parts, text};
pub(crate) use source::{Source, write_block, write_marker};

use proc_macro2::{Span, TokenStream};
use smarterbase_schema::{Kind, Link, Origin, Shape};
use syn::Type;

use crate::attr::{HistoryOptions, MigrateOptions};

/// What is asked of the history: who the type is, and what it looks like today.
pub(crate) struct Subject<'a> {
    pub(crate) kind: Kind,
    /// The Rust name, for messages.
    pub(crate) type_name: String,
    /// The stored name.
    pub(crate) name: &'a str,
    /// The name of the type, where it stands.
    pub(crate) span: Span,
    pub(crate) options: &'a HistoryOptions,
    pub(crate) shape: Shape,
    /// Whether the type has parameters: then a part has no type that a constant could ask.
    pub(crate) is_generic: bool,
    /// Where each part of the shape stands, and its type.
    pub(crate) parts: Vec<PartTokens>,
}

/// A part of the shape, as it stands in the source.
pub(crate) struct PartTokens {
    pub(crate) name: String,
    pub(crate) span: Span,
    /// The type; variants have none.
    pub(crate) ty: Option<Type>,
    /// The value of a bare `add(field)`.
    pub(crate) default: Option<TokenStream>,
}

/// A history that was found right.
#[derive(Default)]
pub(crate) struct History {
    /// Where the lock is included from, and its first line.
    pub(crate) lock: Option<(TokenStream, String)>,
    /// The links from `readable_from` on.
    pub(crate) links: Vec<SealedLink>,
    /// Types that only the compiler can compare.
    pub(crate) same: Vec<SameType>,
    pub(crate) readable_from: u32,
    /// Where the fields of version `readable_from` come from, when the lock says it.
    origins: Vec<Origin>,
    /// The version that made the others.
    since: u32,
    /// The text of the error when drafts are denied; `None` for a sealed version.
    pub(crate) draft: Option<String>,
    /// What the lock says about the version of today; `None` for a draft.
    pub(crate) sealed: Option<Shape>,
    /// What the struct looks like.
    pub(crate) shape: Option<Shape>,
}

/// A migration whose steps lead on.
pub(crate) struct SealedLink {
    pub(crate) from: u32,
    pub(crate) link: Link,
    pub(crate) before: Shape,
    pub(crate) after: Shape,
}

/// A type that must be stored as the text of a lock says.
pub(crate) struct SameType {
    pub(crate) ty: Type,
    /// The canonical text.
    pub(crate) text: String,
    pub(crate) message: String,
}

impl Subject<'_> {
    /// Where the version stands.
    pub(crate) fn version_span(&self) -> Span {
        self.options
            .version
            .as_ref()
            .map_or(self.span, |version| version.span)
    }

    pub(crate) fn part(&self, name: &str) -> Option<&PartTokens> {
        self.parts.iter().find(|part| part.name == name)
    }

    pub(crate) fn migration(&self, from: u32) -> Option<&MigrateOptions> {
        self.options
            .migrations
            .iter()
            .find(|migration| migration.from.value == from)
    }
}

impl History {
    /// A type without a past.
    pub(crate) fn none(version: u32) -> Self {
        Self {
            readable_from: version,
            since: 1,
            ..Self::default()
        }
    }

    /// Where a field comes from.
    pub(crate) fn origin(&self, field: &str) -> Origin {
        self.origin_at(field, u32::MAX)
    }

    /// Where a field of this version comes from: through the migrations, then as the lock says of the oldest version.
    fn origin_at(&self, field: &str, version: u32) -> Origin {
        let last = self.links.iter().rfind(|link| link.from < version);
        match last {
            Some(SealedLink { from, link, .. }) => {
                link.origin(field, from + 1, &|name| self.origin_at(name, *from))
            }
            None => self.oldest_origin(field),
        }
    }

    fn oldest_origin(&self, field: &str) -> Origin {
        let known = self.origins.iter().find(|known| known.field == field);
        known.cloned().unwrap_or_else(|| Origin {
            touched: self.since,
            ..Origin::first(field)
        })
    }

    /// What a lock says about the fields of a version.
    fn origins(&self, kind: Kind, shape: &Shape, version: u32) -> Vec<Origin> {
        Origin::all(kind, shape, |field| self.origin_at(field, version))
    }
}
