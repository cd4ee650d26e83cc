use smarterbase_core::{
    document::{
        ComponentSpec, DocumentSpec, EmbeddedForm, EmbeddedSpec, FieldSpec, History, IndexKind,
        IndexSpec, KeyKind, PredicateSpec, Shape, UnknownMembers, index_value::Encoding,
    },
    format::definition::{Definition, define, read},
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
        ttl: None,
        components,
        predicate: None,
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
    let with_ttl = define_index(&IndexSpec {
        ttl: Some(std::time::Duration::from_secs(1)),
        ..index("plan", PLAN)
    });
    assert_eq!(plain, with_ttl);
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

const COMPUTED: &[ComponentSpec] = &[ComponentSpec {
    computed: Some(1),
    ..component("full_name", "string")
}];

/// A type without fields.
fn users() -> DocumentSpec {
    DocumentSpec {
        type_name: "User",
        collection: "users",
        schema_version: 1,
        shards: 1,
        key_field: "id",
        key_kind: KeyKind::Text,
        fields: &[],
        computed: &[],
        indexes: &[],
        references: &[],
        unknown: UnknownMembers::Keep,
        keeps_history: false,
        history: History::none(1),
    }
}

/// A type with a field of an embedded type, which is at version 2.
fn with_status() -> DocumentSpec {
    static STATUS: Shape = Shape::Embedded(&EmbeddedSpec {
        name: "status",
        version: 2,
        readable_from: 1,
        parameters: &[],
        form: EmbeddedForm::Newtype,
        parts: &[],
        migrations: &[],
    });
    static FIELDS: [FieldSpec; 1] = [FieldSpec {
        name: "status",
        aliases: &[],
        shape: &STATUS,
    }];
    DocumentSpec {
        fields: &FIELDS,
        ..users()
    }
}

/// What the fixture of definitions over code holds, and the types.
pub(crate) fn over_code() -> Vec<(DocumentSpec, IndexSpec)> {
    let unique = IndexSpec {
        kind: IndexKind::Unique,
        ..partial("is_active", 3, 2)
    };
    vec![
        (users(), partial("is_active", 1, 1)),
        (users(), unique),
        (users(), index("full-name", COMPUTED)),
        (with_status(), partial("is_active", 1, 1)),
    ]
}

/// A definition of the documents for which `function` holds.
fn partial(function: &'static str, revision: u32, touched: u32) -> IndexSpec {
    IndexSpec {
        predicate: Some(PredicateSpec {
            function,
            revision,
            touched,
        }),
        ..index("plan", PLAN)
    }
}

#[test]
fn s11_the_revision_of_a_function_stands_for_what_it_does() {
    let plan = define_index(&partial("is_active", 2, 3));
    assert_eq!(
        plan.text,
        r#"{"kind":"index","each":false,"fields":[{"name":"plan","encoding":"string","optional":false,"lower":null}],"touched":3,"where":{"function":"is_active","revision":2}}"#
    );
    let full_name = define_index(&index("full-name", COMPUTED));
    assert_eq!(
        full_name.text,
        r#"{"kind":"index","each":false,"fields":[{"name":"full_name","encoding":"string","optional":false,"lower":null,"computed":1}],"touched":1}"#
    );
}

#[test]
fn s11_another_function_or_revision_is_another_definition() {
    let specs = [
        index("plan", PLAN),
        partial("is_active", 1, 1),
        partial("is_active", 2, 1),
        partial("is_active", 1, 2),
        partial("is_open", 1, 1),
    ];
    let mut names: Vec<String> = specs.iter().map(|spec| define_index(spec).name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5, "{names:?}");
}

#[test]
fn s11_a_function_may_read_every_embedded_type_so_that_their_versions_count() {
    let spec = with_status();
    let text = define(&spec, &partial("is_active", 1, 1)).text;
    assert!(
        text.ends_with(r#""where":{"function":"is_active","revision":1},"embedded":{"status":2}}"#),
        "{text}"
    );
    let plain = define(&spec, &index("plan", PLAN)).text;
    assert_eq!(
        plain,
        define_index(&index("plan", PLAN)).text,
        "a plain index reads its fields only"
    );
}

#[test]
fn what_was_written_is_read_and_says_whether_code_decides() {
    let texts = [
        (define_index(&index("plan", PLAN)).text, false),
        (define_index(&partial("is_active", 2, 1)).text, true),
        (define_index(&index("full-name", COMPUTED)).text, true),
    ];
    for (text, runs_code) in texts {
        assert_eq!(
            read(&text).expect("this build wrote it").runs_code(),
            runs_code,
            "{text}"
        );
    }
    assert!(
        read(r#"{"kind":"index","each":false,"fields":[],"touched":1,"unless":true}"#).is_none()
    );
}
