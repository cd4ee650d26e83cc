use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(index(fields(a, b, c, d, e)))]
struct User {
    #[key(auto)]
    id: Id<User>,
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
}

fn main() {}
