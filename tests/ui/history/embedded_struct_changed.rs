use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(name = "Address", version = 1)]
struct Address {
    street: String,
    city: String,
}

fn main() {}
