//! The second program: nearly everything has another name or type.

use std::{collections::BTreeMap, num::ParseIntError};

use smarterbase::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(
    name = "people",
    schema_dir = "tests/migrations/schema/v2",
    version = 2,
    migrate(
        1 => 2,
        rename(name => full_name),
        convert(age, with = parse_age),
        merge((x, y) => place, with = Point::new),
        remove(old),
        widen(visits),
        add(plan = Plan::Free),
        add(note),
    )
)]
pub(crate) struct Person {
    #[key]
    pub(crate) id: String,
    #[unique]
    pub(crate) email: String,
    #[index]
    pub(crate) full_name: String,
    #[index(range)]
    pub(crate) age: u8,
    pub(crate) place: Point,
    pub(crate) visits: u64,
    #[index]
    pub(crate) status: Status,
    pub(crate) home: Address,
    pub(crate) others: Vec<Option<Address>>,
    pub(crate) by_name: BTreeMap<String, Address>,
    pub(crate) payment: Payment,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) nick: Option<String>,
    #[index]
    pub(crate) plan: Plan,
    pub(crate) note: Option<String>,
}

fn parse_age(old: String) -> Result<u8, ParseIntError> {
    old.parse()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[embedded(schema_dir = "tests/migrations/schema/v2")]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl Point {
    pub(crate) fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[embedded(schema_dir = "tests/migrations/schema/v2")]
pub(crate) enum Plan {
    Free,
    Pro,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[embedded(
    schema_dir = "tests/migrations/schema/v2",
    version = 2,
    migrate(1 => 2, rename(zip => postal_code), add(country = "GB".to_owned())),
)]
pub(crate) struct Address {
    pub(crate) street: String,
    pub(crate) postal_code: String,
    pub(crate) country: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[embedded(
    schema_dir = "tests/migrations/schema/v2",
    version = 2,
    migrate(1 => 2, rename_variant(Free => Basic), remove_variant(Old, with = retire), add_variant(Trial)),
)]
pub(crate) enum Status {
    Basic,
    Paid,
    Trial,
}

fn retire() -> Status {
    Status::Paid
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[embedded(
    schema_dir = "tests/migrations/schema/v2",
    version = 2,
    migrate(1 => 2, rekind, convert(Card, with = shorten)),
)]
#[serde(tag = "kind")]
pub(crate) enum Payment {
    Cash,
    Card { last_four: String },
    Invoice(Address),
}

#[derive(Deserialize)]
struct OldCard {
    number: String,
}

fn shorten(old: OldCard) -> Result<Payment, &'static str> {
    let start = old.number.len().checked_sub(4).ok_or("too short")?;
    Ok(Payment::Card {
        last_four: old.number[start..].to_owned(),
    })
}

pub(crate) fn address(street: &str) -> Address {
    Address {
        street: street.to_owned(),
        postal_code: "12345".to_owned(),
        country: "GB".to_owned(),
    }
}

/// What becomes of the first program's Ada.
pub(crate) fn ada() -> Person {
    Person {
        id: "ada".to_owned(),
        email: "ada@example.org".to_owned(),
        full_name: "Ada Lovelace".to_owned(),
        age: 36,
        place: Point { x: 0.1, y: -2.0 },
        visits: 4_000_000_000,
        status: Status::Basic,
        home: address("Dorset Street"),
        others: vec![None, Some(address("St James's Square"))],
        by_name: [("work".to_owned(), address("Somerset House"))].into(),
        payment: Payment::Invoice(address("Dorset Street")),
        nick: None,
        plan: Plan::Free,
        note: None,
    }
}
