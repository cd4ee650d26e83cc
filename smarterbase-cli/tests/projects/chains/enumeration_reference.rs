//! What a stored variant means, said a second time: as a name and a content, which nothing of the engine knows.

use serde_json::{Value, json};

use super::{
    chance::Chance,
    enumeration::{Content, Enumeration, Op, Version, Written},
    reference::{number, of, random},
};

/// A random value as this version stores it, and as the program of today writes it.
pub(crate) fn value(subject: &Enumeration, version: usize, chance: &mut Chance) -> (Value, Value) {
    let stored = &subject.versions[version - 1];
    let (name, content) = chance.of(&stored.variants).clone();
    let inside = inside(&content, chance);
    let before = written(stored.written, &name, &content, &inside);
    (before, today(subject, version, name, content, inside))
}

/// Nothing for a unit variant.
fn inside(content: &Content, chance: &mut Chance) -> Value {
    match content {
        Content::Unit => Value::Null,
        Content::One(ty) => random(ty, chance),
        Content::Two(one, two) => json!([random(one, chance), random(two, chance)]),
        Content::Named => json!({ "n": random("u32", chance) }),
    }
}

fn written(how: Written, name: &str, content: &Content, inside: &Value) -> Value {
    let is_unit = *content == Content::Unit;
    match how {
        Written::ByName if is_unit => json!(name),
        Written::ByName => json!({ name: inside }),
        Written::Adjacent if is_unit => json!({ "t": name }),
        Written::Adjacent => json!({ "t": name, "c": inside }),
        Written::Tagged if is_unit => json!({ "t": name }),
        Written::Tagged => json!({ "t": name, "n": inside["n"] }),
    }
}

/// Follows a value until a function makes one of today of it.
fn today(
    subject: &Enumeration,
    version: usize,
    mut name: String,
    content: Content,
    inside: Value,
) -> Value {
    for next in &subject.versions[version..] {
        for step in &next.steps {
            match step {
                Op::Rename(from, to) if *from == name => name.clone_from(to),
                Op::Remove((gone, _)) | Op::Convert((gone, _)) if *gone == name => {
                    return replaced(subject.last(), number_in(&content, &inside));
                }
                _ => {}
            }
        }
    }
    written(subject.last().written, &name, &content, &inside)
}

fn number_in(content: &Content, inside: &Value) -> u32 {
    match content {
        Content::Unit => 7,
        Content::One(ty) => number(ty, Some(inside)),
        Content::Two(one, two) => number(one, Some(&inside[0]))
            .wrapping_mul(3)
            .wrapping_add(number(two, Some(&inside[1]))),
        Content::Named => number("u32", Some(&inside["n"])),
    }
}

fn replaced(last: &Version, number: u32) -> Value {
    let (name, content) = &last.variants[0];
    let inside = match content {
        Content::Unit => Value::Null,
        Content::One(ty) => of(ty, number),
        Content::Two(one, two) => json!([of(one, number), of(two, number.wrapping_add(1))]),
        Content::Named => json!({ "n": number }),
    };
    written(last.written, name, content, &inside)
}
