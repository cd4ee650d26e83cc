use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(index(name = by_plan))]
struct User {
    #[key(auto)]
    id: Id<User>,
    plan: String,
}

fn main() {}
