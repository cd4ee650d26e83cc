//! The deep seal: 64 bits that stand for everything that a type stores, down to the last embedded type. Computed once by each
//! process, so that reading a document of today costs one comparison, and none of the time of the compiler, whose constants
//! take a byte at a time.

use smarterbase_schema::digest::Digest;

use super::{
    field::{EmbeddedForm, EmbeddedSpec, Shape},
    spec::FieldSpec,
};
use crate::migration::Representation;

/// The deep seal of a document type. The order of fields does not count.
#[must_use]
pub const fn seal(key_field: &str, fields: &[FieldSpec]) -> u64 {
    let mut sum = Digest::new().text(key_field).finish();
    let mut position = 0;
    while position < fields.len() {
        let field = &fields[position];
        sum = sum.wrapping_add(member(field.name, field.shape));
        position += 1;
    }
    sum
}

/// A member by itself: sums of these do not depend on the order of declarations.
const fn member(name: &str, shape: &Shape) -> u64 {
    add(Digest::new().text(name), shape).finish()
}

const fn members(parts: &[(&str, &Shape)]) -> u64 {
    let (mut sum, mut position) = (0_u64, 0);
    while position < parts.len() {
        sum = sum.wrapping_add(member(parts[position].0, parts[position].1));
        position += 1;
    }
    sum
}

const fn add(digest: Digest, shape: &Shape) -> Digest {
    match shape {
        Shape::Leaf(name) => digest.text("leaf").text(name),
        Shape::Generic(name, parameters) => all(digest.text("generic").text(name), parameters),
        Shape::Embedded(spec) => embedded(digest, spec),
        Shape::Members(parts) => digest.text("members").number(members(parts)),
        Shape::Opaque => digest.text("opaque"),
    }
}

const fn all(digest: Digest, shapes: &[&Shape]) -> Digest {
    let (mut digest, mut position) = (digest, 0);
    while position < shapes.len() {
        digest = add(digest, shapes[position]);
        position += 1;
    }
    digest
}

const fn embedded(digest: Digest, spec: &EmbeddedSpec) -> Digest {
    let digest = digest
        .text("embedded")
        .text(spec.name)
        .number(spec.version as u64);
    let digest = form(digest, spec.form);
    let digest = all(digest, spec.parameters);
    digest.number(members(spec.parts))
}

/// 64 bits that stand for everything that an embedded type stores.
pub(crate) const fn embedded_digest(spec: &EmbeddedSpec) -> u64 {
    embedded(Digest::new(), spec).finish()
}

/// Whether two texts are equal, in a constant.
pub(crate) const fn same_text(one: &str, other: &str) -> bool {
    one.len() == other.len() && word(one, other.as_bytes(), 0).is_some()
}

const fn form(digest: Digest, form: EmbeddedForm) -> Digest {
    match form {
        EmbeddedForm::Struct => digest.text("struct"),
        EmbeddedForm::Tuple => digest.text("tuple"),
        EmbeddedForm::Newtype => digest.text("newtype"),
        EmbeddedForm::Enum(Representation::Named) => digest.text("enum"),
        EmbeddedForm::Enum(Representation::Tagged(tag)) => digest.text("tagged").text(tag),
        EmbeddedForm::Enum(Representation::Adjacent(tag, content)) => {
            digest.text("adjacent").text(tag).text(content)
        }
        EmbeddedForm::Enum(Representation::Untagged) => digest.text("untagged"),
    }
}

/// Whether a type is stored as the canonical text of a lock says: `Option<Address>`. Embedded types stand there by their
/// stored names, so a renamed Rust type, an alias or a newtype without a version of its own is stored as before.
#[must_use]
pub const fn is_stored_as(shape: &Shape, text: &str) -> bool {
    matches!(after(shape, text.as_bytes(), 0), Some(end) if end == text.len())
}

/// Where the text of the shape ends, when it stands in `text` from `at` on.
const fn after(shape: &Shape, text: &[u8], at: usize) -> Option<usize> {
    match shape {
        Shape::Leaf(name) => word(name, text, at),
        Shape::Generic(name, parameters) => match name.as_bytes() {
            b"Tuple" => list("(", parameters, ")", text, at),
            b"Array" => list("[", parameters, "]", text, at),
            _ => named(name, parameters, text, at),
        },
        Shape::Embedded(spec) => named(spec.name, spec.parameters, text, at),
        Shape::Members(_) => None,
        Shape::Opaque => word(smarterbase_schema::types::OPAQUE, text, at),
    }
}

const fn named(name: &str, parameters: &[&Shape], text: &[u8], at: usize) -> Option<usize> {
    match word(name, text, at) {
        Some(at) if parameters.is_empty() => Some(at),
        Some(at) => list("<", parameters, ">", text, at),
        None => None,
    }
}

const fn list(start: &str, shapes: &[&Shape], end: &str, text: &[u8], at: usize) -> Option<usize> {
    let mut place = word(start, text, at);
    let mut position = 0;
    while position < shapes.len() {
        if position > 0 {
            place = match place {
                Some(at) => word(", ", text, at),
                None => return None,
            };
        }
        place = match place {
            Some(at) => after(shapes[position], text, at),
            None => return None,
        };
        position += 1;
    }
    match place {
        Some(at) => word(end, text, at),
        None => None,
    }
}

const fn word(word: &str, text: &[u8], at: usize) -> Option<usize> {
    let word = word.as_bytes();
    if text.len() < at + word.len() {
        return None;
    }
    let mut position = 0;
    while position < word.len() {
        if word[position] != text[at + position] {
            return None;
        }
        position += 1;
    }
    Some(at + word.len())
}

#[cfg(test)]
mod tests;
