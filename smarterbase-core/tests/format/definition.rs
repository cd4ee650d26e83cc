use smarterbase_core::{
    document::{ComponentSpec, IndexKind, IndexSpec, index_value::Encoding},
    format::definition::{Definition, define},
};

use crate::sample::{SPEC, component};

const PLAN: &[ComponentSpec] = &[component("plan", "string")];
const LOWER: &[ComponentSpec] = &[ComponentSpec {
    lower: Some(1),
    ..component("plan", "string")
}];
const OPTIONAL: &[ComponentSpec] = &[ComponentSpec {
    encoding: Encoding {
        name: "string",
        optional: true,
        version: 1,
        converted: false,
    },
    ..component("plan", "string")
}];

fn index(name: &'static str, components: &'static [ComponentSpec]) -> IndexSpec {
    IndexSpec {
        name,
        kind: IndexKind::Index,
        each: false,
        range: false,
        components,
    }
}

fn define_index(index: &IndexSpec) -> Definition {
    define(&SPEC, index)
}

#[test]
fn s11_a_definition_is_one_line_of_json_and_its_hash() {
    let plan = define_index(&index("plan", PLAN));
    assert_eq!(
        plan.text,
        r#"{"kind":"index","each":false,"fields":[{"name":"plan","encoding":"string","optional":false,"lower":null}],"touched":1}"#
    );
    // sha256sum of the text
    assert_eq!(plan.name, "plan-15c3fc72");
}

#[test]
fn s11_what_changes_the_entries_changes_the_name() {
    let variants: [&'static [ComponentSpec]; 6] = [
        PLAN,
        LOWER,
        OPTIONAL,
        const { &[component("plan", "string"), component("org", "uuid")] },
        const { &[component("org", "uuid"), component("plan", "string")] },
        const { &[component("plan", "number")] },
    ];
    let mut names: Vec<String> = variants
        .map(|components| define_index(&index("plan", components)).name)
        .into();
    names.push(
        define_index(&IndexSpec {
            each: true,
            ..index("plan", PLAN)
        })
        .name,
    );
    names.push(
        define_index(&IndexSpec {
            kind: IndexKind::Unique,
            ..index("plan", PLAN)
        })
        .name,
    );
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 8, "{names:?}");
}

#[test]
fn s11_what_leaves_the_entries_alone_leaves_the_definition_alone() {
    let plain = define_index(&index("plan", PLAN));
    let ranged = define_index(&IndexSpec {
        range: true,
        ..index("plan", PLAN)
    });
    assert_eq!(plain, ranged);
}

#[test]
fn s11_the_name_of_the_index_is_not_hashed() {
    let [one, other] = ["plan", "by-plan"].map(|name| define_index(&index(name, PLAN)));
    assert_eq!(one.text, other.text);
    assert_eq!(
        one.name.rsplit_once('-').unwrap().1,
        other.name.rsplit_once('-').unwrap().1
    );
    assert!(other.name.starts_with("by-plan-"));
}
