use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(unknwon = keep)]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
