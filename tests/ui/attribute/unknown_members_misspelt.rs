use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(unknown = ignore)]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
