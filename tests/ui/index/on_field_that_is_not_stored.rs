use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index]
    #[field(skip)]
    #[serde(skip)]
    plan: String,
}

fn main() {}
