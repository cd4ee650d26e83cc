use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    #[unique(scope(a, b, c, d))]
    slug: String,
}

fn main() {}
