use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[field(revision)]
    #[serde(skip)]
    revision: u64,
}

fn main() {}
