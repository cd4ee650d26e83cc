use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(shards = 8)]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
