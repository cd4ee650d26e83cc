use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Embedded)]
struct Borrowed<'a> {
    text: &'a str,
}

fn main() {}
