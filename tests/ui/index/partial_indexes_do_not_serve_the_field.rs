use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index(where = is_active)]
    name: String,
}

fn is_active(user: &User) -> bool {
    user.name.is_empty()
}

async fn ask(db: &Db) {
    let _ = User::query(db).filter(|user| user.name.eq("ada")).await;
}

fn main() {}
