use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[references(User, where = is_active)]
    #[field(where = is_active)]
    boss: Id<User>,
}

fn main() {}
