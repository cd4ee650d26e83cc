use smarterbase::prelude::*;

#[derive(Serialize, Deserialize)]
struct Geo;

#[derive(Serialize, Deserialize, Embedded)]
struct Versioned<T> {
    value: T,
}

#[derive(Serialize, Deserialize, Document)]
struct Place {
    #[key(auto)]
    id: Id<Place>,
    geo: Versioned<Geo>,
}

fn main() {}
