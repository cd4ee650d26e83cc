//! What `#[derive(Embedded)]` makes of real types.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::infallible_try_from, reason = "serde wants `TryFrom`")]
#![allow(
    missing_docs,
    missing_debug_implementations,
    reason = "the documents of tests"
)]

use std::borrow::Cow;

use smarterbase::__private::{
    DocumentKey, EmbeddedForm, EmbeddedSpec, Encoding, KeyKind, Representation, Scalar, Shape,
};
use smarterbase::{FieldType, IndexValue, prelude::*};
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    Free,
    BigTeam,
    #[serde(rename = "ent")]
    Enterprise,
}

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(name = "address", version = 2, unsealed)]
pub struct Address {
    pub street: String,
    #[serde(rename = "zip")]
    pub postal_code: Option<String>,
    #[field(skip)]
    #[serde(skip)]
    pub cached: u8,
}

#[derive(Serialize, Deserialize, Embedded)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub enum Payment {
    Cash,
    Card { card_number: String },
    Transfer(Address),
}

#[derive(Serialize, Deserialize, Embedded)]
pub struct Versioned<T> {
    pub value: T,
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
pub struct UserId(Uuid);

#[derive(Serialize, Deserialize, Embedded)]
pub struct Email(String);

#[derive(Serialize, Deserialize, Embedded)]
pub struct Bytes(Vec<u8>);

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(version = 3, unsealed)]
pub struct Weight(f64);

#[derive(Clone, Serialize, Deserialize, Embedded)]
#[serde(try_from = "String", into = "String")]
pub struct Checked(Vec<u8>);
impl From<Checked> for String {
    fn from(_: Checked) -> Self {
        Self::new()
    }
}
impl TryFrom<String> for Checked {
    type Error = std::convert::Infallible;
    fn try_from(_: String) -> Result<Self, Self::Error> {
        Ok(Self(Vec::new()))
    }
}

#[derive(Serialize, Deserialize, Document)]
pub struct Account {
    #[key(auto)]
    id: UserId,
    #[unique(lower)]
    email: Email,
    #[index(range)]
    plan: Plan,
    #[index]
    maybe: Option<Plan>,
    address: Versioned<Address>,
    bytes: Bytes,
}

#[test]
fn an_enum_without_data_is_indexed_as_the_stored_name_of_its_variant() {
    assert_eq!(
        Plan::BigTeam.scalar(),
        Scalar::Text(Cow::Borrowed("big_team"))
    );
    assert_eq!(
        Plan::Enterprise.scalar(),
        Scalar::Text(Cow::Borrowed("ent"))
    );
    assert_eq!(Plan::ENCODING, Encoding::plain("string"));
    for plan in [Plan::Free, Plan::BigTeam, Plan::Enterprise] {
        let Scalar::Text(name) = plan.scalar() else {
            panic!("text")
        };
        assert_eq!(
            serde_json::to_value(plan).unwrap(),
            serde_json::Value::String(name.into_owned())
        );
    }
}

fn embedded(shape: &Shape) -> &EmbeddedSpec {
    match shape {
        Shape::Embedded(spec) => spec,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_struct_has_its_stored_name_version_and_members() {
    let address = embedded(Address::SHAPE);
    let [("street", street), ("zip", zip)] = address.parts else {
        panic!("{address:?}")
    };
    assert_eq!((address.name, address.version), ("address", 2));
    assert_eq!(address.form, EmbeddedForm::Struct);
    assert_eq!(**street, *String::SHAPE);
    assert_eq!(**zip, *<Option<String>>::SHAPE);
}

#[test]
fn an_enum_has_its_representation_and_its_variants() {
    let payment = embedded(Payment::SHAPE);
    assert_eq!((payment.name, payment.version), ("Payment", 1));
    assert_eq!(
        payment.form,
        EmbeddedForm::Enum(Representation::Tagged("kind"))
    );
    assert_eq!(
        *payment.parts,
        [
            ("Cash", &Shape::Leaf("()")),
            (
                "Card",
                &Shape::Members(&[("cardNumber", &Shape::Leaf("String"))])
            ),
            ("Transfer", Address::SHAPE),
        ]
    );
}

#[test]
fn a_type_parameter_is_part_of_the_shape() {
    let versioned = embedded(<Versioned<u32>>::SHAPE);
    let [("value", value), _] = versioned.parts else {
        panic!("{versioned:?}")
    };
    assert_eq!(*versioned.parameters, [u32::SHAPE]);
    assert_eq!(**value, Shape::Leaf("u32"));
}

#[test]
fn a_newtype_is_what_its_field_is() {
    assert_eq!(UserId::SHAPE, Uuid::SHAPE);
    assert_eq!(Email::ENCODING, String::ENCODING);
    assert_eq!(Email("a@b".into()).scalar(), Scalar::Text("a@b".into()));
    assert_eq!(UserId::KIND, KeyKind::Uuid);
    let id = UserId(Uuid::from_u128(7));
    assert_eq!(id.to_text(), Uuid::from_u128(7).to_text());
    assert_eq!(UserId::from_text(&id.to_text().0).unwrap(), id);
    assert_eq!(Bytes::SHAPE, <Vec<u8>>::SHAPE);
}

#[test]
fn a_newtype_with_a_version_has_a_shape_of_its_own() {
    let weight = embedded(Weight::SHAPE);
    assert_eq!((weight.name, weight.version), ("Weight", 3));
    assert_eq!(weight.form, EmbeddedForm::Newtype);
    assert_eq!(*weight.parts, [("0", f64::SHAPE)]);
    // Steps of the newtype can change its values, so an index over them is another one.
    assert_eq!(Weight::ENCODING, f64::ENCODING.at(3));
}

#[test]
fn a_type_that_is_stored_as_another_has_the_others_shape() {
    assert_eq!(Checked::SHAPE, String::SHAPE);
}

#[test]
fn embedded_types_can_be_keys_indexes_and_parts_of_documents() {
    assert_eq!(Account::SPEC.key_kind, KeyKind::Uuid);
    assert_eq!(Account::SPEC.collection, "account");
    let encodings: Vec<_> = Account::SPEC
        .indexes
        .iter()
        .map(|index| index.components[0].encoding)
        .collect();
    let optional = Encoding {
        version: 1,
        name: "string",
        optional: true,
        converted: false,
    };
    assert_eq!(
        encodings,
        [
            Encoding::plain("string"),
            Encoding::plain("string"),
            optional
        ]
    );
}
