use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(index(fields(org_id, paln)))]
struct User {
    #[key(auto)]
    id: Id<User>,
    org_id: String,
    plan: String,
}

fn main() {}
