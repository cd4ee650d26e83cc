//! What the seal notices, and which texts of a lock a shape has.

use std::collections::{BTreeMap, HashMap};

use super::{is_stored_as, seal};
use crate::{
    document::{
        FieldSpec, FieldType, Id, Shape,
        field::{EmbeddedForm, EmbeddedSpec},
    },
    migration::Representation,
};

const fn embedded(name: &'static str, version: u32, form: EmbeddedForm) -> EmbeddedSpec {
    EmbeddedSpec {
        name,
        version,
        readable_from: 1,
        parameters: &[],
        form,
        parts: &[("street", &Shape::Leaf("String"))],
        migrations: &[],
    }
}
static ADDRESS: EmbeddedSpec = embedded("Address", 1, EmbeddedForm::Struct);
static ADDRESS_2: EmbeddedSpec = embedded("Address", 2, EmbeddedForm::Struct);
static PLACE: EmbeddedSpec = embedded("Place", 1, EmbeddedForm::Struct);
static TAGGED: EmbeddedSpec = embedded(
    "Address",
    1,
    EmbeddedForm::Enum(Representation::Tagged("t")),
);

fn field(name: &'static str, shape: &'static Shape) -> FieldSpec {
    FieldSpec {
        name,
        aliases: &[],
        shape,
    }
}

#[test]
fn the_seal_notices_every_change_at_any_depth() {
    static SHAPES: [Shape; 10] = [
        Shape::Leaf("String"),
        Shape::Leaf("u32"),
        Shape::Opaque,
        Shape::Generic("Option", &[&Shape::Leaf("String")]),
        Shape::Generic("Vec", &[&Shape::Leaf("String")]),
        Shape::Generic("Option", &[&Shape::Embedded(&ADDRESS)]),
        Shape::Generic("Option", &[&Shape::Embedded(&ADDRESS_2)]),
        Shape::Generic("Option", &[&Shape::Embedded(&PLACE)]),
        Shape::Generic("Option", &[&Shape::Embedded(&TAGGED)]),
        Shape::Members(&[("a", &Shape::Leaf("String"))]),
    ];
    let mut seals: Vec<u64> = SHAPES
        .iter()
        .map(|shape| seal("id", &[field("a", shape)]))
        .collect();
    seals.push(seal("id", &[field("b", &SHAPES[0])]));
    seals.push(seal("a", &[field("a", &SHAPES[0])]));
    seals.push(seal("id", &[]));
    let count = seals.len();
    seals.sort_unstable();
    seals.dedup();
    assert_eq!(seals.len(), count);
}

#[test]
fn the_order_of_fields_does_not_count_but_their_number_does() {
    let (a, b) = (field("a", u32::SHAPE), field("b", String::SHAPE));
    let one = seal("id", &[a, b]);
    let (a, b) = (field("a", u32::SHAPE), field("b", String::SHAPE));
    assert_eq!(one, seal("id", &[b, a]));
    assert_ne!(one, seal("id", &[field("a", u32::SHAPE)]));
}

#[test]
fn the_seal_never_changes() {
    // It stands in every document: another value would send all of them through the slow path.
    let fields = [field("id", Id::<()>::SHAPE), field("plan", &SHAPE)];
    static SHAPE: Shape = Shape::Generic("Option", &[&Shape::Embedded(&ADDRESS_2)]);
    assert_eq!(format!("{:016x}", seal("id", &fields)), "0c94e2a5fbf2e1c4");
}

#[test]
fn a_shape_has_one_text_in_locks() {
    static OPTION: Shape = Shape::Generic("Option", &[&Shape::Embedded(&ADDRESS)]);
    for (shape, text) in [
        (String::SHAPE, "String"),
        (Id::<()>::SHAPE, "Id"),
        (<HashMap<String, Vec<u8>>>::SHAPE, "Map<String, Vec<u8>>"),
        (<BTreeMap<String, Vec<u8>>>::SHAPE, "Map<String, Vec<u8>>"),
        (<[u8; 4]>::SHAPE, "[u8]"),
        (<(u8, String)>::SHAPE, "(u8, String)"),
        (<()>::SHAPE, "()"),
        (serde_json::Value::SHAPE, "Json"),
        (&OPTION, "Option<Address>"),
        (&Shape::Opaque, "opaque"),
    ] {
        assert!(is_stored_as(shape, text), "{text}");
        let canonical = smarterbase_schema::Type::parse(text).canonical();
        assert_eq!(canonical.to_string(), text);
        for other in ["", "u64", "Option<Place>", &format!("{text}x"), &text[1..]] {
            assert!(!is_stored_as(shape, other), "{text} is not {other}");
        }
    }
}
