use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct Org {
    #[key(auto)]
    id: Id<Org>,
}

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[references(Org, on_delete = nullify)]
    org_id: Id<Org>,
}

fn main() {}
