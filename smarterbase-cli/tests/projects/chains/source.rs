//! A chain as Rust, and as a lock.

use smarterbase_schema::{Form, Kind, Lock, Part, Shape, Step};

use super::{
    chain::{Chain, Field, Op, Subject, Version},
    enumeration_source,
};
use crate::project::Project;

/// What every generated program shares: how one type becomes another.
pub(crate) const LIBRARY: &str = r#"#![allow(missing_docs)]

pub trait Number: Sized {
    fn number(&self) -> u32;
    fn of(number: u32) -> Self;
}
impl Number for String {
    fn number(&self) -> u32 { self.chars().count() as u32 }
    fn of(number: u32) -> Self { format!("n{number}") }
}
impl Number for u32 {
    fn number(&self) -> u32 { *self }
    fn of(number: u32) -> Self { number }
}
impl Number for u64 {
    fn number(&self) -> u32 { (*self % 1000) as u32 }
    fn of(number: u32) -> Self { u64::from(number) + (1 << 60) }
}
impl Number for bool {
    fn number(&self) -> u32 { u32::from(*self) }
    fn of(number: u32) -> Self { number % 2 == 1 }
}
impl Number for Vec<String> {
    fn number(&self) -> u32 { self.len() as u32 }
    fn of(number: u32) -> Self { vec!["x".to_owned(); number as usize % 4] }
}
impl<T: Number> Number for Option<T> {
    fn number(&self) -> u32 { self.as_ref().map_or(7, T::number) }
    fn of(number: u32) -> Self { (number % 3 != 0).then(|| T::of(number)) }
}

/// The content of a variant with a name for its member.
#[derive(serde::Deserialize)]
pub struct Named { pub n: u32 }

pub fn convert<A: Number, B: Number>(old: A) -> Result<B, String> {
    Ok(B::of(old.number()))
}
pub fn split<A: Number>(old: A) -> (u32, String) {
    (old.number().wrapping_add(1), String::of(old.number()))
}
pub fn merge<A: Number, B: Number>(one: A, other: B) -> u32 {
    one.number().wrapping_mul(3).wrapping_add(other.number())
}
"#;

/// The first lines of a program. The library that it shares is that of its package.
pub(crate) const HEAD: &str =
    "#![allow(dead_code, missing_docs, unused_imports)]\nextern crate chains as common;\n";

/// A program that reads `<position>\t<object>` lines and writes what it reads from each.
pub(crate) fn program(chains: &[Chain]) -> String {
    let modules: String = chains.iter().map(chain).collect();
    let paths: Vec<String> = chains
        .iter()
        .map(|chain| format!("{}::{}", module(chain), chain.document.name))
        .collect();
    format!(
        "{HEAD}{modules}smarterbase::schema! {{ All {{ {} }} }}\n\
         fn main() {{\n    for line in std::io::stdin().lines() {{\n        let line = line.unwrap();\n\
         \x20       let (position, object) = line.split_once('\\t').unwrap();\n\
         \x20       let document = &<All as smarterbase::Schema>::TYPES[position.parse::<usize>().unwrap()];\n\
         \x20       match document.decode(object.as_bytes()) {{\n            Ok(text) => println!(\"{{text}}\"),\n\
         \x20           Err(error) => println!(\"error: {{error}}\"),\n        }}\n    }}\n}}\n",
        paths.join(", ")
    )
}

pub(crate) fn module(chain: &Chain) -> String {
    chain.document.name.to_lowercase()
}

pub(crate) fn chain(chain: &Chain) -> String {
    format!(
        "mod {} {{\n    use smarterbase::prelude::*;\n    use crate::common::*;\n{}{}{}}}\n",
        module(chain),
        subject(&chain.document),
        subject(&chain.embedded),
        enumeration_source::enumeration(&chain.kind)
    )
}

/// The struct of the last version with its attribute, and the functions of its `custom` steps.
pub(crate) fn subject(subject: &Subject) -> String {
    let (derive, word) = match subject.is_document {
        true => ("Document", "document"),
        false => ("Embedded", "embedded"),
    };
    let name = match subject.is_document {
        true => format!("name = \"{}\", ", subject.name.to_lowercase()),
        false => String::new(),
    };
    let migrations: String = (1..subject.versions.len())
        .map(|number| migration(subject, number))
        .collect();
    let functions: String = (1..subject.versions.len())
        .filter_map(|number| function(subject, number))
        .collect();
    let fields: String = subject
        .versions
        .last()
        .unwrap()
        .fields
        .iter()
        .map(|(name, ty)| {
            let key = if name == "id" { "#[key] " } else { "" };
            format!("        {key}pub {name}: {ty},\n")
        })
        .collect();
    format!(
        "    #[derive(Serialize, Deserialize, {derive})]\n    #[{word}({name}version = {}{migrations})]\n    \
         pub struct {} {{\n{fields}    }}\n{functions}",
        subject.versions.len(),
        subject.name
    )
}

