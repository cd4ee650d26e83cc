use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(name = "User_Accounts")]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
