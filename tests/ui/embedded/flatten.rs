use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
struct Address {
    #[serde(flatten)]
    rest: std::collections::BTreeMap<String, String>,
}

fn main() {}
