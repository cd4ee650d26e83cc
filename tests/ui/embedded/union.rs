use smarterbase::prelude::*;

#[derive(Embedded)]
union Number {
    whole: u32,
    part: f32,
}

fn main() {}
