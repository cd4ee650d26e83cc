use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[serde(deny_unknown_fields)]
struct User {
    #[key(auto)]
    id: Id<User>,
    plan: String,
}

fn main() {}
