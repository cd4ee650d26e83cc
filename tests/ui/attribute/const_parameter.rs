use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct Grid<const N: usize> {
    #[key]
    id: String,
}

fn main() {}
