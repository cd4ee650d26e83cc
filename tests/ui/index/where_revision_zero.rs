use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index(where(is_active, revision = 0))]
    #[index(name = other, where(is_active, revison = 2))]
    name: String,
}

fn is_active(user: &User) -> bool {
    user.name.is_empty()
}

fn main() {}
