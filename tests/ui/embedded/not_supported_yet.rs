use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(version = 2, migrate(1 => 2, add(city = String::new())))]
struct Address {
    city: String,
}

fn main() {}
