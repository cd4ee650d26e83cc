use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
struct Address {
    #[field(skip)]
    cache: String,
}

fn main() {}
