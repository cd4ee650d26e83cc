use smarterbase::prelude::*;

#[derive(Serialize, Deserialize, Document)]
struct Point(u32, u32);

fn main() {}
