use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(name = "users", name = "people")]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
