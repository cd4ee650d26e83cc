//! Which bodies are taken as they are, which are migrated, and which are refused.

use bytes::Bytes;
use smarterbase_core::{
    ErrorKind,
    document::{
        Adoption, DocumentSpec, FieldSpec, History, KeyKind, Policy, Shape, UnknownMembers,
        field::{EmbeddedForm, EmbeddedSpec},
        seal,
    },
    format::{
        Envelope,
        envelope::{self, BodyShape, Opened},
        upgrade::{self, Age},
    },
    migration::{Migration, Representation, Step, Versions},
};

use crate::sample;

static PLACE: EmbeddedSpec = EmbeddedSpec {
    name: "Place",
    version: 2,
    readable_from: 1,
    parameters: &[],
    form: EmbeddedForm::Struct,
    parts: &[("city", &Shape::Leaf("String"))],
    migrations: &[Migration {
        from: 1,
        steps: &[Step::Rename("town", "city")],
    }],
};
static COLOUR: EmbeddedSpec = EmbeddedSpec {
    name: "Colour",
    form: EmbeddedForm::Enum(Representation::Adjacent("t", "c")),
    parts: &[
        ("Crimson", &Shape::Leaf("()")),
        ("At", &Shape::Embedded(&PLACE)),
    ],
    migrations: &[Migration {
        from: 1,
        steps: &[
            Step::Represent(Representation::Named, Representation::Adjacent("t", "c")),
            Step::RenameVariant(Representation::Adjacent("t", "c"), "Red", "Crimson"),
        ],
    }],
    ..PLACE_LIKE
};
const PLACE_LIKE: EmbeddedSpec = EmbeddedSpec {
    name: "",
    version: 2,
    readable_from: 1,
    parameters: &[],
    form: EmbeddedForm::Tuple,
    parts: &[],
    migrations: &[],
};
static PAIR: EmbeddedSpec = EmbeddedSpec {
    name: "Pair",
    parts: &[("0", &Shape::Leaf("u8")), ("1", &Shape::Embedded(&PLACE))],
    migrations: &[Migration {
        from: 1,
        steps: &[Step::Remove("1"), Step::Rename("2", "1")],
    }],
    ..PLACE_LIKE
};

static HOME: Shape = Shape::Embedded(&PLACE);
static OPTION: Shape = Shape::Generic("Option", &[&HOME]);
static LIST: Shape = Shape::Generic("Vec", &[&OPTION]);
static MAP: Shape = Shape::Generic("Map", &[&Shape::Leaf("String"), &HOME]);
static TUPLE: Shape = Shape::Generic("Tuple", &[&Shape::Leaf("u8"), &HOME]);
static IN_COLOUR: Shape = Shape::Embedded(&COLOUR);
static IN_PAIR: Shape = Shape::Embedded(&PAIR);

static FIELDS: [FieldSpec; 8] = [
    field("id", &Shape::Leaf("String")),
    field("title", &Shape::Leaf("String")),
    field("home", &HOME),
    field("list", &LIST),
    field("map", &MAP),
    field("tuple", &TUPLE),
    field("colour", &IN_COLOUR),
    field("pair", &IN_PAIR),
];

const fn field(name: &'static str, shape: &'static Shape) -> FieldSpec {
    FieldSpec {
        name,
        aliases: &[],
        shape,
    }
}

static SPEC: DocumentSpec = DocumentSpec {
    type_name: "Thing",
    collection: "things",
    schema_version: 4,
    shards: 1,
    key_field: "id",
    key_kind: KeyKind::Text,
    fields: &FIELDS,
    computed: &[],
    indexes: &[],
    references: &[],
    unknown: UnknownMembers::Keep,
    keeps_history: false,
    history: History {
        readable_from: 2,
        migrations: &[
            Migration {
                from: 2,
                steps: &[Step::Rename("name", "heading"), Step::Remove("old")],
            },
            Migration {
                from: 3,
                steps: &[Step::Rename("heading", "title")],
            },
        ],
        policy: Policy::DEFAULT,
    },
};

fn todays_seal() -> u64 {
    seal::seal(SPEC.key_field, SPEC.fields)
}

fn opened(schema: u32, seal: Option<u64>, versions: &[(&str, u32)], body: &str) -> Opened {
    let embedded = versions
        .iter()
        .map(|(name, version)| ((*name).to_owned(), *version));
    let envelope = Envelope {
        schema,
        shape: BodyShape {
            seal,
            embedded: Versions(embedded.collect()),
            readable_by: None,
        },
        ..sample::envelope()
    };
    envelope::open(&envelope.seal(body.as_bytes())).unwrap()
}

fn current(opened: &Opened) -> smarterbase_core::Result<Bytes> {
    upgrade::current(&SPEC, &upgrade::written_by(&SPEC), opened)
}

const TODAY: &[(&str, u32)] = &[("Place", 2), ("Colour", 2), ("Pair", 2)];

fn assert_becomes(opened: &Opened, expected: &str) {
    assert_eq!(current(opened).unwrap(), expected.as_bytes());
}

