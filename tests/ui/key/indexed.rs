use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key]
    #[unique]
    id: String,
}

fn main() {}
