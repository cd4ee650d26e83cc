use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct Session {
    #[key(auto)]
    id: Id<Session>,
    #[index(ttl = "30 days")]
    created_at: Timestamp,
    #[index(ttl = 30)]
    touched_at: Timestamp,
    #[index(ttl = "99999w")]
    ends_at: Timestamp,
    #[index(ttl("30d"))]
    seen_at: Timestamp,
}

fn main() {}
