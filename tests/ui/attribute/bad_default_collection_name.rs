use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct Übung {
    #[key(auto)]
    id: Id<Übung>,
}

fn main() {}
