use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[serde(rename = "_sb_plan")]
    plan: String,
    _sb: String,
}

fn main() {}
