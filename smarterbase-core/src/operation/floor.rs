//! The version floor of a collection: what writers may still write, of the document and of each type that is embedded in it.

use super::Collection;
use crate::{
    document::{DocumentSpec, FieldSpec, upgrade},
    error::{Code, Error, Result},
    format::{catalog::Catalog, definition},
    migration::Versions,
};

/// The floor of a new collection: what its maker cannot read, nobody may write.
pub(crate) fn first(spec: &'static DocumentSpec) -> (u32, Versions) {
    let mut embedded = Versions::default();
    for field in spec.fields {
        upgrade::visit(field.shape, &mut |part| {
            embedded.note(part.name, part.readable_from);
        });
    }
    (spec.history.readable_from, embedded)
}

/// Refuses to write a version that the collection no longer takes.
pub(crate) fn check(collection: &Collection, catalog: &Catalog) -> Result<()> {
    let (floor, own) = (catalog.writable_from, collection.spec.schema_version);
    let name = collection.spec.type_name;
    let text = if own < floor {
        format!(
            "`{name}` is at version {own} here, but the collection takes only {floor} and later"
        )
    } else if let Some(part) = embedded_below(collection, &catalog.embedded_from) {
        part
    } else {
        return Ok(());
    };
    let text = format!("{text} (deploy the newer program)");
    Err(Error::new(Code::UNSUPPORTED_SCHEMA, text).in_collection(collection.name()))
}

fn embedded_below(collection: &Collection, floor: &Versions) -> Option<String> {
    let mut fields = collection.spec.fields.iter();
    let part = fields.find_map(|field| upgrade::newer_part(field.shape, floor))?;
    Some(format!(
        "`{}` writes version {} of the embedded `{}` here, but the collection takes only {} and later",
        collection.spec.type_name,
        part.version,
        part.name,
        floor.of(part.name)
    ))
}

/// Raises the floor to what this program writes. Gives whether that changes anything.
pub(crate) fn raise(collection: &Collection, catalog: &mut Catalog) -> bool {
    let before = (catalog.writable_from, catalog.embedded_from.clone());
    catalog.writable_from = before.0.max(collection.spec.schema_version);
    for (name, version) in &collection.shape.embedded.0 {
        catalog.embedded_from.note(name, *version);
    }
    before != (catalog.writable_from, catalog.embedded_from.clone())
}

/// What may still be written although it lacks values that the definition is over: a version of the document or of an embedded
/// type that is lower than the one whose steps make them.
pub(crate) fn in_the_way(
    collection: &Collection,
    catalog: &Catalog,
    ordinal: usize,
) -> Option<String> {
    let index = &collection.spec.indexes[ordinal];
    let needed = definition::touched(index);
    if needed > catalog.writable_from {
        return Some(format!(
            "values that version {needed} makes, but programs of version {} may still write",
            catalog.writable_from
        ));
    }
    let is_read = |field: &&FieldSpec| {
        let mut components = index.components.iter();
        index.runs_code() || components.any(|part| part.field == field.name)
    };
    let fields = collection.spec.fields.iter().filter(is_read);
    let mut lower = None;
    for field in fields {
        upgrade::visit(field.shape, &mut |part| {
            let floor = catalog.embedded_from.of(part.name);
            if part.version > floor {
                lower = Some(format!(
                    "values that version {} of the embedded `{}` makes, but programs with version {floor} of it may still write",
                    part.version, part.name
                ));
            }
        });
    }
    lower
}
