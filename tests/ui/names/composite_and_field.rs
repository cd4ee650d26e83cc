use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(index(fields(a, b)))]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index]
    a_and_b: u8,
    a: u8,
    b: u8,
}

fn main() {}
