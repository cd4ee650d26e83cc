//! What a stored document means, said a second time: on `serde_json::Value`, and from the chain alone. It shares nothing with
//! the engine.

use serde_json::{Map, Value, json};

use super::{
    chain::{Chain, FIXED, Field, Op, Subject},
    chance::Chance,
    enumeration_reference,
};

/// A random stored document of this version, and what the program of today must read.
pub(crate) fn document(chain: &Chain, version: usize, chance: &mut Chance) -> (Value, Value) {
    let inner = 1 + chance.below(chain.embedded.versions.len());
    let mut parts: Vec<Map<String, Value>> = (0..3)
        .map(|_| members(&chain.embedded, inner, chance))
        .collect();
    let kind = 1 + chance.below(chain.kind.versions.len());
    let kinds: Vec<(Value, Value)> = (0..3)
        .map(|_| enumeration_reference::value(&chain.kind, kind, chance))
        .collect();
    let mut body = members(&chain.document, version, chance);
    body.insert("id".into(), json!("a"));
    body.insert("part".into(), json!(parts[0]));
    body.insert("parts".into(), json!(parts[1..]));
    body.insert("zz_unknown".into(), json!({ "k": [1, 2.5] }));

    let mut stored = body.clone();
    stored.insert("kind".into(), kinds[0].0.clone());
    stored.insert("kinds".into(), json!([kinds[1].0, kinds[2].0]));
    let versions = [(&chain.embedded.name, inner), (&chain.kind.name, kind)];
    let embedded: Map<String, Value> = versions
        .into_iter()
        .filter(|(_, version)| *version > 1)
        .map(|(name, version)| (name.clone(), json!(version)))
        .collect();
    stored.insert(
        "_sb".into(),
        json!({
            "put": "0".repeat(20), "format": 1, "needs": [], "schema": version, "embedded": embedded,
            "state": "live", "rev": 1, "write": "0".repeat(20),
        }),
    );

    upgrade(&chain.document, version, &mut body);
    for part in &mut parts {
        upgrade(&chain.embedded, inner, part);
    }
    body.insert("part".into(), json!(parts[0]));
    body.insert("parts".into(), json!(parts[1..]));
    body.insert("kind".into(), kinds[0].1.clone());
    body.insert("kinds".into(), json!([kinds[1].1, kinds[2].1]));
    (Value::Object(stored), Value::Object(body))
}

/// Random values for the fields of a version. Optional ones can be missing.
fn members(subject: &Subject, version: usize, chance: &mut Chance) -> Map<String, Value> {
    let fields = &subject.versions[version - 1].fields;
    let own = fields
        .iter()
        .filter(|(name, _)| !FIXED.contains(&name.as_str()));
    let mut members = Map::new();
    for (name, ty) in own {
        if !(ty.starts_with("Option") && chance.once_in(4)) {
            members.insert(name.clone(), random(ty, chance));
        }
    }
    members
}

pub(super) fn random(ty: &str, chance: &mut Chance) -> Value {
    match ty {
        "String" => json!("äöü\"\\𝄞".chars().take(chance.below(7)).collect::<String>()),
        "u32" => json!(chance.of(&[0_u32, 1, 17, u32::MAX])),
        "u64" => json!(chance.of(&[0_u64, 9_007_199_254_740_993, u64::MAX])),
        "bool" => json!(chance.once_in(2)),
        "Vec<String>" => json!(vec!["y"; chance.below(4)]),
        optional => match chance.once_in(3) {
            true => Value::Null,
            false => random(inner(optional), chance),
        },
    }
}

fn inner(optional: &str) -> &str {
    optional
        .strip_prefix("Option<")
        .and_then(|rest| rest.strip_suffix('>'))
        .unwrap()
}

fn upgrade(subject: &Subject, version: usize, members: &mut Map<String, Value>) {
    for next in &subject.versions[version..] {
        for step in &next.steps {
            apply(step, members);
        }
    }
    // What is missing and optional is written as null.
    for (name, ty) in &subject.versions.last().unwrap().fields {
        if ty.starts_with("Option") {
            members.entry(name.clone()).or_insert(Value::Null);
        }
    }
}

fn apply(step: &Op, members: &mut Map<String, Value>) {
    match step {
        Op::Rename(from, to) => {
            if let Some(value) = members.remove(from) {
                members.insert(to.clone(), value);
            }
        }
        Op::Add((name, _), true) => {
            members.insert(name.clone(), Value::Null);
        }
        Op::Add((name, ty), false) => {
            members.insert(name.clone(), of(ty, 5));
        }
        Op::Remove(name) => {
            members.remove(name);
        }
        Op::Widen(_) => {}
        Op::Convert(field, to) => {
            let value = of(to, take(field, members));
            members.insert(field.0.clone(), value);
        }
        Op::Split(field, one, two) => {
            let number = take(field, members);
            members.insert(one.clone(), json!(number.wrapping_add(1)));
            members.insert(two.clone(), of("String", number));
        }
        Op::Merge(one, two, to) => {
            let (one, two) = (take(one, members), take(two, members));
            members.insert(to.clone(), json!(one.wrapping_mul(3).wrapping_add(two)));
        }
        Op::Custom(keeps, made) => custom(keeps, made, members),
    }
}

fn custom(keeps: &[String], made: &[(Field, Field)], members: &mut Map<String, Value>) {
    let made: Vec<(String, Value)> = made
        .iter()
        .map(|((new, ty), old)| {
            let number = number(&old.1, members.get(&old.0));
            (new.clone(), of(ty, number.wrapping_add(1)))
        })
        .collect();
    members.retain(|name, _| keeps.contains(name) || name == "zz_unknown");
    members.extend(made);
}

fn take((name, ty): &Field, members: &mut Map<String, Value>) -> u32 {
    let value = members.remove(name);
    number(ty, value.as_ref())
}

pub(super) fn number(ty: &str, value: Option<&Value>) -> u32 {
    let present = value.filter(|value| !value.is_null());
    let Some(value) = present else {
        return 7;
    };
    match ty {
        "String" => u32::try_from(value.as_str().unwrap().chars().count()).unwrap(),
        "u32" => u32::try_from(value.as_u64().unwrap()).unwrap(),
        "u64" => u32::try_from(value.as_u64().unwrap() % 1_000).unwrap(),
        "bool" => u32::from(value.as_bool().unwrap()),
        "Vec<String>" => u32::try_from(value.as_array().unwrap().len()).unwrap(),
        optional => number(inner(optional), Some(value)),
    }
}

pub(super) fn of(ty: &str, number: u32) -> Value {
    match ty {
        "String" => json!(format!("n{number}")),
        "u32" => json!(number),
        "u64" => json!(u64::from(number) + (1 << 60)),
        "bool" => json!(number % 2 == 1),
        "Vec<String>" => json!(vec!["x"; number as usize % 4]),
        optional => match number % 3 {
            0 => Value::Null,
            _ => of(inner(optional), number),
        },
    }
}
