//! Rules across attributes and fields. Every problem is pushed; what cannot be expanded is taken out of the model.

mod computed;
mod definitions;
mod embedded;
mod policy;
mod stored;

pub(crate) use embedded::check as embedded;
pub(crate) use stored::ONE_NAME;

use crate::{
    errors::Errors,
    model::{DocumentModel, FieldModel, Role},
};

/// Checks the model and takes the broken parts out.
pub(crate) fn document(model: &mut DocumentModel, errors: &mut Errors) {
    one_key(model, errors);
    for field in &mut model.fields {
        roles(field, errors);
    }
    each_role_once(model, errors);
    stored::check(model, errors);
    computed::check(model, errors);
    definitions::check(model, errors);
    policy::check(model, errors);
}

fn one_key(model: &mut DocumentModel, errors: &mut Errors) {
    let mut first: Option<String> = None;
    for field in &mut model.fields {
        if let Some(second) = field.second_key {
            errors.push(
                second,
                format_args!("`#[key]` stands on `{}` twice", field.name()),
            );
        }
        let Some(span) = field.key else { continue };
        match &first {
            None => first = Some(field.name()),
            Some(first) => {
                errors.push(
                    span,
                    format_args!(
                        "a document has one key; `{first}` already has `#[key]`\n  \
                         help: remove one of them; write `#[unique]` where a value must only be unique"
                    ),
                );
                field.key = None;
            }
        }
    }
    if first.is_none() {
        errors.push(
            model.ident.span(),
            format_args!(
                "`{0}` has no key\n  help: write `#[key]` on the field that identifies it, or add `#[key(auto)] pub id: Id<{0}>`",
                model.ident
            ),
        );
    }
}

/// What fills a field excludes everything else that would.
fn roles(field: &mut FieldModel, errors: &mut Errors) {
    let name = field.name();
    if let [(first, _), (second, span), ..] = field.roles[..] {
        errors.push(
            span,
            format_args!(
                "`{name}` is `{}` already, so it cannot be `{}` too",
                first.name(),
                second.name()
            ),
        );
    }
    if let (Some(_), Some((role, span))) = (field.key, field.roles.first()) {
        errors.push(
            *span,
            format_args!("`{name}` has `#[key]`, so it cannot be `{}`", role.name()),
        );
        field.roles.clear();
    }
    if let Some(default) = &field.default {
        let filled = field
            .role()
            .map(Role::name)
            .or(field.automatic_key.then_some("key(auto)"));
        if let Some(filled) = filled {
            errors.push(
                default.span,
                format_args!("`{name}` is `{filled}` already, so a `default` is never used"),
            );
        }
    }
    if let Some(cfg) = field.cfg {
        errors.push(
            cfg,
            format_args!(
                "`{name}` is there in some builds only, but all builds share the stored documents\n  \
                 help: keep the field in every build, for example as an `Option`"
            ),
        );
    }
}

fn each_role_once(model: &DocumentModel, errors: &mut Errors) {
    for wanted in [Role::CreatedAt, Role::UpdatedAt, Role::Revision] {
        let mut found = model.fields.iter().filter_map(|field| {
            field
                .roles
                .iter()
                .find(|(role, _)| *role == wanted)
                .map(|(_, span)| (field.name(), *span))
        });
        if let (Some((first, _)), Some((_, span))) = (found.next(), found.next()) {
            errors.push(
                span,
                format_args!(
                    "`{first}` is already the `{}` of this document",
                    wanted.name()
                ),
            );
        }
    }
}
