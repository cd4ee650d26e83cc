//! Rules about what is stored, and under which names: serde's attributes and ours must agree.

use proc_macro2::Span;

use crate::{
    attr::{Unknown, serde},
    errors::Errors,
    model::{DocumentModel, FieldModel, Role},
};

pub(super) fn check(model: &DocumentModel, errors: &mut Errors) {
    container(&model.serde, errors);
    for field in &model.fields {
        if field.is_stored() {
            is_written(field, errors);
            representation(field, model.unknown, errors);
            reserved(field, errors);
        } else {
            is_not_written(field, errors);
        }
    }
    distinct(model, errors);
}

fn container(serde: &serde::Container, errors: &mut Errors) {
    let refused = [
        (
            serde.tag.as_ref().map(|tag| tag.span),
            "`tag` adds a member that is no field",
        ),
        (serde.untagged, "`untagged` is for enums"),
        (
            serde.transparent,
            "`transparent` stores the only field instead of an object",
        ),
        (
            serde.from.as_ref().map(|from| from.span),
            "another type is stored instead of this one",
        ),
        (
            serde.into.as_ref().map(|into| into.span),
            "another type is stored instead of this one",
        ),
    ];
    // `from` and `into` come together and are one mistake.
    if let Some((span, why)) = refused
        .into_iter()
        .find_map(|(span, why)| span.map(|span| (span, why)))
    {
        errors.push(
            span,
            format_args!("a document is stored as an object of its fields, but {why}\n  help: remove it from the document"),
        );
    }
    if let Some(span) = serde.deny_unknown_fields {
        errors.push(
            span,
            "members that a document does not know are kept, so serde must not refuse them\n  \
             help: write `#[document(unknown = deny)]` instead",
        );
    }
    if let Some(span) = serde.unequal {
        errors.push(span, ONE_NAME);
    }
}

/// The message for a member that serde reads and writes under different names.
pub(crate) const ONE_NAME: &str = "a stored member has one name for reading and for writing\n  help: write `rename = \"..\"`, and `alias = \"..\"` for older names";

fn is_written(field: &FieldModel, errors: &mut Errors) {
    let name = field.name();
    if let Some(span) = field.serde.unwritten() {
        errors.push(
            span,
            format_args!(
                "serde does not write `{name}`, so it is not stored\n  help: say so with `#[field(skip)]`, or remove this"
            ),
        );
    } else if let Some(span) = field.serde.skip_deserializing {
        errors.push(span, format_args!("`{name}` is stored but never read back\n  help: write `#[field(skip)] #[serde(skip)]`"));
    }
    if let Some(span) = field.serde.unequal {
        errors.push(span, ONE_NAME);
    }
}

fn is_not_written(field: &FieldModel, errors: &mut Errors) {
    let (role, span) = field.roles[0];
    if field.serde.unwritten().is_none() {
        let name = role.name();
        errors.push(
            span,
            format_args!(
                "`#[field({name})]` means that `{}` is not stored, but serde would write it\n  \
                 help: a derive cannot add attributes: write `#[field({name})] #[serde(skip)]`",
                field.name()
            ),
        );
    }
    if let (Role::Skip | Role::Revision, Some(opaque)) = (role, field.opaque) {
        errors.push(
            opaque,
            format_args!(
                "`{}` is not stored, so it has no shape that could be `opaque`",
                field.name()
            ),
        );
    }
}

fn representation(field: &FieldModel, unknown: Unknown, errors: &mut Errors) {
    let name = field.name();
    if let Some(span) = field.serde.flatten {
        if field.opaque.is_none() || unknown != Unknown::Drop {
            errors.push(
                span,
                format_args!(
                    "`flatten` stores the members of `{name}` beside the fields of the document, where nothing tells them \
                     from unknown members\n  \
                     help: remove it, or write `#[field(opaque)]` on the field and `unknown = drop` on the document"
                ),
            );
        }
        return;
    }
    if let (Some(with), None) = (&field.serde.with, field.opaque) {
        errors.push(
            with.span,
            format_args!(
                "`{}` decides how `{name}` is stored, so its type does not\n  \
                 help: write `#[field(opaque)]` on the field and take care of its compatibility yourself",
                with.value
            ),
        );
    }
}

pub(super) fn starts_reserved(name: &str) -> bool {
    name.starts_with("_sb")
}

fn reserved(field: &FieldModel, errors: &mut Errors) {
    for (name, span) in names(field) {
        if starts_reserved(name) {
            errors.push(
                span,
                format_args!("stored names that start with `_sb` are reserved\n  help: rename it: `{name}` cannot be stored"),
            );
        }
    }
}

/// Every name that is read for the field, with where it was written.
fn names(field: &FieldModel) -> impl Iterator<Item = (&str, Span)> {
    std::iter::once((field.stored.as_str(), field.stored_span)).chain(
        field
            .aliases
            .iter()
            .map(|alias| (alias.value.as_str(), alias.span)),
    )
}

fn distinct(model: &DocumentModel, errors: &mut Errors) {
    let mut seen: Vec<(&str, Span)> = Vec::new();
    for (name, span) in model
        .stored()
        .filter(|field| field.serde.flatten.is_none())
        .flat_map(names)
    {
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
            errors.push_pair(
                span,
                format_args!("two fields are stored as `{name}`\n  help: give one of them another name with `#[serde(rename = \"..\")]`"),
                *first,
                "the other field is here",
            );
        } else {
            seen.push((name, span));
        }
    }
}
