//! The scalar of a JSON value, as the Rust type would give it to an index.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Form, StoredType};
use crate::document::{Scalar, Timestamp};

/// The type of the elements, where a field is a list that can be indexed element by element.
#[must_use]
pub fn list_element(ty: &StoredType) -> Option<&StoredType> {
    match ty {
        StoredType::Generic { of, with } => match (of.as_str(), &with[..]) {
            ("Vec" | "Set" | "Array", [element]) => Some(element),
            ("Option", [list]) => list_element(list),
            _ => None,
        },
        _ => None,
    }
}

/// Whether values of the type have scalars of this encoding, by its stored name.
#[must_use]
pub fn is_indexable(ty: &StoredType, encoding: &str) -> bool {
    match (value_type(ty), encoding) {
        (StoredType::Leaf(name), _) => encoding_of(name) == Some(encoding),
        (StoredType::Embedded { form, parts, .. }, "string") => {
            *form == Form::Enum && parts.iter().all(|(_, ty)| *ty == unit())
        }
        _ => false,
    }
}

fn unit() -> StoredType {
    StoredType::Leaf("()".to_owned())
}

/// The type without what does not change how values are written.
fn value_type(ty: &StoredType) -> &StoredType {
    match ty {
        StoredType::Generic { of, with } => match (of.as_str(), &with[..]) {
            ("Option" | "Box", [inner]) => value_type(inner),
            _ => ty,
        },
        StoredType::Embedded {
            form: Form::Newtype,
            parts,
            ..
        } => parts.first().map_or(ty, |(_, inner)| value_type(inner)),
        _ => ty,
    }
}

/// How a leaf is encoded in an index.
fn encoding_of(leaf: &str) -> Option<&'static str> {
    Some(match leaf {
        "bool" => "bool",
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "f32" | "f64" => "number",
        "String" | "char" => "string",
        "Uuid" | "Id" => "uuid",
        "Timestamp" => "timestamp",
        _ => return None,
    })
}

/// The scalar of a value that [fits](super::fits) the type; `None` when it has none.
#[must_use]
pub fn scalar<'a>(ty: &StoredType, value: &'a Value) -> Option<Scalar<'a>> {
    if value.is_null() {
        return Some(Scalar::Null);
    }
    match value_type(ty) {
        StoredType::Leaf(name) => leaf(name, value),
        StoredType::Embedded {
            form: Form::Enum, ..
        } => text(value),
        _ => None,
    }
}

fn leaf<'a>(name: &str, value: &'a Value) -> Option<Scalar<'a>> {
    match encoding_of(name)? {
        "bool" => value.as_bool().map(Scalar::Bool),
        "number" => number(name, value),
        "uuid" => Uuid::deserialize(value)
            .ok()
            .map(|uuid| Scalar::Uuid(*uuid.as_bytes())),
        "timestamp" => {
            let (seconds, nanoseconds) = Timestamp::deserialize(value).ok()?.to_parts();
            Some(Scalar::Timestamp(seconds, nanoseconds))
        }
        _ => text(value),
    }
}

fn text(value: &Value) -> Option<Scalar<'_>> {
    value.as_str().map(|text| Scalar::Text(Cow::Borrowed(text)))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "it is what serde does with the number of an f32"
)]
fn number<'a>(name: &str, value: &Value) -> Option<Scalar<'a>> {
    match name {
        "f32" => value
            .as_f64()
            .map(|number| Scalar::Float(f64::from(number as f32))),
        "f64" => value.as_f64().map(Scalar::Float),
        _ => natural_number(value),
    }
}

fn natural_number<'a>(value: &Value) -> Option<Scalar<'a>> {
    let signed = value.as_i64().map(Scalar::Signed);
    let unsigned = || value.as_u64().map(Scalar::Unsigned);
    signed
        .or_else(unsigned)
        .or_else(|| value.as_f64().map(Scalar::Float))
}

/// The scalar of a value whose type is not known; `None` for lists and objects.
#[must_use]
pub fn plain_scalar(value: &Value) -> Option<Scalar<'_>> {
    match value {
        Value::Null => Some(Scalar::Null),
        Value::Bool(value) => Some(Scalar::Bool(*value)),
        Value::Number(_) => natural_number(value),
        Value::String(_) => text(value),
        Value::Array(_) | Value::Object(_) => None,
    }
}
