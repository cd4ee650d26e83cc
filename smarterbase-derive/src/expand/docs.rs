//! The doc comment of every generated item.

use super::fields;
use crate::{
    model::{Definition, DocumentModel, Source},
    names,
};

pub(super) fn handles(model: &DocumentModel) -> String {
    format!(
        "The stored fields of [`{}`], to name them in queries.",
        names::plain(&model.ident)
    )
}

pub(super) fn handle(model: &DocumentModel, position: usize) -> String {
    let served = match fields::serving(model, position) {
        None if fields::leads(model, position) => {
            "It leads an index over several fields, which answers equality.".to_owned()
        }
        None => "It has no index of its own.".to_owned(),
        Some(definition) if definition.range.is_some() => {
            format!(
                "The index `{}` answers equality, ranges and order.",
                definition.name
            )
        }
        Some(definition) => format!("The index `{}` answers equality.", definition.name),
    };
    match model.sources().get(position) {
        Source::Field(field) => {
            format!(
                "The field `{}`, stored as `{}`. {served}",
                field.name(),
                field.stored
            )
        }
        Source::Computed(computed) => {
            format!(
                "What `{}()` gives; it is not stored. {served}",
                computed.name()
            )
        }
    }
}

pub(super) fn partial_handles(model: &DocumentModel) -> String {
    format!(
        "The partial indexes and unique values of [`{}`], to ask them in queries.",
        names::plain(&model.ident)
    )
}

pub(super) fn partial_handle(model: &DocumentModel, definition: &Definition) -> String {
    let names: Vec<_> = parts(model, definition).collect();
    let holds = holding(definition);
    format!("`{}`, over {}{holds}.", definition.name, names.join(", "))
}

pub(super) fn find_one(model: &DocumentModel, definition: &Definition) -> String {
    format!(
        "Finds the [`{}`] {}, if there is one.\n\nUses the unique index `{}`.{}",
        names::plain(&model.ident),
        with(model, definition),
        definition.name,
        folded(definition),
    )
}

pub(super) fn find_many(model: &DocumentModel, definition: &Definition) -> String {
    format!(
        "Finds every [`{}`] {}.\n\n{}",
        names::plain(&model.ident),
        with(model, definition),
        uses(definition)
    )
}

pub(super) fn find_range(model: &DocumentModel, definition: &Definition) -> String {
    format!(
        "Finds every [`{}`] {}, the last of them in a range.\n\n{}",
        names::plain(&model.ident),
        with(model, definition),
        uses(definition)
    )
    .replace(
        ", the last of them in a range",
        if definition.components.len() == 1 {
            " in a range"
        } else {
            ", the last of them in a range"
        },
    )
}

pub(super) fn count(model: &DocumentModel, definition: &Definition) -> String {
    format!(
        "Counts every [`{}`] {}, exactly.\n\n{}",
        names::plain(&model.ident),
        with(model, definition),
        uses(definition)
    )
}

pub(super) fn delete(model: &DocumentModel, definition: &Definition) -> String {
    format!(
        "Deletes every [`{}`] {}, one by one.\n\n{}",
        names::plain(&model.ident),
        with(model, definition),
        uses(definition)
    )
}

pub(super) fn new_struct(model: &DocumentModel) -> String {
    format!(
        "What is needed to create a [`{}`]: its fields, without those that are filled automatically.",
        names::plain(&model.ident)
    )
}

/// ``with this `org_id` and `slug` ``.
fn with(model: &DocumentModel, definition: &Definition) -> String {
    let names: Vec<_> = parts(model, definition).collect();
    let holds = holding(definition);
    if definition.each.is_some() {
        return format!("whose {} hold this element{holds}", names.join(""));
    }
    match names.split_last() {
        Some((last, [])) => format!("with this {last}{holds}"),
        Some((last, rest)) => format!("with this {} and {last}{holds}", rest.join(", ")),
        None => String::new(),
    }
}

fn parts(model: &DocumentModel, definition: &Definition) -> impl Iterator<Item = String> {
    let positions = definition.components.iter();
    positions.map(|position| format!("`{}`", model.sources().get(*position).name()))
}

/// Which documents a partial definition holds.
fn holding(definition: &Definition) -> String {
    let predicate = definition.predicate.as_ref();
    predicate.map_or_else(String::new, |predicate| {
        format!(", of those for which `{}` holds", predicate.function)
    })
}

fn uses(definition: &Definition) -> String {
    format!(
        "Uses the index `{}`.{}",
        definition.name,
        folded(definition)
    )
}

fn folded(definition: &Definition) -> &'static str {
    if definition.lower.is_some() {
        " Upper and lower case are the same."
    } else {
        ""
    }
}
