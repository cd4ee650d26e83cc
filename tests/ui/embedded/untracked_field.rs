use smarterbase::prelude::*;

#[derive(Serialize, Deserialize)]
struct Geo;

#[derive(Serialize, Deserialize, Embedded)]
struct Address {
    geo: Geo,
}

fn main() {}
