//! The first program.

use std::collections::BTreeMap;

use smarterbase::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "people", schema_dir = "tests/migrations/schema/v1")]
pub(crate) struct Person {
    #[key]
    pub(crate) id: String,
    #[unique]
    pub(crate) email: String,
    #[index]
    pub(crate) name: String,
    #[index(range)]
    pub(crate) age: String,
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) old: bool,
    pub(crate) visits: u32,
    #[index]
    pub(crate) status: Status,
    pub(crate) home: Address,
    pub(crate) others: Vec<Option<Address>>,
    pub(crate) by_name: BTreeMap<String, Address>,
    pub(crate) payment: Payment,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) nick: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[embedded(schema_dir = "tests/migrations/schema/v1")]
pub(crate) struct Address {
    pub(crate) street: String,
    pub(crate) zip: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[embedded(schema_dir = "tests/migrations/schema/v1")]
pub(crate) enum Status {
    Free,
    Old,
    Paid,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[embedded(schema_dir = "tests/migrations/schema/v1")]
pub(crate) enum Payment {
    Cash,
    Card { number: String },
    Invoice(Address),
}

pub(crate) fn address(street: &str) -> Address {
    Address {
        street: street.to_owned(),
        zip: "12345".to_owned(),
    }
}

pub(crate) fn ada() -> Person {
    Person {
        id: "ada".to_owned(),
        email: "ada@example.org".to_owned(),
        name: "Ada Lovelace".to_owned(),
        age: "36".to_owned(),
        x: 0.1,
        y: -2.0,
        old: true,
        visits: 4_000_000_000,
        status: Status::Free,
        home: address("Dorset Street"),
        others: vec![None, Some(address("St James's Square"))],
        by_name: [("work".to_owned(), address("Somerset House"))].into(),
        payment: Payment::Invoice(address("Dorset Street")),
        nick: None,
    }
}
