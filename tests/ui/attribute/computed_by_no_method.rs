use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(computed(initial: String, index))]
struct User {
    #[key(auto)]
    id: Id<User>,
    name: String,
}

fn main() {}
