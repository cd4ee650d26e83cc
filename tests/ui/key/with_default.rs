use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    #[field(default)]
    id: Id<User>,
}

fn main() {}
