use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index(where = is_active)]
    #[index(name = big, where = is_big)]
    name: String,
}

fn is_active(user: User) -> bool {
    user.name.is_empty()
}

fn is_big(user: &User) -> usize {
    user.name.len()
}

fn main() {}
