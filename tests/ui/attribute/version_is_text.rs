use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(version = "2")]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
