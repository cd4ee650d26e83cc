use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(
    name = "clients",
    version = 3,
    migrate(1 => 2, rename(name => full_name), convert(age, with = parse_age)),
    migrate(2 => 3, convert(home, with = street)),
)]
struct Client {
    #[key(auto)]
    id: Id<Client>,
    full_name: String,
    age: u32,
    home: String,
    r#type: u8,
}

fn street(old: String) -> String {
    old
}

fn parse_age(old: String) -> Result<u32, std::num::ParseIntError> {
    old.parse()
}

fn main() {}
