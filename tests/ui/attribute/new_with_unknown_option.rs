use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(new(NewUser, drive(Clone)))]
struct User {
    #[key(auto)]
    id: Id<User>,
}

fn main() {}
