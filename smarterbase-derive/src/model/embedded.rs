//! A struct, newtype or enum with `#[derive(Embedded)]`.

use proc_macro2::{Ident, Span};
use syn::{Data, DeriveInput, Fields, Generics, Path, Type};

use super::{default_crate, without_self};
use crate::{
    attr::{EmbeddedOptions, FieldOptions, HistoryOptions, serde},
    errors::Errors,
    history::{self, History, Subject},
    names,
};

/// A type with `#[derive(Embedded)]`.
pub(crate) struct EmbeddedModel {
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) crate_path: Path,
    pub(crate) name: String,
    pub(crate) options: HistoryOptions,
    pub(crate) history: History,
    /// Whether `name` or `version` was written: a newtype with one of them has a shape of its own.
    pub(crate) has_shape_of_its_own: bool,
    /// The type that serde stores instead (`from`, `try_from` and `into`).
    pub(crate) stored_as: Option<Type>,
    pub(crate) body: Body,
    pub(crate) serde: serde::Container,
}

/// The form of a type.
pub(crate) enum Body {
    Struct(Vec<Part>),
    Newtype(Box<Part>),
    Enum(Vec<Variant>),
}

/// A field of a struct or of a variant.
pub(crate) struct Part {
    /// The name of the field in Rust; `None` in a tuple.
    pub(crate) ident: Option<Ident>,
    pub(crate) stored: String,
    pub(crate) stored_span: Span,
    pub(crate) ty: Type,
    pub(crate) opaque: Option<Span>,
    pub(crate) skip: Option<Span>,
    pub(crate) serde: serde::Member,
}

/// A variant of an enum.
pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) stored: String,
    pub(crate) stored_span: Span,
    pub(crate) fields: VariantFields,
    pub(crate) skipped: bool,
    pub(crate) untagged: Option<Span>,
}

/// The fields of a variant.
pub(crate) enum VariantFields {
    Unit,
    Tuple(Vec<Part>),
    Named(Vec<Part>),
}

impl EmbeddedModel {
    /// The model of `input`; `None` when it has a form that cannot be embedded, which is reported.
    pub(crate) fn read(input: &DeriveInput, errors: &mut Errors) -> Option<Self> {
        let options = EmbeddedOptions::read(&input.attrs, errors);
        let container = serde::Container::read(&input.attrs);
        let owned = owns_its_data(&input.generics, errors);
        let body = body(input, &container, errors)?;
        owned.then_some(())?;
        Some(Self {
            ident: input.ident.clone(),
            generics: input.generics.clone(),
            crate_path: options.crate_path.unwrap_or_else(default_crate),
            has_shape_of_its_own: options.name.is_some() || options.history.version.is_some(),
            name: options
                .name
                .map_or_else(|| names::plain(&input.ident), |name| name.value),
            history: History::none(options.history.current()),
            options: options.history,
            stored_as: stored_as(&container, errors),
            body,
            serde: container,
        })
    }

    /// Checks the type's history. What is stored as another type has none.
    pub(crate) fn trace(&mut self, errors: &mut Errors) {
        let Some((shape, parts)) = history::of_embedded(self) else {
            if let Some(migration) = self.options.migrations.first() {
                errors.push(
                    migration.span,
                    "this type is stored as another one is, so its migrations are those of the other type",
                );
            }
            return;
        };
        let subject = Subject {
            kind: smarterbase_schema::Kind::Embedded,
            type_name: names::plain(&self.ident),
            name: &self.name,
            span: self.ident.span(),
            options: &self.options,
            shape,
            is_generic: self.generics.type_params().next().is_some(),
            parts,
        };
        self.history = history::check(&subject, errors);
    }

    /// The variants of an enum without data.
    pub(crate) fn unit_variants(&self) -> Option<&[Variant]> {
        match &self.body {
            Body::Enum(variants) => variants
                .iter()
                .all(|variant| matches!(variant.fields, VariantFields::Unit))
                .then_some(variants),
            _ => None,
        }
    }
}

