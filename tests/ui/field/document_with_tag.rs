use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[serde(tag = "type")]
struct User {
    #[key(auto)]
    id: Id<User>,
    plan: String,
}

fn main() {}
