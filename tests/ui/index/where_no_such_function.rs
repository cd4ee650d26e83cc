use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index(where = is_active)]
    #[unique(where = Self::is_big)]
    name: String,
}

fn main() {}
