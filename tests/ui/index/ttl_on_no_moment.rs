use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(unsealed)]
struct Session {
    #[key(auto)]
    id: Id<Session>,
    #[index(ttl = "30d")]
    age: u64,
}

fn main() {}
