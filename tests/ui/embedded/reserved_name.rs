use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
struct Address {
    _v: u32,
    #[serde(alias = "_sb")]
    street: String,
}

fn main() {}
