use smarterbase::prelude::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
struct Tags(Vec<String>);

#[derive(Serialize, Deserialize, Document)]
struct User {
    #[key]
    id: Tags,
}

fn main() {}
