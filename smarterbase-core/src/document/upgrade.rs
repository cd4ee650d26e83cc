//! Brings the members of a stored document to the versions of today: first the document's own steps, then those of the types
//! inside of it.

use super::{
    field::{EmbeddedForm, EmbeddedSpec, Shape},
    spec::DocumentSpec,
};
use crate::migration::{Failure, Object, Raw, Versions, failure::Cause, run, variant};

/// Upgrades the members of a document that was written at version `stored`, when its embedded types had `versions`.
///
/// # Errors
/// [`Failure`]: the step that failed.
pub fn document(
    spec: &DocumentSpec,
    stored: u32,
    versions: &Versions,
    object: &mut Object,
) -> Result<(), Failure> {
    let migrations = spec.history.migrations;
    run::run(spec.type_name, migrations, stored, versions, object)?;
    for field in spec.fields {
        let names = std::iter::once(&field.name).chain(field.aliases);
        for name in names {
            member(object, name, field.shape, versions)?;
        }
    }
    Ok(())
}

/// Upgrades a value of this shape.
///
/// # Errors
/// [`Failure`]: the step that failed.
pub fn value(shape: &Shape, versions: &Versions, value: &Raw) -> Result<Raw, Failure> {
    if !is_stale(shape, versions) || value.get() == "null" {
        return Ok(value.clone());
    }
    match shape {
        Shape::Leaf(_) | Shape::Opaque => Ok(value.clone()),
        Shape::Generic("Map", parameters) => each_member(parameters[1], versions, value),
        Shape::Generic("Tuple", parameters) => elements(value, |position, element| {
            parameters.get(position).map_or_else(
                || Ok(element.clone()),
                |shape| self::value(shape, versions, element),
            )
        }),
        Shape::Generic("Option" | "Box", parameters) => self::value(parameters[0], versions, value),
        Shape::Generic(_, parameters) => elements(value, |_, element| {
            self::value(parameters[0], versions, element)
        }),
        Shape::Members(parts) => members(parts, versions, value),
        Shape::Embedded(spec) => embedded(spec, versions, value),
    }
}

/// Whether a value of this shape can hold something of an older version.
#[must_use]
pub fn is_stale(shape: &Shape, versions: &Versions) -> bool {
    match shape {
        Shape::Leaf(_) | Shape::Opaque => false,
        Shape::Generic(_, parameters) => parameters.iter().any(|part| is_stale(part, versions)),
        Shape::Members(parts) => parts.iter().any(|(_, part)| is_stale(part, versions)),
        Shape::Embedded(spec) => {
            versions.of(spec.name) != spec.version
                || spec.parts.iter().any(|(_, part)| is_stale(part, versions))
        }
    }
}

/// An embedded type in a shape of which a document was written with a newer version than this program knows.
#[must_use]
pub fn newer_part(shape: &'static Shape, versions: &Versions) -> Option<&'static EmbeddedSpec> {
    match shape {
        Shape::Leaf(_) | Shape::Opaque => None,
        Shape::Generic(_, parameters) => parameters
            .iter()
            .find_map(|part| newer_part(part, versions)),
        Shape::Members(parts) => parts
            .iter()
            .find_map(|(_, part)| newer_part(part, versions)),
        Shape::Embedded(spec) if versions.of(spec.name) > spec.version => Some(spec),
        Shape::Embedded(spec) => {
            let mut parts = spec.parts.iter();
            parts.find_map(|(_, part)| newer_part(part, versions))
        }
    }
}

/// Shows every embedded type in a shape.
pub fn visit(shape: &'static Shape, see: &mut impl FnMut(&'static EmbeddedSpec)) {
    match shape {
        Shape::Leaf(_) | Shape::Opaque => {}
        Shape::Generic(_, parameters) => parameters.iter().for_each(|part| visit(part, see)),
        Shape::Members(parts) => parts.iter().for_each(|(_, part)| visit(part, see)),
        Shape::Embedded(spec) => {
            see(spec);
            spec.parts.iter().for_each(|(_, part)| visit(part, see));
        }
    }
}

/// What a step made is of today already.
fn member(
    object: &mut Object,
    name: &str,
    shape: &Shape,
    versions: &Versions,
) -> Result<(), Failure> {
    let found = object
        .members_mut()
        .iter_mut()
        .find(|member| member.name == name && !member.is_new);
    if let Some(member) = found {
        member.value = value(shape, versions, &member.value)?;
    }
    Ok(())
}

fn members(parts: &[(&str, &Shape)], versions: &Versions, value: &Raw) -> Result<Raw, Failure> {
    let Ok(mut object) = Object::read(value.get()) else {
        // Not what the type says: decoding tells where.
        return Ok(value.clone());
    };
    for (name, shape) in parts {
        member(&mut object, name, shape, versions)?;
    }
    Ok(object.into_raw())
}

