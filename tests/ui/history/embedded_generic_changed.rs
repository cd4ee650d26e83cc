use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(name = "Pair", version = 1)]
struct Pair<T> {
    left: T,
    right: T,
}

fn main() {}
