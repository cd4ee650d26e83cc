use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
struct UserId(String);

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key]
    id: UserId,
}

fn main() {}
