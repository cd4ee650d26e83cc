use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
#[document(ttl = "30d")]
struct Session {
    #[key(auto)]
    id: Id<Session>,
    #[field(expires_at)]
    ends_at: Timestamp,
    #[unique(ttl)]
    name: String,
}

fn main() {}
