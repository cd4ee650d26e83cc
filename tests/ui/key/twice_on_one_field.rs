use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key]
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
