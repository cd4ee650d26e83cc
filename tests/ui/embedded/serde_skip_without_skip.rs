use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
struct Address {
    #[serde(skip)]
    cache: String,
}

fn main() {}
