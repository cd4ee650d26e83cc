use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
enum Plan {
    Free,
    #[serde(rename = "Free")]
    Gratis,
}

fn main() {}
