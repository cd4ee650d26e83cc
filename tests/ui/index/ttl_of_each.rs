use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct Session {
    #[key(auto)]
    id: Id<Session>,
    #[index(each, ttl = "30d")]
    moments: Vec<Timestamp>,
    #[index(lower, ttl)]
    name: String,
}

fn main() {}
