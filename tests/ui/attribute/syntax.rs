use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(name = , version = 2)]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
