use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[references]
    one: Option<Id<User>>,
    #[references(User, on_delete = vanish)]
    two: Option<Id<User>>,
    #[references(User, name = "three")]
    three_id: Option<Id<User>>,
    #[references(User)]
    three: Option<Id<User>>,
    #[references(User, on_deletion = cascade)]
    four: Option<Id<User>>,
    #[references(User, name = "a b")]
    five: Option<Id<User>>,
}

fn main() {}
