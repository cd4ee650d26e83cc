use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index(where = |user| user.name.is_empty())]
    #[index(where)]
    #[index(where())]
    name: String,
}

fn main() {}
