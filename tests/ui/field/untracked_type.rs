use smarterbase::prelude::*;

#[derive(Serialize, Deserialize)]
struct Geo {
    latitude: f64,
}

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key(auto)]
    id: Id<User>,
    geo: Vec<Geo>,
}

fn main() {}
