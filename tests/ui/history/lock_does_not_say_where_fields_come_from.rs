use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(
    name = "unsaid",
    version = 2,
    migrate(1 => 2, rename(name => full_name), convert(age, with = parse_age)),
)]
struct Client {
    #[key(auto)]
    id: Id<Client>,
    full_name: String,
    age: u32,
    home: Address,
    r#type: u8,
}

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(name = "Address", version = 1)]
struct Address {
    street: String,
}

fn parse_age(old: String) -> Result<u32, std::num::ParseIntError> {
    old.parse()
}

fn main() {}
