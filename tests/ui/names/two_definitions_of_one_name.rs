use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[index(name = by_mail, method = find_by_mail)]
    #[unique(name = by_mail, method = find_by_address)]
    email: String,
}

fn main() {}
