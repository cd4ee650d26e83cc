use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index(each)]
    parts: Vec<Vec<u8>>,
}

fn main() {}
