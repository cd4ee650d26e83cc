use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
struct Hash(Vec<u8>);

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index]
    hash: Hash,
}

fn main() {}