#[test]
fn a_body_of_today_is_taken_as_it_is_whatever_stands_in_it() {
    let text = r#"{"name":1, "home" :{"town":"x"}}"#;
    assert_becomes(&opened(4, Some(todays_seal()), &[], text), text);
}

#[test]
fn a_type_writes_its_seal_and_the_versions_inside_of_it() {
    let shape = upgrade::written_by(&SPEC);
    let versions = TODAY
        .iter()
        .map(|(name, version)| ((*name).to_owned(), *version));
    assert_eq!(shape.seal, Some(todays_seal()));
    assert_eq!(shape.embedded, Versions(versions.collect()));
}

#[test]
fn a_body_of_another_seal_is_only_read_when_something_in_it_is_older() {
    let text = r#"{"name":1, "home" :{"town":"x"}}"#;
    assert_becomes(&opened(4, Some(8), TODAY, text), text);
    assert_becomes(&opened(4, None, TODAY, text), text);
}

#[test]
fn the_steps_from_the_stored_version_on_run_in_order() {
    assert_becomes(
        &opened(2, None, TODAY, r#"{"id":"a","name":"b","old":1,"more":2}"#),
        r#"{"id":"a","title":"b","more":2}"#,
    );
    assert_becomes(
        &opened(3, None, TODAY, r#"{"id":"a","heading":"b","old":1}"#),
        r#"{"id":"a","title":"b","old":1}"#,
    );
}

#[test]
fn embedded_types_are_upgraded_wherever_they_stand() {
    assert_becomes(
        &opened(
            4,
            None,
            &[("Colour", 2), ("Pair", 2)],
            r#"{"home":{"town":"a"},"list":[null,{"town":"b"}],"map":{"town":{"town":"c"}},"tuple":[1,{"town":"d"}],"colour":{"t":"At","c":{"town":"e"}},"pair":[1,{"town":"f"}]}"#,
        ),
        r#"{"home":{"city":"a"},"list":[null,{"city":"b"}],"map":{"town":{"city":"c"}},"tuple":[1,{"city":"d"}],"colour":{"t":"At","c":{"city":"e"}},"pair":[1,{"city":"f"}]}"#,
    );
}

#[test]
fn enums_and_tuples_run_their_own_steps() {
    for (old, new) in [
        (r#""Red""#, r#"{"t":"Crimson"}"#),
        (r#"{"At":{"city":"a"}}"#, r#"{"t":"At","c":{"city":"a"}}"#),
    ] {
        assert_becomes(
            &opened(
                4,
                None,
                &[("Place", 2), ("Pair", 2)],
                &format!(r#"{{"colour":{old}}}"#),
            ),
            &format!(r#"{{"colour":{new}}}"#),
        );
    }
    assert_becomes(
        &opened(
            4,
            None,
            &[("Place", 2), ("Colour", 2)],
            r#"{"pair":[1,"gone",{"city":"a"}]}"#,
        ),
        r#"{"pair":[1,{"city":"a"}]}"#,
    );
}

#[test]
fn versions_that_are_too_old_or_too_new_are_unsupported() {
    for version in [1, 5] {
        let error = current(&opened(version, Some(todays_seal()), &[], "{}")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{version}");
    }
    let newer = opened(4, None, &[("Place", 3)], r#"{"home":{}}"#);
    let refused = current(&newer).unwrap_err();
    assert_eq!(refused.code(), "SB-UNSUPPORTED-SCHEMA");
    assert!(refused.to_string().contains("`Place`"), "{refused}");
}

#[test]
fn hand_made_json_has_no_version() {
    let bytes = Bytes::from_static(br#"{"name":"b"}"#);
    let opened = envelope::open(&bytes).unwrap();
    assert_eq!(current(&opened).unwrap(), bytes);
}

#[test]
fn hand_made_json_with_an_envelope_for_an_intent_has_no_version_either() {
    let enveloped = opened(0, None, &[], r#"{"name":"b"}"#);
    assert_eq!(current(&enveloped).unwrap(), enveloped.body);
}

#[test]
fn a_body_that_is_no_object_is_corrupt() {
    let mut broken = opened(2, None, &[], "{}");
    broken.body = Bytes::from_static(b"{\"a\":}");
    assert_eq!(current(&broken).unwrap_err().code(), "SB-CORRUPT");
}

/// The same type, which also reads what another library wrote from its version 3 on.
fn adopting() -> DocumentSpec {
    let policy = Policy {
        adopt: Some(Adoption {
            version_field: "_v",
            base: 3,
        }),
        readable_by: 3,
        ..Policy::DEFAULT
    };
    let history = History {
        readable_from: 1,
        ..SPEC.history
    };
    DocumentSpec {
        history: history.with(policy),
        fields: SPEC.fields,
        computed: &[],
        indexes: SPEC.indexes,
        ..SPEC
    }
}

fn adopted(text: &'static str) -> smarterbase_core::Result<(u32, Bytes)> {
    let spec = adopting();
    let opened = envelope::open(&Bytes::from_static(text.as_bytes())).unwrap();
    let body = upgrade::current(&spec, &upgrade::written_by(&spec), &opened)?;
    Ok((upgrade::version_of(&spec, &opened)?, body))
}

#[test]
fn what_another_library_wrote_runs_from_its_own_version_on_and_loses_the_number() {
    for (text, version, body) in [
        (r#"{"name":"b","old":1}"#, 1, r#"{"title":"b"}"#),
        (r#"{"_v":3,"name":"b","old":1}"#, 1, r#"{"title":"b"}"#),
        (r#"{"name":"b","_v":4,"old":1}"#, 2, r#"{"title":"b"}"#),
        (r#"{"heading":"b","_v": 5 }"#, 3, r#"{"title":"b"}"#),
        (
            r#"{"_v":6,"title":"b","more":1.50}"#,
            4,
            r#"{"title":"b","more":1.50}"#,
        ),
    ] {
        let expected = (version, Bytes::from_static(body.as_bytes()));
        assert_eq!(adopted(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn a_number_of_another_library_that_is_no_version_is_refused() {
    for (text, code) in [
        (r#"{"_v":2}"#, "SB-UNSUPPORTED-SCHEMA"),
        (r#"{"_v":7}"#, "SB-UNSUPPORTED-SCHEMA"),
        (r#"{"_v":-1}"#, "SB-CORRUPT"),
        (r#"{"_v":"3"}"#, "SB-CORRUPT"),
        (r#"{"_v":null}"#, "SB-CORRUPT"),
    ] {
        assert_eq!(adopted(text).unwrap_err().code(), code, "{text}");
    }
}

#[test]
fn a_newer_body_is_taken_as_it_is_when_its_writer_says_that_this_version_can_read_it() {
    let newer = |readable_by| {
        let mut newer = opened(5, Some(8), TODAY, r#"{"title":"b","more":1}"#);
        newer.envelope.shape.readable_by = readable_by;
        newer
    };
    assert_becomes(&newer(Some(4)), r#"{"title":"b","more":1}"#);
    assert_becomes(&newer(Some(2)), r#"{"title":"b","more":1}"#);
    for readable_by in [None, Some(5)] {
        let error = current(&newer(readable_by)).unwrap_err();
        assert_eq!(error.code(), "SB-UNSUPPORTED-SCHEMA");
    }
    // Reading is all: nobody replaces it.
    let refused = upgrade::check_replaceable(&SPEC, &newer(Some(4))).unwrap_err();
    assert_eq!(refused.code(), "SB-UNSUPPORTED-SCHEMA");
    assert!(upgrade::check_replaceable(&SPEC, &opened(4, None, TODAY, "{}")).is_ok());
}

#[test]
fn a_type_writes_which_versions_can_read_it() {
    assert_eq!(upgrade::written_by(&adopting()).readable_by, Some(3));
    assert_eq!(upgrade::written_by(&SPEC).readable_by, None);
}

#[test]
fn only_versions_say_what_is_older_and_what_is_newer() {
    let age = |schema, seal, versions: &[(&str, u32)]| {
        let stored = opened(schema, seal, versions, "{}");
        upgrade::age(&SPEC, &upgrade::written_by(&SPEC), &stored)
    };
    assert_eq!(age(4, Some(7), TODAY), Age::Today);
    // Another draft, another program without a seal, a type that is not there any more.
    assert_eq!(age(4, Some(8), TODAY), Age::Today);
    assert_eq!(age(4, None, TODAY), Age::Today);
    let more = [("Place", 2), ("Colour", 2), ("Pair", 2), ("Gone", 9)];
    assert_eq!(age(4, Some(8), &more), Age::Today);
    assert_eq!(age(3, Some(8), TODAY), Age::Older);
    assert_eq!(age(3, Some(7), TODAY), Age::Older);
    // `Place` is at version 1 where it is not named.
    assert_eq!(age(4, Some(8), &TODAY[1..]), Age::Older);
    assert_eq!(age(5, Some(8), TODAY), Age::Newer);
    // Newer in one thing is newer, whatever the rest is.
    for versions in [&[("Place", 3)][..], &[("Colour", 3), ("Place", 1)]] {
        assert_eq!(age(4, Some(8), versions), Age::Newer);
        assert_eq!(age(3, Some(8), versions), Age::Newer);
    }
}

#[test]
fn what_has_no_version_is_older_only_where_another_library_is_adopted() {
    let (spec, body) = (adopting(), |text: &'static str| {
        envelope::open(&Bytes::from_static(text.as_bytes())).unwrap()
    });
    let age = |spec, text| upgrade::age(spec, &upgrade::written_by(spec), &body(text));
    assert_eq!(age(&SPEC, "{}"), Age::Today);
    assert_eq!(age(&spec, "{}"), Age::Older);
    assert_eq!(
        age(&spec, r#"{"_v":6}"#),
        Age::Older,
        "its envelope is to come"
    );
    assert_eq!(age(&spec, r#"{"_v":7}"#), Age::Newer);
    // Whoever reads it is told what is wrong.
    assert_eq!(age(&spec, r#"{"_v":null}"#), Age::Older);
}
