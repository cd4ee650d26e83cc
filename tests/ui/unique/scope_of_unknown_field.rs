use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[unique(scope(org))]
    slug: String,
    org_id: String,
}

fn main() {}
