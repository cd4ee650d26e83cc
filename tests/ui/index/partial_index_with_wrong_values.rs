use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(index(fields(name, age), name = active, range, where = is_active))]
struct User {
    #[key(auto)]
    id: Id<User>,
    name: String,
    age: u32,
}

fn is_active(user: &User) -> bool {
    user.name.is_empty()
}

fn main() {
    let _ = User::INDEXES.by_active.eq("ada");
    let _ = User::INDEXES.by_active.within(("ada", "bob"..));
}
