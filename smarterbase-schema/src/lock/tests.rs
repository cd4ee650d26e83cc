//! Locks are read as they are written, are TOML, and notice every edit.

use proptest::prelude::*;

use super::{Broken, Kind, Lock, Origin, Sealed};
use crate::shape::{Form, Part, Shape};

fn user() -> Lock {
    let shape = |parts: &[(&str, &str)]| Shape {
        key: Some("id".to_owned()),
        parts: parts
            .iter()
            .map(|(name, ty)| Part::new(*name, ty))
            .collect(),
        ..Shape::new(Form::Struct)
    };
    Lock {
        kind: Kind::Document,
        name: "users".to_owned(),
        crate_name: "app".to_owned(),
        versions: vec![
            Sealed {
                version: 1,
                shape: shape(&[
                    ("id", "Id<User>"),
                    ("name", "String"),
                    ("with \"quotes\"", "u8"),
                ]),
                steps: None,
                origins: Vec::new(),
            },
            Sealed {
                version: 2,
                shape: shape(&[("id", "Id<User>"), ("full_name", "String")]),
                steps: Some(0x9c01_d2aa),
                origins: vec![Origin {
                    field: "full_name".to_owned(),
                    name: "name".to_owned(),
                    touched: 1,
                }],
            },
        ],
    }
}

const TEXT: &str = r#"# seal 40343ec2f3144db0
kind = "document"
name = "users"
crate = "app"

[v1]
form = "struct"
key = "id"
digest = "e4eb03715dc44588"

[v1.fields]
id = "Id<User>"
name = "String"
"with \"quotes\"" = "u8"

[v2]
form = "struct"
key = "id"
steps = "000000009c01d2aa"
digest = "16e53364e278b517"

[v2.fields]
id = "Id<User>"
full_name = "String"

[v2.origins]
full_name = "v1 name"
"#;

#[test]
fn a_lock_has_one_fact_per_line() {
    assert_eq!(user().write(), TEXT);
    assert_eq!(Lock::parse(TEXT), Ok(user()));
}

#[test]
fn an_enum_keeps_its_representation() {
    let mut lock = user();
    lock.kind = Kind::Embedded;
    lock.versions.truncate(1);
    let shape = &mut lock.versions[0].shape;
    shape.form = Form::Enum;
    shape.representation.tag = Some("kind".to_owned());
    shape.representation.content = Some("data".to_owned());
    shape.parts = vec![Part::new("Free", "()"), Part::new("Team", "{seats: u32}")];
    assert_eq!(Lock::parse(&lock.write()), Ok(lock));
}

#[test]
fn every_edit_of_a_line_breaks_the_seal() {
    for (position, line) in TEXT.lines().enumerate().skip(1) {
        let edited: Vec<String> = TEXT
            .lines()
            .enumerate()
            .map(|(at, text)| match at == position {
                true => format!("{line} "),
                false => text.to_owned(),
            })
            .collect();
        let edited = format!("{}\n", edited.join("\n"));
        assert_eq!(Lock::parse(&edited), Err(Broken::Seal), "{line}");
    }
}

#[test]
fn other_line_ends_are_no_edit() {
    assert_eq!(Lock::parse(&TEXT.replace('\n', "\r\n")), Ok(user()));
}

#[test]
fn an_edited_lock_can_be_read_to_repair_it() {
    let edited = TEXT.replace("full_name = \"String\"", "full_name = \"u8\"");
    assert_eq!(Lock::parse(&edited), Err(Broken::Seal));
    let read = Lock::parse_unsealed(&edited).expect("it is a lock");
    assert_eq!(
        read.versions[1].shape.parts[1],
        Part::new("full_name", "u8")
    );
    assert_eq!(Lock::parse(&read.write()), Ok(read));
}

#[test]
fn a_version_with_another_digest_is_refused_also_under_a_fresh_seal() {
    let (_, body) = TEXT.split_once('\n').expect("a seal");
    let body = body.replace("\"u8\"", "\"u16\"");
    let sealed = format!(
        "# seal {}\n{body}",
        crate::digest::hex(crate::digest::of(&body))
    );
    assert!(matches!(Lock::parse(&sealed), Err(Broken::Line(1, _))));
}

#[test]
fn what_is_no_lock_is_refused_with_its_line() {
    for (body, line) in [
        ("kind = document", 2),
        ("colour = \"red\"", 2),
        ("kind = \"document\"\n[v0]", 3),
        ("[v1]\n[v3]", 3),
        ("[v1.fields]", 2),
        ("[v1]\n[v2.fields]", 3),
        ("[v1]\nform = \"union\"", 3),
        ("[v1]\nsteps = \"12\"", 3),
        ("[v1]\n[v1.fields]\na = \"u8\"\na = \"u8\"", 5),
        ("[v1]\n[v1.origins]\na = \"v1 b\"", 4),
        ("[v1]\n[v1.fields]\na = \"u8\"\n[v1.origins]\na = \"b\"", 6),
        (
            "[v1]\n[v1.fields]\na = \"u8\"\n[v1.origins]\na = \"v0 b\"",
            6,
        ),
        ("<<<<<<< ours", 2),
    ] {
        let result = Lock::parse_unsealed(&format!("# seal x\n{body}\n"));
        assert!(
            matches!(result, Err(Broken::Line(at, _)) if at == line),
            "{body}: {result:?}"
        );
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,8}", any::<String>()]
}

/// Every second part has another name, one that needs quotes.
fn origins(shape: &Shape) -> Vec<Origin> {
    let parts = shape.parts.iter().step_by(2);
    parts
        .map(|part| Origin {
            field: part.name.clone(),
            name: format!("{} \"", part.name),
            touched: 7,
        })
        .collect()
}

fn shapes() -> impl Strategy<Value = Shape> {
    let parts = proptest::collection::btree_map(text(), text(), 0..5);
    (
        parts,
        proptest::option::of(text()),
        proptest::option::of(text()),
    )
        .prop_map(|(parts, key, tag)| {
            let mut shape = Shape::new(Form::Enum);
            shape.key = key;
            shape.representation.tag = tag;
            shape.parts = parts
                .iter()
                .map(|(name, ty)| Part::new(name.clone(), ty))
                .collect();
            shape
        })
}

proptest! {
    #[test]
    fn every_lock_is_read_as_it_was_written_and_is_toml(
        name in text(), shapes in proptest::collection::vec(shapes(), 1..4)
    ) {
        let mut lock = user();
        lock.name = name;
        lock.versions = (1..).zip(shapes).map(|(version, shape)| Sealed { version, origins: origins(&shape), shape, steps: None }).collect();
        let text = lock.write();
        prop_assert_eq!(Lock::parse(&text), Ok(lock.clone()));

        let table: toml::Table = text.parse().expect("a lock is TOML");
        prop_assert_eq!(table["name"].as_str(), Some(lock.name.as_str()));
        for sealed in &lock.versions {
            let version = &table[&format!("v{}", sealed.version)];
            for part in &sealed.shape.parts {
                prop_assert_eq!(version["variants"][&part.name].as_str(), Some(part.ty.as_str()));
            }
        }
    }
}
