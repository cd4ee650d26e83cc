use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(name = "Depot", version = 1)]
struct Depot {
    street: String,
    city: String,
}

fn main() {}
