use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key]
    #[field(created_at)]
    id: String,
}

fn main() {}
