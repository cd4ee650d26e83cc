use smarterbase::prelude::*;

struct Org;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[references(Org)]
    org_id: String,
}

fn main() {}
