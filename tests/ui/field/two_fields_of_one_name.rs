use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    plan: String,
    #[serde(rename = "plan")]
    tariff: String,
}

fn main() {}
