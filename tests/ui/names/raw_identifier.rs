use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index]
    r#type: String,
    #[index(method = find_by_type)]
    kind: String,
}

fn main() {}
