//! What only several types together can tell, checked while the program is compiled: that no two types of a list share a
//! collection, and no two embedded types of a list or of one document a stored name.

use smarterbase_schema::digest;

use super::DocumentType;
use crate::document::{
    EmbeddedForm, EmbeddedSpec, FieldSpec, Shape,
    seal::{embedded_digest, same_text},
};

/// What is wrong with a list: the text of an error, when two of its types have the same stored name. The list panics with
/// it itself, so that the error is one at its own place. `SLOTS` is [`slots`] of the list.
#[must_use]
pub const fn check<const SLOTS: usize>(schema: &str, types: &[DocumentType]) -> Option<Message> {
    if let Some(name) = shared_collection(types) {
        return Some(
            Message::new()
                .add("two types of `")
                .add(schema)
                .add("` are stored in the collection `")
                .add(name)
                .add("`: give one of them another `name`"),
        );
    }
    if let Some((document, field)) = unlisted_target(types) {
        return Some(
            Message::new()
                .add("`")
                .add(document)
                .add("` refers with `")
                .add(field)
                .add("` to a type that is not in `")
                .add(schema)
                .add("`: add it to the list"),
        );
    }
    match shared_name::<SLOTS>(types) {
        None => None,
        Some(name) => Some(same_name(schema, name)),
    }
}

/// What is wrong with what stands in one document. `SLOTS` is [`field_slots`] of its fields.
#[must_use]
pub const fn check_fields<const SLOTS: usize>(
    document: &str,
    fields: &'static [FieldSpec],
) -> Option<Message> {
    let mut names = Names::<SLOTS>::new();
    names.add_fields(fields);
    match names.shared {
        None => None,
        Some(name) => Some(same_name(document, name)),
    }
}

const fn same_name(place: &str, name: &str) -> Message {
    Message::new()
        .add("two embedded types in `")
        .add(place)
        .add("` have the stored name `")
        .add(name)
        .add("`: give one of them `#[embedded(name = \"..\")]`")
}

/// How many slots the check needs: twice as many as there are embedded types in the shapes, so that few of them collide.
#[must_use]
pub const fn slots(types: &[DocumentType]) -> usize {
    let (mut found, mut position) = (0, 0);
    while position < types.len() {
        found += count_fields(types[position].spec.fields);
        position += 1;
    }
    found * 2 + 1
}

/// The same for one document.
#[must_use]
pub const fn field_slots(fields: &[FieldSpec]) -> usize {
    count_fields(fields) * 2 + 1
}

const fn count_fields(fields: &[FieldSpec]) -> usize {
    let (mut found, mut position) = (0, 0);
    while position < fields.len() {
        found += count(fields[position].shape);
        position += 1;
    }
    found
}

const fn shared_collection(types: &[DocumentType]) -> Option<&'static str> {
    let mut position = 0;
    while position < types.len() {
        let name = types[position].spec.collection;
        let mut earlier = 0;
        while earlier < position {
            if same_text(types[earlier].spec.collection, name) {
                return Some(name);
            }
            earlier += 1;
        }
        position += 1;
    }
    None
}

/// The type and the field of a reference whose target is not in the list: nobody would know what depends on it.
const fn unlisted_target(types: &[DocumentType]) -> Option<(&'static str, &'static str)> {
    let mut position = 0;
    while position < types.len() {
        let spec = types[position].spec;
        let mut reference = 0;
        while reference < spec.references.len() {
            if !holds(types, spec.references[reference].target) {
                return Some((spec.type_name, spec.references[reference].field));
            }
            reference += 1;
        }
        position += 1;
    }
    None
}

const fn holds(types: &[DocumentType], collection: &str) -> bool {
    let mut position = 0;
    while position < types.len() {
        if same_text(types[position].spec.collection, collection) {
            return true;
        }
        position += 1;
    }
    false
}

const fn shared_name<const SLOTS: usize>(types: &[DocumentType]) -> Option<&'static str> {
    let mut names = Names::<SLOTS>::new();
    let mut position = 0;
    while position < types.len() {
        names.add_fields(types[position].spec.fields);
        position += 1;
    }
    names.shared
}

