use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(new = NewUser)]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
