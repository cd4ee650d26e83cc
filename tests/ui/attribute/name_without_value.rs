use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(name)]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
