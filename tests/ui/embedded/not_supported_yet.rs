use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(rename_all = "lowercase")]
struct Address {
    city: String,
}

fn main() {}
