use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(index(fields(a, b), each))]
struct User {
    #[key(auto)]
    id: Id<User>,
    a: u8,
    b: u8,
}

fn main() {}
