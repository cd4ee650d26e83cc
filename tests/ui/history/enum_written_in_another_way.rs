use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(name = "Level", version = 2, migrate(1 => 2))]
#[serde(tag = "kind")]
enum Level {
    Low,
    High,
}

fn main() {}
