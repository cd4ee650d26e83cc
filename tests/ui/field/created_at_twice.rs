use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[field(created_at)]
    created_at: Timestamp,
    #[field(created_at)]
    made_at: Timestamp,
}

fn main() {}