fn each_member(shape: &Shape, versions: &Versions, value: &Raw) -> Result<Raw, Failure> {
    let Ok(mut object) = Object::read(value.get()) else {
        return Ok(value.clone());
    };
    for member in object.members_mut() {
        member.value = self::value(shape, versions, &member.value)?;
    }
    Ok(object.into_raw())
}

fn elements(
    value: &Raw,
    mut upgrade: impl FnMut(usize, &Raw) -> Result<Raw, Failure>,
) -> Result<Raw, Failure> {
    let Ok(elements) = serde_json::from_str::<Vec<Raw>>(value.get()) else {
        return Ok(value.clone());
    };
    let upgraded: Result<Vec<Raw>, Failure> = elements
        .iter()
        .enumerate()
        .map(|(position, element)| upgrade(position, element))
        .collect();
    upgraded.map(|elements| list(&elements))
}

fn list(elements: &[Raw]) -> Raw {
    serde_json::value::to_raw_value(elements).expect("raw elements are JSON")
}

fn embedded(spec: &EmbeddedSpec, versions: &Versions, value: &Raw) -> Result<Raw, Failure> {
    let stored = versions.of(spec.name);
    if stored > spec.version || stored < spec.readable_from {
        return Err(unreadable(spec, stored));
    }
    match spec.form {
        EmbeddedForm::Enum(_) => enumeration(spec, stored, versions, value),
        EmbeddedForm::Struct => {
            let Ok(object) = Object::read(value.get()) else {
                return Ok(value.clone());
            };
            structure(spec, stored, versions, object).map(Object::into_raw)
        }
        EmbeddedForm::Tuple => {
            let Ok(parts) = serde_json::from_str::<Vec<Raw>>(value.get()) else {
                return Ok(value.clone());
            };
            let object = structure(spec, stored, versions, by_position(parts))?;
            Ok(list(&in_order(spec, &object)))
        }
        EmbeddedForm::Newtype => {
            let object = by_position(vec![value.clone()]);
            let object = structure(spec, stored, versions, object)?;
            Ok(in_order(spec, &object).remove(0))
        }
    }
}

fn unreadable(spec: &EmbeddedSpec, stored: u32) -> Failure {
    let wanted = if stored > spec.version {
        format!("read {stored} with {}", spec.version)
    } else {
        format!("min_version = {}", spec.readable_from)
    };
    Failure::new(
        spec.name,
        stored,
        wanted,
        Cause::NotAsSealed(spec.name.to_owned()),
    )
}

fn structure(
    spec: &EmbeddedSpec,
    stored: u32,
    versions: &Versions,
    mut object: Object,
) -> Result<Object, Failure> {
    run::run(spec.name, spec.migrations, stored, versions, &mut object)?;
    for (name, shape) in spec.parts {
        member(&mut object, name, shape, versions)?;
    }
    Ok(object)
}

/// The elements of an array as members `0`, `1`, …, as the steps of tuples name them.
fn by_position(elements: Vec<Raw>) -> Object {
    let mut object = Object::default();
    for (position, element) in elements.into_iter().enumerate() {
        object.set(&position.to_string(), element, false);
    }
    object
}

fn in_order(spec: &EmbeddedSpec, object: &Object) -> Vec<Raw> {
    let null = || crate::migration::object::null();
    spec.parts
        .iter()
        .map(|(name, _)| object.get(name).cloned().unwrap_or_else(null))
        .collect()
}

fn enumeration(
    spec: &EmbeddedSpec,
    stored: u32,
    versions: &Versions,
    value: &Raw,
) -> Result<Raw, Failure> {
    let outcome = variant::run(spec.name, spec.migrations, stored, versions, value.clone())?;
    match outcome {
        variant::Outcome::Made(value) => Ok(value),
        variant::Outcome::Kept(value) => content(spec, versions, value),
    }
}

/// Upgrades what stands inside of a variant. A value that is none of the variants is left for the decoder to refuse.
fn content(spec: &EmbeddedSpec, versions: &Versions, value: Raw) -> Result<Raw, Failure> {
    let EmbeddedForm::Enum(representation) = spec.form else {
        return Ok(value);
    };
    let Ok(mut opened) = variant::open(representation, &value) else {
        return Ok(value);
    };
    let part = spec.parts.iter().find(|(name, _)| *name == opened.name);
    let Some((_, shape)) =
        part.filter(|(_, shape)| opened.has_content && is_stale(shape, versions))
    else {
        return Ok(value);
    };
    opened.content = self::value(shape, versions, &opened.content)?;
    Ok(variant::close(representation, opened).unwrap_or(value))
}
