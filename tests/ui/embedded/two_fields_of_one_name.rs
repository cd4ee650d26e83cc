use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
struct Address {
    street: String,
    #[serde(rename = "street")]
    road: String,
}

fn main() {}
