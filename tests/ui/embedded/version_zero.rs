use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(version = 0)]
struct Address {
    street: String,
}

fn main() {}
