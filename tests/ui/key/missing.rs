use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    email: String,
}

fn main() {}
