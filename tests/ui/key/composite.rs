use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(key(tenant, id))]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
