use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(index(fields(a, b), unique, range))]
struct User {
    #[key(auto)]
    id: Id<User>,
    a: u8,
    b: u8,
}

fn main() {}
