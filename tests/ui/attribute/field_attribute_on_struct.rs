use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[index(range)]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
