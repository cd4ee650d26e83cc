use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(name = "Level", version = 2, migrate(1 => 2, remove(Low)))]
enum Level {
    High,
}

fn main() {}
