use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct Envelope<T> {
    #[key]
    id: String,
    value: T,
}

fn main() {}
