use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[serde(rename(serialize = "a", deserialize = "b"))]
    plan: String,
}

fn main() {}
