use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(colection = "users")]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
