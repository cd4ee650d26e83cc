use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(ttl = "30d", cache(l1 = "2s"), migrate(1 => 2, add(plan = Plan::Free)))]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
