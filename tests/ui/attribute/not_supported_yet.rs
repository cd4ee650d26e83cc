use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(ttl = "30d", cache(l1 = "2s"), soft_delete = deleted_at)]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
