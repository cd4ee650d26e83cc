use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index(where = |user| user.name.is_empty())]
    #[index(name = a, where)]
    #[index(name = b, where())]
    name: String,
}

fn main() {}
