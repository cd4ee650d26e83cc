use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[field(created_at, default)]
    at: Timestamp,
}

fn main() {}
