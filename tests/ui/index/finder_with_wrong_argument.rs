use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index]
    age: u32,
}

fn find(db: &Db) {
    let _ = User::find_by_age(db, "18");
}

fn main() {}
