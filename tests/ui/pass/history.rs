//! What is stored as before needs no version: another Rust name, another order, an alias, a newtype, another path.

use std::string::String as Text;

use smarterbase::prelude::*;

type Number = u32;

#[derive(Serialize, Deserialize, Document)]
#[document(
    name = "clients",
    version = 2,
    migrate(1 => 2, rename(name => full_name), convert(age, with = parse_age)),
    types(Address = PostalAddress),
)]
struct Customer {
    r#type: u8,
    home: PostalAddress,
    age: Number,
    #[serde(rename = "full_name")]
    display_name: Text,
    #[key(auto)]
    id: smarterbase::Id<Customer>,
}

fn parse_age(old: String) -> Result<u32, std::num::ParseIntError> {
    old.parse()
}

/// Renamed in Rust only.
#[derive(Serialize, Deserialize, Embedded)]
#[embedded(name = "Address", version = 1)]
struct PostalAddress {
    street: Line,
}

/// Stored as its text.
#[derive(Serialize, Deserialize, Embedded)]
struct Line(String);

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(name = "Pair", version = 1)]
struct Two<T> {
    left: T,
    right: Option<T>,
}

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(
    name = "Level",
    version = 2,
    migrate(1 => 2, rename_variant(Low => Basic), remove_variant(High, with = lower), add_variant(Other)),
)]
enum Level {
    Basic,
    Other(u8),
}

fn lower() -> Level {
    Level::Basic
}

fn main() {
    let _ = Customer::FIELDS.display_name;
}
