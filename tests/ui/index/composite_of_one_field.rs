use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(index(fields(plan)))]
struct User {
    #[key(auto)]
    id: Id<User>,
    plan: String,
}

fn main() {}
