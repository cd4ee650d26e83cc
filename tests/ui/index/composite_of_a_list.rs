use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(index(fields(a, b)))]
struct User {
    #[key(auto)]
    id: Id<User>,
    a: u8,
    b: Vec<String>,
}

fn main() {}
