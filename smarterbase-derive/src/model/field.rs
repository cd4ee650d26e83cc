//! One field of a document.

use proc_macro2::{Ident, Span};
use syn::{Attribute, Type, Visibility};

use super::named;
use crate::{
    attr::{DefaultValue, FieldOptions, IndexOptions, ReferenceOptions, UniqueOptions, serde},
    errors::Errors,
    names,
};

/// One field of a document.
pub(crate) struct FieldModel {
    pub(crate) ident: Ident,
    pub(crate) visibility: Visibility,
    /// The field's doc comments, for `new(..)`.
    pub(crate) docs: Vec<Attribute>,
    pub(crate) ty: Type,
    /// The stored name.
    pub(crate) stored: String,
    pub(crate) stored_span: Span,
    pub(crate) aliases: Vec<crate::attr::Spanned<String>>,
    pub(crate) key: Option<Span>,
    pub(crate) automatic_key: bool,
    pub(crate) second_key: Option<Span>,
    pub(crate) roles: Vec<(Role, Span)>,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) opaque: Option<Span>,
    pub(crate) cfg: Option<Span>,
    pub(crate) serde: serde::Member,
}

/// What the attributes of one field define.
pub(super) struct OnField {
    pub(super) indexes: Vec<IndexOptions>,
    pub(super) uniques: Vec<UniqueOptions>,
    pub(super) references: Option<ReferenceOptions>,
}

/// What fills a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    CreatedAt,
    UpdatedAt,
    Revision,
    Skip,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CreatedAt => "created_at",
            Self::UpdatedAt => "updated_at",
            Self::Revision => "revision",
            Self::Skip => "skip",
        }
    }
}

impl FieldModel {
    pub(super) fn read(
        field: &syn::Field,
        document: &Ident,
        container: &serde::Container,
        errors: &mut Errors,
    ) -> (Self, OnField) {
        let mut options = FieldOptions::read(&field.attrs, errors);
        let member = serde::Member::read(&field.attrs);
        let ident = field
            .ident
            .clone()
            .expect("the form was checked: fields are named");
        let renamed = member.rename.clone();
        let model = Self {
            stored: renamed.as_ref().map_or_else(
                || container.rename_all.field(&names::plain(&ident)),
                |name| name.value.clone(),
            ),
            stored_span: renamed.map_or(ident.span(), |name| name.span),
            aliases: member.aliases.clone(),
            visibility: field.vis.clone(),
            docs: field
                .attrs
                .iter()
                .filter(|attribute| attribute.path().is_ident("doc"))
                .cloned()
                .collect(),
            ty: named(&field.ty, document),
            key: options.keys.first().map(|key| key.span),
            automatic_key: options.keys.first().is_some_and(|key| key.auto.is_some()),
            second_key: options.keys.get(1).map(|key| key.span),
            roles: [
                (Role::CreatedAt, options.created_at),
                (Role::UpdatedAt, options.updated_at),
                (Role::Revision, options.revision),
                (Role::Skip, options.skip),
            ]
            .into_iter()
            .filter_map(|(role, span)| span.map(|span| (role, span)))
            .collect(),
            default: options.default,
            opaque: options.opaque,
            cfg: options.cfg,
            serde: member,
            ident,
        };
        // Who refers to a document is found by an index.
        if let Some(references) = &options.references
            && options.indexes.iter().all(|index| {
                index.each.is_some() || index.lower.is_some() || index.predicate.is_some()
            })
        {
            options.indexes.push(IndexOptions::plain(references.span));
        }
        let on_field = OnField {
            indexes: options.indexes,
            uniques: options.uniques,
            references: options.references,
        };
        (model, on_field)
    }

    /// The Rust name, without `r#`.
    pub(crate) fn name(&self) -> String {
        names::plain(&self.ident)
    }

    pub(crate) fn role(&self) -> Option<Role> {
        self.roles.first().map(|(role, _)| *role)
    }

    /// Whether the field is part of the stored object.
    pub(crate) fn is_stored(&self) -> bool {
        !matches!(self.role(), Some(Role::Revision | Role::Skip))
    }

    /// Whether `new(..)` leaves the field out, because it is filled without the caller.
    pub(crate) fn is_automatic(&self) -> bool {
        self.automatic_key || self.role().is_some() || self.default.is_some()
    }
}
