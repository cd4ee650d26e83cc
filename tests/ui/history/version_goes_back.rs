use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(
    name = "clients",
    version = 1,
)]
struct Client {
    #[key(auto)]
    id: Id<Client>,
    name: String,
    age: String,
    home: Address,
    r#type: u8,
}

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(name = "Address", version = 1)]
struct Address {
    street: String,
}

fn main() {}
