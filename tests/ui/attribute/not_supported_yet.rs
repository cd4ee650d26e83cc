use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(cache(l1 = "2s"), soft_delete = deleted_at)]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