fn migration(subject: &Subject, number: usize) -> String {
    let steps: String = subject.versions[number]
        .steps
        .iter()
        .map(|step| format!(", {}", text(step, number)))
        .collect();
    format!(",\n        migrate({number} => {}{steps})", number + 1).replace(
        "custom_",
        &format!("custom_{}_", subject.name.to_lowercase()),
    )
}

fn text(step: &Op, number: usize) -> String {
    match step {
        Op::Rename(from, to) => format!("rename({from} => {to})"),
        Op::Add((name, _), true) => format!("add({name})"),
        Op::Add((name, ty), false) => format!("add({name} = <{ty} as Number>::of(5))"),
        Op::Remove(name) => format!("remove({name})"),
        Op::Convert((name, from), to) => {
            format!("convert({name}, with = convert::<{from}, {to}>)")
        }
        Op::Split((name, ty), one, two) => {
            format!("split({name} => ({one}, {two}), with = split::<{ty}>)")
        }
        Op::Merge((one, a), (two, b), to) => {
            format!("merge(({one}, {two}) => {to}, with = merge::<{a}, {b}>)")
        }
        Op::Widen(name) => format!("widen({name})"),
        Op::Custom(keeps, _) => format!("custom(custom_{number}, keeps({}))", keeps.join(", ")),
    }
}

fn function(subject: &Subject, number: usize) -> Option<String> {
    let [Op::Custom(keeps, made)] = &subject.versions[number].steps[..] else {
        return None;
    };
    let name = subject.name.to_lowercase();
    let lets: String = made
        .iter()
        .map(|((new, ty), (old, _))| {
            format!("let {new} = <{ty} as Number>::of(old.{old}.number().wrapping_add(1)); ")
        })
        .collect();
    let kept = keeps.iter().map(|name| format!("{name}: old.{name}"));
    let fields: Vec<String> = kept
        .chain(made.iter().map(|((new, _), _)| new.clone()))
        .collect();
    Some(format!(
        "    fn custom_{name}_{number}(old: {name}_schema::V{number}) -> {name}_schema::V{next} {{ {lets}{name}_schema::V{next} {{ {} }} }}\n",
        fields.join(", "),
        next = number + 1
    ))
}

pub(crate) fn write_locks(project: &Project, crate_name: &str, chains: &[Chain]) {
    for chain in chains {
        for subject in [&chain.document, &chain.embedded] {
            write_lock(project, crate_name, &lock(subject, crate_name));
        }
        let kind = enumeration_source::lock(&chain.kind, crate_name);
        write_lock(project, crate_name, &kind);
    }
}

pub(crate) fn write_lock(project: &Project, crate_name: &str, lock: &Lock) {
    assert_eq!(lock.crate_name, crate_name);
    let file = Lock::path(lock.kind, &lock.name);
    project.write(format!("schema/{file}"), &lock.write());
}

/// The lock of a type whose versions are all sealed.
pub(crate) fn lock(subject: &Subject, crate_name: &str) -> Lock {
    let (kind, name) = match subject.is_document {
        true => (Kind::Document, subject.name.to_lowercase()),
        false => (Kind::Embedded, subject.name.clone()),
    };
    let mut lock = Lock {
        kind,
        name,
        crate_name: crate_name.to_owned(),
        versions: Vec::new(),
    };
    for version in &subject.versions {
        let steps: Vec<Step> = version.steps.iter().map(step).collect();
        lock.add(shape(subject.is_document, version), &steps)
            .unwrap();
    }
    lock
}

fn shape(is_document: bool, version: &Version) -> Shape {
    Shape {
        key: is_document.then(|| "id".to_owned()),
        parts: version
            .fields
            .iter()
            .map(|(name, ty)| Part::new(name.as_str(), ty))
            .collect(),
        ..Shape::new(Form::Struct)
    }
}

fn step(step: &Op) -> Step {
    let name = |field: &Field| field.0.clone();
    match step {
        Op::Rename(from, to) => Step::Rename(from.clone(), to.clone()),
        Op::Add(field, _) => Step::Add(name(field)),
        Op::Remove(name) => Step::Remove(name.clone()),
        Op::Convert(field, _) => Step::Convert(name(field)),
        Op::Split(field, one, two) => Step::Split(name(field), vec![one.clone(), two.clone()]),
        Op::Merge(one, two, to) => Step::Merge(vec![name(one), name(two)], to.clone()),
        Op::Widen(name) => Step::Widen(name.clone()),
        Op::Custom(keeps, _) => Step::Custom(keeps.clone()),
    }
}