fn owns_its_data(generics: &Generics, errors: &mut Errors) -> bool {
    for lifetime in generics.lifetimes() {
        errors.push(
            lifetime.lifetime.span(),
            "a type inside a document cannot borrow: it is decoded from storage, so it must own its data\n  \
             help: write `String` instead of `&str`, `Vec<T>` instead of `&[T]`",
        );
    }
    generics.lifetimes().next().is_none()
}

fn body(input: &DeriveInput, container: &serde::Container, errors: &mut Errors) -> Option<Body> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Unit => Some(Body::Struct(Vec::new())),
            fields @ Fields::Unnamed(unnamed) if unnamed.unnamed.len() == 1 => {
                let mut parts = parts(fields, container.rename_all, &input.ident, errors);
                Some(Body::Newtype(Box::new(parts.remove(0))))
            }
            fields => Some(Body::Struct(parts(
                fields,
                container.rename_all,
                &input.ident,
                errors,
            ))),
        },
        Data::Enum(data) => Some(Body::Enum(
            data.variants
                .iter()
                .map(|variant| read_variant(variant, container, &input.ident, errors))
                .collect(),
        )),
        Data::Union(_) => {
            errors.push(input.ident.span(), "a union cannot be stored");
            None
        }
    }
}

fn parts(fields: &Fields, rule: serde::Rule, owner: &Ident, errors: &mut Errors) -> Vec<Part> {
    fields
        .iter()
        .enumerate()
        .map(|(position, field)| read_part(field, position, rule, owner, errors))
        .collect()
}

fn read_part(
    field: &syn::Field,
    position: usize,
    rule: serde::Rule,
    owner: &Ident,
    errors: &mut Errors,
) -> Part {
    let options = FieldOptions::read_embedded(&field.attrs, errors);
    let member = serde::Member::read(&field.attrs);
    let span = field
        .ident
        .as_ref()
        .map_or_else(|| super::span_of(&field.ty), Ident::span);
    let own = field.ident.as_ref().map_or_else(
        || position.to_string(),
        |ident| rule.field(&names::plain(ident)),
    );
    Part {
        ident: field.ident.clone(),
        stored_span: member.rename.as_ref().map_or(span, |name| name.span),
        stored: member
            .rename
            .as_ref()
            .map_or(own, |name| name.value.clone()),
        ty: without_self(&field.ty, owner),
        opaque: options.opaque,
        skip: options.skip,
        serde: member,
    }
}

fn read_variant(
    variant: &syn::Variant,
    container: &serde::Container,
    owner: &Ident,
    errors: &mut Errors,
) -> Variant {
    let member = serde::Member::read(&variant.attrs);
    if let Some(span) = member.unequal {
        errors.push(span, crate::check::ONE_NAME);
    }
    let rule = if member.rename_all == serde::Rule::None {
        container.rename_all_fields
    } else {
        member.rename_all
    };
    let fields = match &variant.fields {
        Fields::Unit => VariantFields::Unit,
        fields @ Fields::Unnamed(_) => VariantFields::Tuple(parts(fields, rule, owner, errors)),
        fields @ Fields::Named(_) => VariantFields::Named(parts(fields, rule, owner, errors)),
    };
    Variant {
        ident: variant.ident.clone(),
        stored_span: member
            .rename
            .as_ref()
            .map_or(variant.ident.span(), |name| name.span),
        stored: member.rename.as_ref().map_or_else(
            || container.rename_all.variant(&names::plain(&variant.ident)),
            |name| name.value.clone(),
        ),
        fields,
        skipped: member.skip.is_some(),
        untagged: member.untagged,
    }
}

/// The type that serde stores instead. It must be the same for reading and for writing.
fn stored_as(container: &serde::Container, errors: &mut Errors) -> Option<Type> {
    let (from, into) = (container.from.as_ref(), container.into.as_ref());
    let span = into.or(from)?.span;
    match (
        from.and_then(|from| from.value.clone()),
        into.and_then(|into| into.value.clone()),
    ) {
        (Some(from), Some(into)) if from == into => Some(into),
        _ => {
            errors.push(
                span,
                "one type must be stored for reading and for writing\n  \
                 help: write `from = \"Stored\"` or `try_from = \"Stored\"`, and `into = \"Stored\"`, with the same type",
            );
            None
        }
    }
}
