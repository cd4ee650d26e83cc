//! Rules for types inside documents.

use crate::{
    errors::Errors,
    model::{Body, EmbeddedModel, Part, VariantFields},
};

use super::stored::ONE_NAME;

/// Checks the model.
pub(crate) fn check(model: &EmbeddedModel, errors: &mut Errors) {
    if let Some(span) = model.serde.unequal {
        errors.push(span, ONE_NAME);
    }
    match &model.body {
        Body::Struct(parts) => members(parts, errors),
        Body::Newtype(part) => member(part, errors),
        Body::Enum(variants) => {
            for variant in variants {
                match &variant.fields {
                    VariantFields::Unit => {}
                    VariantFields::Tuple(parts) | VariantFields::Named(parts) => {
                        members(parts, errors);
                    }
                }
            }
            variant_names(model, errors);
        }
    }
}

fn members(parts: &[Part], errors: &mut Errors) {
    let mut seen: Vec<&Part> = Vec::new();
    for part in parts {
        member(part, errors);
        let named = part.ident.is_some() && part.skip.is_none() && part.serde.flatten.is_none();
        match seen.iter().find(|other| other.stored == part.stored) {
            Some(first) if named => errors.push_pair(
                part.stored_span,
                format_args!("two fields are stored as `{}`", part.stored),
                first.stored_span,
                "the other field is here",
            ),
            _ if named => seen.push(part),
            _ => {}
        }
    }
}

fn member(part: &Part, errors: &mut Errors) {
    if let Some(span) = part.serde.unequal {
        errors.push(span, ONE_NAME);
    }
    match (part.skip, part.serde.unwritten()) {
        (Some(span), None) => errors.push(
            span,
            "`#[field(skip)]` means that this is not stored, but serde would write it\n  \
             help: a derive cannot add attributes: write `#[field(skip)] #[serde(skip)]`",
        ),
        (None, Some(span)) => errors.push(
            span,
            "serde does not write this, so it is not stored\n  help: say so with `#[field(skip)]`, or remove this",
        ),
        _ => {}
    }
    if part.skip.is_some() || part.opaque.is_some() {
        return;
    }
    let decides = part
        .serde
        .flatten
        .map(|span| (span, "flatten".to_owned()))
        .or(part
            .serde
            .with
            .as_ref()
            .map(|with| (with.span, with.value.clone())));
    if let Some((span, what)) = decides {
        errors.push(
            span,
            format_args!(
                "`{what}` decides how this is stored, so its type does not\n  \
                 help: write `#[field(opaque)]` on the field and take care of its compatibility yourself"
            ),
        );
    }
    for (name, span) in std::iter::once((&part.stored, part.stored_span)).chain(
        part.serde
            .aliases
            .iter()
            .map(|alias| (&alias.value, alias.span)),
    ) {
        if part.ident.is_some() && (name == "_v" || super::stored::starts_reserved(name)) {
            errors.push(
                span,
                format_args!(
                    "the stored name `{name}` is reserved\n  help: choose another one with `#[serde(rename = \"..\")]`"
                ),
            );
        }
    }
}

fn variant_names(model: &EmbeddedModel, errors: &mut Errors) {
    let Body::Enum(variants) = &model.body else {
        return;
    };
    for (position, variant) in variants.iter().enumerate() {
        if let Some(first) = variants[..position]
            .iter()
            .find(|other| other.stored == variant.stored)
        {
            errors.push_pair(
                variant.stored_span,
                format_args!("two variants are stored as `{}`", variant.stored),
                first.stored_span,
                "the other variant is here",
            );
        }
    }
}
