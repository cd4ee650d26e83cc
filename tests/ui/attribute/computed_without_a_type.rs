use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(computed(initial, index), computed = initial)]
struct User {
    #[key(auto)]
    id: Id<User>,
    name: String,
}

fn main() {}
