//! References to other documents.

use proc_macro2::Span;
use syn::{Path, Type};

use super::FieldModel;
use crate::{
    attr::{OnDelete, ReferenceOptions},
    errors::Errors,
    names,
};

/// One reference.
pub(crate) struct Reference {
    /// The position of the field.
    pub(crate) field: usize,
    pub(crate) target: Path,
    pub(crate) on_delete: OnDelete,
    /// What it is called: what follows `fetch_`.
    pub(crate) name: String,
    pub(crate) span: Span,
}

/// The attributes of all fields.
pub(super) fn resolve(
    on_fields: Vec<(usize, ReferenceOptions)>,
    fields: &[FieldModel],
    errors: &mut Errors,
) -> Vec<Reference> {
    let mut references: Vec<Reference> = Vec::new();
    for (position, options) in on_fields {
        let field = &fields[position];
        can_be_cleared(&options, field, errors);
        let reference = Reference {
            field: position,
            name: name(&options, field, errors),
            target: options.target,
            on_delete: options
                .on_delete
                .map_or(OnDelete::Nothing, |on_delete| on_delete.value),
            span: options.span,
        };
        match references.iter().find(|other| other.name == reference.name) {
            Some(_) => errors.push(
                reference.span,
                format_args!(
                    "two references are called `{}`\n  help: write `name = ..` on one of them",
                    reference.name
                ),
            ),
            None => references.push(reference),
        }
    }
    references
}

fn name(options: &ReferenceOptions, field: &FieldModel, errors: &mut Errors) -> String {
    let own = field.name();
    let Some(name) = &options.name else {
        return own.strip_suffix("_id").unwrap_or(&own).to_owned();
    };
    if !names::is_method_part(&name.value) {
        errors.push(
            name.span,
            "a reference is called like a method: `fetch_` stands before it",
        );
        return own;
    }
    name.value.clone()
}

fn can_be_cleared(options: &ReferenceOptions, field: &FieldModel, errors: &mut Errors) {
    let Some(on_delete) = &options.on_delete else {
        return;
    };
    if on_delete.value == OnDelete::Nullify && !is_option(&field.ty) {
        errors.push(
            on_delete.span,
            format_args!(
                "`{0}` cannot become `None`\n  help: make `{0}` an `Option`, or write `on_delete = cascade` or `restrict`",
                field.name()
            ),
        );
    }
}

fn is_option(ty: &Type) -> bool {
    let last = match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    last.is_some_and(|segment| segment.ident == "Option")
}
