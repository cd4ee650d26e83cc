use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[unique]
    email: String,
}

impl User {
    fn find_by_email() {}
}

fn main() {}
