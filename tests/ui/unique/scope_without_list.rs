use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[unique(scope = org_id)]
    slug: String,
    org_id: String,
}

fn main() {}
