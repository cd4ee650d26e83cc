use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
#[embedded(verison = 2)]
struct Address {
    #[field(created_at)]
    street: String,
}

fn main() {}
