use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(
    name = "clients",
    version = 3,
    migrate(1 => 2, rename(name => full_name), convert(age, with = parse_age)),
    migrate(2 => 3, rekind(age)),
)]
struct Client {
    #[key(auto)]
    id: Id<Client>,
    full_name: String,
    age: String,
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
