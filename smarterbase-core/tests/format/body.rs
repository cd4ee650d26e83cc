use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use smarterbase_core::{
    ErrorKind,
    document::{Document, DocumentSpec, IndexSink, KeyKind, Moment, UnknownMembers as OnUnknown},
    format::body::{self, UnknownMembers},
};

use crate::sample::{ADA, SPEC, User, ada, ada_id};

fn members(text: &[(&str, &str)]) -> UnknownMembers {
    let raw = |value: &str| RawValue::from_string(value.to_owned()).unwrap();
    text.iter()
        .map(|(name, value)| ((*name).to_owned(), raw(value)))
        .collect()
}

fn encode(unknown: &[(&str, &str)]) -> String {
    let bytes = body::encode(&ada(), &members(unknown)).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn decode(text: &str) -> smarterbase_core::Result<User> {
    body::decode(text.as_bytes(), &ada_id())
}

fn names_and_texts(unknown: &UnknownMembers) -> Vec<(&str, &str)> {
    unknown
        .iter()
        .map(|(name, value)| (name.as_str(), value.get()))
        .collect()
}

#[test]
fn a_body_is_the_types_json_and_then_the_unknown_members() {
    let own = format!(r#"{{"id":"{ADA}","email":"ada@example.org","plan":"pro","score":1.5"#);
    assert_eq!(encode(&[]), format!("{own}}}"));
    assert_eq!(
        encode(&[("z", "1.10"), ("a", "[ ]")]),
        format!(r#"{own},"z":1.10,"a":[ ]}}"#)
    );
}

#[test]
fn s28_unknown_members_are_those_that_are_no_stored_name_and_no_alias() {
    let text =
        br#"{"id":1,"mail":1,"plan":null,"nick":{"a":[1e400]},"score":2,"email":3,"z":"\u00e9"}"#;
    let unknown = body::unknown_members(&SPEC, text).unwrap();
    assert_eq!(
        names_and_texts(&unknown),
        [("nick", r#"{"a":[1e400]}"#), ("z", r#""\u00e9""#)]
    );
}

#[test]
fn s28_a_type_may_drop_or_refuse_what_it_does_not_know() {
    let with = |unknown| DocumentSpec {
        unknown,
        fields: SPEC.fields,
        computed: &[],
        indexes: SPEC.indexes,
        ..SPEC
    };
    let body = encode(&[("zodiac", "1")]);
    let drop = with(OnUnknown::Drop);
    assert!(
        body::unknown_members(&drop, body.as_bytes())
            .unwrap()
            .is_empty()
    );
    assert!(body::check_known(&drop, body.as_bytes()).is_ok());
    let deny = with(OnUnknown::Deny);
    let error = body::check_known(&deny, body.as_bytes()).unwrap_err();
    assert_eq!(error.code(), "SB-CORRUPT");
    assert!(error.to_string().contains("zodiac"));
    assert!(body::check_known(&deny, encode(&[]).as_bytes()).is_ok());
}

#[test]
fn s28_a_member_that_was_skipped_when_serializing_does_not_come_back() {
    let stored = format!(r#"{{"id":"{ADA}","email":"ada@example.org","plan":"pro","nick":1}}"#);
    let unknown = body::unknown_members(&SPEC, stored.as_bytes()).unwrap();
    let mut user = decode(&stored).unwrap();
    user.plan = None;
    let saved = body::encode(&user, &unknown).unwrap();
    assert_eq!(
        &saved[..],
        format!(r#"{{"id":"{ADA}","email":"ada@example.org","score":0.0,"nick":1}}"#).as_bytes()
    );
}

#[test]
fn s28_the_types_own_member_wins_over_an_unknown_one_of_its_name() {
    assert!(encode(&[("email", "\"old\""), ("nick", "1")]).ends_with(r#""score":1.5,"nick":1}"#));
}

#[test]
fn of_an_unknown_name_that_occurs_twice_the_last_one_counts() {
    let unknown = body::unknown_members(&SPEC, br#"{"n":1,"m":2,"n":3}"#).unwrap();
    assert_eq!(names_and_texts(&unknown), [("m", "2"), ("n", "3")]);
}

#[test]
fn names_of_the_format_are_refused() {
    for name in ["_sb", "_sbx", "_sb_more"] {
        let error = body::encode(&ada(), &members(&[(name, "1")])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    assert!(encode(&[("_s", "1"), ("sb", "2")]).contains("\"_s\""));
}

#[test]
fn a_body_comes_back() {
    assert_eq!(decode(&encode(&[("nick", "1")])).unwrap(), ada());
}

#[test]
fn a_body_without_the_id_gets_it_from_its_path() {
    assert_eq!(
        decode(r#"{"email":"ada@example.org"}"#).unwrap().id,
        ada_id()
    );
}

#[test]
fn a_body_with_another_id_than_its_path_is_corrupt() {
    let other = ADA.replace("ab", "ac");
    let error = decode(&format!(r#"{{"id":"{other}","email":"a"}}"#)).unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Corrupt, "SB-CORRUPT-ID")
    );
    let error = decode(r#"{"id":null,"email":"a"}"#).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_body_that_does_not_decode_names_the_field_and_the_place_and_no_value() {
    let error = decode(&format!(
        "{{\"id\":\"{ADA}\",\n\"email\":{{\"secret\":\"hunter2\"}}}}"
    ))
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(error.field(), Some("email"));
    assert!(error.to_string().contains("line 2 column"), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));

    let error = decode(&format!(
        r#"{{"id":"{ADA}","email":"a","score":"hunter2"}}"#
    ))
    .unwrap_err();
    assert_eq!(error.field(), Some("score"));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    assert!(std::error::Error::source(&error).is_none());
}

#[test]
fn a_missing_field_is_named() {
    let error = decode(&format!(r#"{{"id":"{ADA}"}}"#)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the body has no member `email` [SB-CORRUPT]"
    );
}

#[test]
fn bodies_that_are_no_json_are_corrupt() {
    for text in [
        "",
        "[]",
        "{",
        "{\"email\":\"a\"} x",
        "{\"email\":\"\u{1}\"}",
        "{\"a\":1,}",
    ] {
        assert_eq!(
            decode(text).unwrap_err().kind(),
            ErrorKind::Corrupt,
            "{text}"
        );
        let unknown = body::unknown_members(&SPEC, text.as_bytes());
        assert_eq!(unknown.unwrap_err().kind(), ErrorKind::Corrupt, "{text}");
    }
    let bomb = format!(
        r#"{{"email":"a","x":{}{}}}"#,
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    assert_eq!(decode(&bomb).unwrap().email, "a");
    assert_eq!(
        decode(&bomb.replace("\"a\"", "1")).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

#[test]
fn a_number_that_json_cannot_write_is_refused_before_it_is_stored() {
    for score in [f64::NAN, f64::INFINITY] {
        let error = body::encode(&User { score, ..ada() }, &Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

/// A counter with an unsigned key that serde would default.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Counter {
    #[serde(default)]
    id: u64,
    count: u64,
}

static COUNTERS: DocumentSpec = DocumentSpec {
    type_name: "Counter",
    collection: "counters",
    key_kind: KeyKind::Unsigned,
    fields: SPEC.fields,
    computed: &[],
    ..SPEC
};

impl Document for Counter {
    type Key = u64;
    type Fields = ();
    const COLLECTION: &'static str = "counters";
    const SPEC: &'static DocumentSpec = &COUNTERS;
    const HANDLES: () = ();

    fn key(&self) -> &u64 {
        &self.id
    }

    fn field(&self, _position: u16) -> &dyn std::any::Any {
        unreachable!("nothing here queries")
    }

    fn index_values(&self, _sink: &mut dyn IndexSink) {}

    fn stamp(&mut self, _moment: &mut Moment<'_>) {}
}

#[test]
fn an_unsigned_id_is_inserted_as_a_number_even_where_serde_would_default_it() {
    for key in [0, 42, u64::MAX] {
        let counter: Counter = body::decode(br#"{"count":1}"#, &key).unwrap();
        assert_eq!(counter, Counter { id: key, count: 1 });
    }
    let error = body::decode::<Counter>(br#"{"count":1,"id":0}"#, &42).unwrap_err();
    assert_eq!(error.code(), "SB-CORRUPT-ID");
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 4096, ..Default::default() })]

    #[test]
    fn every_float_comes_back_exactly(score in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO) {
        // A float that came back as its neighbour would not match its own index entry any more.
        let stored = body::encode(&User { score, ..ada() }, &Vec::new()).unwrap();
        let user: User = body::decode(&stored, &ada_id()).unwrap();
        proptest::prop_assert_eq!(user.score.to_bits(), score.to_bits());
    }
}
