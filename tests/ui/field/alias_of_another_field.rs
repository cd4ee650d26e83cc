use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    plan: String,
    #[serde(alias = "plan")]
    tariff: String,
}

fn main() {}
