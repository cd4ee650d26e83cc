use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(version = 0)]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
