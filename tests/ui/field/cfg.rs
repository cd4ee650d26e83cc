use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[cfg(not(unknown_flag))]
    plan: String,
}

fn main() {}
