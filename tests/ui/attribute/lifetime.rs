use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct Borrowed<'a> {
    #[key]
    id: &'a str,
}

fn main() {}
