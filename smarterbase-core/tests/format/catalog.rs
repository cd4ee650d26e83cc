use std::time::Duration;

use bytes::Bytes;
use smarterbase_core::{
    ErrorKind,
    document::IndexKind,
    format::{
        catalog::{Catalog, Entry, Placement, State},
        database::{Database, ProbeCheck, ProbeReport},
    },
};

use crate::sample::{envelope, nonce};

fn placement(state: State) -> Placement {
    Placement {
        state,
        generation: 3,
        unknown: Default::default(),
    }
}

fn catalog() -> Catalog {
    let plan = Entry {
        number: 1,
        kind: IndexKind::Index,
        text: r#"{"kind":"index"}"#.into(),
        since: 12,
        state: None,
        backends: [
            ("objects".to_owned(), placement(State::Ready)),
            ("redis".to_owned(), placement(State::Building)),
        ]
        .into(),
        unknown: Default::default(),
    };
    let email = Entry {
        number: 2,
        kind: IndexKind::Unique,
        state: Some(State::Pending),
        backends: Default::default(),
        ..plan.clone()
    };
    Catalog {
        envelope: envelope(),
        collection: "users".into(),
        shards: 1,
        key_kind: "uuid".into(),
        writable_from: 2,
        embedded_from: Default::default(),
        instances: [("redis".to_owned(), "redis:rrrrrrrrrrrrrrrrrrrr".to_owned())].into(),
        next_number: 3,
        builder: None,
        definitions: [
            ("plan-1f0c9a2b".to_owned(), plan),
            ("email-77aa01c3".to_owned(), email),
        ]
        .into(),
        unknown: Default::default(),
    }
}

fn text_of(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn open(text: &str) -> smarterbase_core::Result<Catalog> {
    Catalog::open(&Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn a_catalog_is_written_with_readable_names() {
    let text = text_of(&catalog().seal());
    let body = &text[text.find(r#""collection""#).unwrap()..];
    assert_eq!(
        body,
        concat!(
            r#""collection":"users","shards":1,"key_kind":"uuid","writable_from":2,"#,
            r#""instances":{"redis":"redis:rrrrrrrrrrrrrrrrrrrr"},"next_number":3,"definitions":{"#,
            r#""email-77aa01c3":{"number":2,"kind":"unique","text":"{\"kind\":\"index\"}","since":12,"state":"pending","backends":{}},"#,
            r#""plan-1f0c9a2b":{"number":1,"kind":"index","text":"{\"kind\":\"index\"}","since":12,"backends":{"#,
            r#""objects":{"state":"ready","generation":3},"redis":{"state":"building","generation":3}}}}}"#,
        )
    );
}

#[test]
fn s11_the_catalog_comes_back_with_the_full_definitions() {
    assert_eq!(open(&text_of(&catalog().seal())).unwrap(), catalog());
}

#[test]
fn s09_members_that_this_build_does_not_know_are_kept() {
    let text = text_of(&catalog().seal())
        .replacen(
            r#""generation":3}"#,
            r#""generation":3,"later":{"a":[1,2.5]}}"#,
            1,
        )
        .replacen(r#""backends":{}"#, r#""backends":{},"note":"x""#, 1);
    let text = format!(r#"{},"settings":[true]}}"#, &text[..text.len() - 1]);
    let opened = open(&text).unwrap();
    assert_eq!(opened.unknown.len(), 1);
    assert_eq!(text_of(&opened.seal()), text);
}

#[test]
fn s09_an_unknown_state_reads_as_down_and_is_written_as_it_was() {
    let text = text_of(&catalog().seal())
        .replacen(r#""state":"ready""#, r#""state":"paused""#, 1)
        .replacen(r#""state":"pending""#, r#""state":"proposed""#, 1);
    let mut opened = open(&text).unwrap();
    assert_eq!(
        opened.definitions["plan-1f0c9a2b"].backends["objects"].state,
        State::Down
    );
    assert_eq!(
        opened.definitions["email-77aa01c3"].state,
        Some(State::Down)
    );
    assert_eq!(text_of(&opened.seal()), text);

    let plan = opened.definitions.get_mut("plan-1f0c9a2b").unwrap();
    plan.backends.get_mut("objects").unwrap().state = State::Ready;
    let written = text_of(&opened.seal());
    assert_eq!(written, text.replacen("paused", "ready", 1));
}

#[test]
fn s09_a_catalog_that_needs_an_unknown_feature_is_unsupported() {
    let text = text_of(&catalog().seal()).replacen(r#""needs":[]"#, r#""needs":["lanes"]"#, 1);
    assert_eq!(open(&text).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn every_state_comes_back() {
    for state in [
        State::Pending,
        State::Building,
        State::Ready,
        State::Down,
        State::Retired,
    ] {
        let mut catalog = catalog();
        catalog.definitions.get_mut("email-77aa01c3").unwrap().state = Some(state);
        assert_eq!(open(&text_of(&catalog.seal())).unwrap(), catalog);
    }
}

#[test]
fn a_malformed_catalog_is_corrupt_and_shows_no_value() {
    let whole = text_of(&catalog().seal());
    for (right, wrong) in [
        (r#""collection":"users","#, ""),
        (r#""shards":1"#, r#""shards":"hunter2""#),
        (r#""kind":"index","text""#, r#""kind":"hunter2","text""#),
        (r#""number":1"#, r#""number":-1"#),
        (r#""next_number":3"#, r#""next_number":3,"next_number":4"#),
        (r#""generation":3"#, r#""generation":null"#),
    ] {
        assert!(whole.contains(right), "{right}");
        let error = open(&whole.replacen(right, wrong, 1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{wrong}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

fn database() -> Database {
    let check = |number, name: &str, failure: Option<&str>| ProbeCheck {
        number,
        name: name.into(),
        failure: failure.map(str::to_owned),
    };
    Database {
        envelope: envelope(),
        id: nonce('d'),
        in_flight_bound: Duration::from_secs(60),
        probe: ProbeReport {
            version: 1,
            checks: vec![
                check(1, "concurrent creates have one winner", None),
                check(2, "a delete obeys its condition", Some("it did not")),
            ],
        },
        sealed_only: false,
        unknown: Default::default(),
    }
}

#[test]
fn the_databases_settings_are_written_with_readable_names() {
    let text = text_of(&database().seal());
    let body = &text[text.find(r#""id""#).unwrap()..];
    assert_eq!(
        body,
        concat!(
            r#""id":"dddddddddddddddddddd","in_flight_bound_ms":60000,"probe":{"version":1,"checks":["#,
            r#"{"number":1,"name":"concurrent creates have one winner"},"#,
            r#"{"number":2,"name":"a delete obeys its condition","failure":"it did not"}]}}"#,
        )
    );
    assert_eq!(Database::open(&database().seal()).unwrap(), database());
}

#[test]
fn s09_settings_that_this_build_does_not_know_are_kept() {
    let mut database = database();
    database
        .unknown
        .insert("region".into(), serde_json::json!({"home": ["eu", 1]}));
    assert_eq!(Database::open(&database.seal()).unwrap(), database);
}

#[test]
fn malformed_settings_are_corrupt() {
    let whole = text_of(&database().seal());
    for (right, wrong) in [
        (r#""id":"d"#, r#""id":"D"#),
        ("60000", "-1"),
        (r#""checks":["#, r#""checks":[1,"#),
    ] {
        assert!(whole.contains(right), "{right}");
        let error = Database::open(&Bytes::from(whole.replacen(right, wrong, 1))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
