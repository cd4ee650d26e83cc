use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[field(opaque)]
    #[serde(flatten)]
    rest: std::collections::BTreeMap<String, String>,
}

fn main() {}
