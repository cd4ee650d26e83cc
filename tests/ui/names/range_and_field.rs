use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index(range)]
    age: u8,
    #[index]
    age_in: u8,
}

fn main() {}
