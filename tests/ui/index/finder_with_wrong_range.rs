use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index(range)]
    age: u32,
}

fn find(db: &Db) {
    let _ = User::find_by_age_in(db, "a".."b");
}

fn main() {}
