use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(name = "Level", version = 1)]
enum Level {
    Low,
    Middle,
    High,
}

fn main() {}