const fn count(shape: &Shape) -> usize {
    match shape {
        Shape::Leaf(_) | Shape::Opaque => 0,
        Shape::Generic(_, parameters) => {
            let (mut found, mut position) = (0, 0);
            while position < parameters.len() {
                found += count(parameters[position]);
                position += 1;
            }
            found
        }
        Shape::Members(parts) => count_parts(parts),
        Shape::Embedded(spec) => 1 + count_parts(spec.parts),
    }
}

const fn count_parts(parts: &[(&str, &Shape)]) -> usize {
    let (mut found, mut position) = (0, 0);
    while position < parts.len() {
        found += count(parts[position].1);
        position += 1;
    }
    found
}

/// The embedded types that were seen, by their names: a table with open addressing, since constants have no maps.
struct Names<const SLOTS: usize> {
    slots: [Option<&'static EmbeddedSpec>; SLOTS],
    /// The name of two different types.
    shared: Option<&'static str>,
}

impl<const SLOTS: usize> Names<SLOTS> {
    const fn new() -> Self {
        Self {
            slots: [None; SLOTS],
            shared: None,
        }
    }

    const fn add_fields(&mut self, fields: &'static [FieldSpec]) {
        let mut position = 0;
        while position < fields.len() {
            self.add(fields[position].shape);
            position += 1;
        }
    }

    const fn add(&mut self, shape: &'static Shape) {
        match shape {
            Shape::Leaf(_) | Shape::Opaque => {}
            Shape::Generic(_, parameters) => {
                let mut position = 0;
                while position < parameters.len() {
                    self.add(parameters[position]);
                    position += 1;
                }
            }
            Shape::Members(parts) => self.add_parts(parts),
            Shape::Embedded(spec) => {
                self.add_type(spec);
                self.add_parts(spec.parts);
            }
        }
    }

    const fn add_parts(&mut self, parts: &'static [(&'static str, &'static Shape)]) {
        let mut position = 0;
        while position < parts.len() {
            self.add(parts[position].1);
            position += 1;
        }
    }

    const fn add_type(&mut self, spec: &'static EmbeddedSpec) {
        let mut slot = (digest::of(spec.name) % SLOTS as u64) as usize;
        loop {
            match self.slots[slot] {
                None => {
                    self.slots[slot] = Some(spec);
                    return;
                }
                Some(known) if same_text(known.name, spec.name) => {
                    if !is_same(known, spec) {
                        self.shared = Some(spec.name);
                    }
                    return;
                }
                Some(_) => slot = (slot + 1) % SLOTS,
            }
        }
    }
}

/// Whether two descriptions are of one type. Those of a generic type differ in what its parameters are, so only the names
/// of their parts are compared.
const fn is_same(one: &EmbeddedSpec, other: &EmbeddedSpec) -> bool {
    if one.version != other.version || one.parameters.len() != other.parameters.len() {
        return false;
    }
    if one.parameters.is_empty() {
        return embedded_digest(one) == embedded_digest(other);
    }
    let is_enum = matches!(one.form, EmbeddedForm::Enum(_));
    is_enum == matches!(other.form, EmbeddedForm::Enum(_)) && same_names(one.parts, other.parts)
}

const fn same_names(one: &[(&str, &Shape)], other: &[(&str, &Shape)]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut position = 0;
    while position < one.len() {
        if !same_text(one[position].0, other[position].0) {
            return false;
        }
        position += 1;
    }
    true
}

/// A text that is put together in a constant. What does not fit is cut.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    bytes: [u8; 512],
    length: usize,
}

impl Message {
    const fn new() -> Self {
        Self {
            bytes: [0; 512],
            length: 0,
        }
    }

    const fn add(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut position = 0;
        while position < text.len() && self.length < self.bytes.len() {
            self.bytes[self.length] = text[position];
            self.length += 1;
            position += 1;
        }
        self
    }

    /// The text.
    #[must_use]
    pub const fn text(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "two types have the same stored name",
        }
    }
}
