use smarterbase::{prelude::*, schema};

#[derive(Serialize, Deserialize, Document)]
struct Org {
    #[key(auto)]
    id: Id<Org>,
}

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    #[references(Org, on_delete = cascade)]
    org_id: Id<Org>,
}

schema! { Shop { User } }

fn main() {}
