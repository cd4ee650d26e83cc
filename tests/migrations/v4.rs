//! The third program: functions that take what the second one made, and a whole struct at once.

use std::collections::BTreeMap;

use smarterbase::prelude::*;

pub(crate) use super::v2::{Plan, Point};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(
    name = "people",
    schema_dir = "tests/migrations/schema/v4",
    version = 4,
    migrate(
        1 => 2,
        rename(name => full_name),
        convert(age, with = parse_age),
        merge((x, y) => place, with = Point::new),
        remove(old),
        widen(visits),
        add(plan = Plan::Free),
        add(note),
    ),
    migrate(
        2 => 3,
        split(full_name => (first_name, last_name), with = split_name),
        rename(nick => nickname),
        convert(home, with = homes),
        remove(status),
        remove(payment),
    ),
    migrate(3 => 4, custom(join, keeps(email, last_name, plan))),
)]
pub(crate) struct Person {
    #[key]
    pub(crate) id: String,
    #[unique]
    pub(crate) email: String,
    pub(crate) first_name: String,
    #[index]
    pub(crate) last_name: String,
    pub(crate) age: u8,
    #[index]
    pub(crate) initials: String,
    pub(crate) place: Point,
    pub(crate) visits: u64,
    pub(crate) homes: Vec<Address>,
    pub(crate) others: Vec<Option<Address>>,
    pub(crate) by_name: BTreeMap<String, Address>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) nickname: Option<String>,
    #[index]
    pub(crate) plan: Plan,
    pub(crate) note: Option<String>,
}

fn parse_age(old: String) -> Result<u8, std::num::ParseIntError> {
    old.parse()
}

fn split_name(old: String) -> Result<(String, String), String> {
    let (first, last) = old.split_once(' ').ok_or("there is only one name")?;
    Ok((first.to_owned(), last.to_owned()))
}

fn homes(old: Address) -> Vec<Address> {
    vec![old]
}

fn join(old: person_schema::V3) -> person_schema::V4 {
    let initial = |name: &str| name.chars().next().unwrap_or('?');
    person_schema::V4 {
        initials: format!("{}{}", initial(&old.first_name), initial(&old.last_name)),
        id: old.id,
        email: old.email,
        first_name: old.first_name,
        last_name: old.last_name,
        age: old.age,
        place: old.place,
        visits: old.visits,
        homes: old.home,
        others: old.others,
        by_name: old.by_name,
        nickname: old.nickname,
        plan: old.plan,
        note: old.note,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[embedded(
    schema_dir = "tests/migrations/schema/v4",
    version = 3,
    migrate(1 => 2, rename(zip => postal_code), add(country = "GB".to_owned())),
    migrate(2 => 3, convert(country, with = Country)),
)]
pub(crate) struct Address {
    pub(crate) street: String,
    pub(crate) postal_code: String,
    pub(crate) country: Country,
}

/// Stored as its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
#[embedded(
    name = "Country",
    version = 1,
    schema_dir = "tests/migrations/schema/v4"
)]
pub(crate) struct Country(pub(crate) String);

pub(crate) fn address(street: &str) -> Address {
    Address {
        street: street.to_owned(),
        postal_code: "12345".to_owned(),
        country: Country("GB".to_owned()),
    }
}

/// What becomes of the first program's Ada.
pub(crate) fn ada() -> Person {
    Person {
        id: "ada".to_owned(),
        email: "ada@example.org".to_owned(),
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        age: 36,
        initials: "AL".to_owned(),
        place: Point { x: 0.1, y: -2.0 },
        visits: 4_000_000_000,
        homes: vec![address("Dorset Street")],
        others: vec![None, Some(address("St James's Square"))],
        by_name: [("work".to_owned(), address("Somerset House"))].into(),
        nickname: None,
        plan: Plan::Free,
        note: None,
    }
}
