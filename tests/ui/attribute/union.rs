use smarterbase::prelude::*;

#[derive(Document)]
union Number {
    whole: u32,
    part: f32,
}

fn main() {}
