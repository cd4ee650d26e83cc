use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(counter)]
    id: u64,
}

fn main() {}
