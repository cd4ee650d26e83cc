use bytes::Bytes;
use proptest::prelude::*;
use smarterbase_core::{
    ErrorKind,
    format::{
        Envelope, Nonce,
        envelope::{self, BodyShape, Past, State},
    },
    migration::Versions,
};

use crate::sample::{envelope, nonce, past};

const BODY: &str = r#"{"id":"1","email":"ada@example.org"}"#;

fn open(text: &str) -> smarterbase_core::Result<envelope::Opened> {
    envelope::open(&Bytes::copy_from_slice(text.as_bytes()))
}

fn sealed() -> String {
    text_of(&envelope().seal(BODY.as_bytes()))
}

fn text_of(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn assert_corrupt(text: &str) {
    let error = open(text).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}: {error}");
}

#[test]
fn an_object_is_the_envelope_and_then_the_members_of_the_body() {
    assert_eq!(
        sealed(),
        concat!(
            r#"{"_sb":{"put":"pppppppppppppppppppp","format":1,"needs":[],"schema":2,"state":"live","rev":7,"#,
            r#""write":"77777777777777777777","prev":[[6,"66666666666666666666"],[5,"55555555555555555555"]],"#,
            r#""created":"2026-11-20T14:52:11.12Z","updated":"2026-11-20T15:00:00Z","catalog":12,"#,
            r#""index":{"plan-1f0c9a2b":["4-44444444444444444444-0011aabb"]},"#,
            r#""unique":{"email-77aa01c3":"0000000000000000000000000000000000000000"}},"#,
            r#""id":"1","email":"ada@example.org"}"#,
        )
    );
}

#[test]
fn opening_gives_back_what_was_sealed() {
    let opened = open(&sealed()).unwrap();
    assert_eq!(opened.envelope, envelope());
    assert!(opened.has_envelope);
    assert_eq!(&opened.body[..], BODY.as_bytes());
}

#[test]
fn a_body_without_members_leaves_the_envelope_alone() {
    let text = text_of(&envelope().seal(b" { \n } "));
    assert!(text.ends_with("}}"), "{text}");
    assert_eq!(&open(&text).unwrap().body[..], b"{}");
}

#[test]
fn white_space_around_the_members_changes_nothing() {
    let spread = sealed()
        .replacen("{\"_sb\":{", "\n{ \t\"_sb\" :\r\n { ", 1)
        .replacen(",\"id\"", " ,\n \"id\"", 1)
        + "\n";
    let opened = open(&spread).unwrap();
    assert_eq!(opened.envelope, envelope());
    assert_eq!(
        &opened.body[..],
        b"{\n \"id\":\"1\",\"email\":\"ada@example.org\"}"
    );
}

#[test]
fn an_envelope_that_is_not_first_is_found() {
    let own = &sealed()[1..sealed().find(r#","id""#).unwrap()];
    for text in [
        format!(r#"{{"email":"a","id":"1",{own}}}"#),
        format!(r#"{{"email":"a",{own},"id":"1"}}"#),
    ] {
        let opened = open(&text).unwrap();
        assert_eq!((opened.envelope, opened.has_envelope), (envelope(), true));
        assert_eq!(&opened.body[..], br#"{"email":"a","id":"1"}"#);
    }
}

#[test]
fn a_name_with_escapes_is_the_same_name() {
    let escaped = sealed().replacen("_sb", "\\u005fs\\u0062", 1);
    assert_eq!(open(&escaped).unwrap().envelope, envelope());
}

#[test]
fn json_without_an_envelope_has_revision_zero_and_nonces_of_its_bytes() {
    let opened = open(BODY).unwrap();
    assert!(!opened.has_envelope);
    assert_eq!(
        (opened.envelope.rev, opened.envelope.state),
        (0, State::Live)
    );
    assert_eq!(opened.envelope.put, envelope::fingerprint(BODY.as_bytes()));
    assert_eq!(opened.envelope.write, opened.envelope.put);
    assert_eq!(&opened.body[..], BODY.as_bytes());
    // sha256("{}") = 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
    assert_eq!(
        open("{}").unwrap().envelope.write.as_str(),
        "8g9mv8qlmdjok4a6lkbf"
    );
}

#[test]
fn a_second_envelope_is_corrupt_wherever_it_stands() {
    let twice =
        |second: &str| sealed().replacen(",\"email\"", &format!(",{second}:{{}},\"email\""), 1);
    for second in [
        r#""_sb""#,
        r#""\u005fsb""#,
        r#""\u005Fsb""#,
        r#""_\u0073b""#,
        r#""_s\u0062""#,
        r#""\u005f\u0073\u0062""#,
    ] {
        assert_corrupt(&twice(second));
    }
    assert_corrupt(&format!(r#"{{"a":1,"_sb":{{}},{}"#, &sealed()[1..]));
}

#[test]
fn the_name_of_the_envelope_as_a_value_or_inside_is_no_envelope() {
    for value in [
        r#""_sb""#,
        r#"{"_sb":1}"#,
        r#"["_sb"]"#,
        r#""\u005fsb \"_sb\"""#,
    ] {
        let text = sealed().replacen("\"1\"", value, 1);
        let opened = open(&text).unwrap();
        assert_eq!(opened.envelope, envelope());
        assert_eq!(text_of(&opened.body), BODY.replacen("\"1\"", value, 1));
    }
}

#[test]
fn bytes_that_are_no_json_object_are_corrupt() {
    for text in [
        "",
        " ",
        "null",
        "[]",
        "1",
        "\"a\"",
        "{",
        "}",
        "{\"a\":1",
        "{\"a\":1}}",
        "{} {}",
        "{\"a\":1,}",
        "nonsense",
        "{,}",
    ] {
        assert_corrupt(text);
    }
    let error = envelope::open(&Bytes::from_static(b"{\"a\":\"\xff\"}")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let error = envelope::open(&Bytes::from([sealed().as_bytes(), b"\xff"].concat())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn every_truncation_is_corrupt() {
    let whole = sealed();
    for end in 0..whole.len() {
        // A cut behind the envelope is seen here when the closing brace is gone, which it always is.
        assert_corrupt(&whole[..end]);
    }
}

#[test]
fn what_follows_the_object_is_corrupt() {
    for garbage in [" x", "{}", "\0", ",", "]"] {
        let text = format!("{}{garbage}", text_of(&envelope().seal(b"{}")));
        assert_corrupt(&text);
    }
}

#[test]
fn malformed_envelopes_are_corrupt() {
    let whole = sealed();
    for (right, wrong) in [
        (r#""put":"pppppppppppppppppppp","#, ""),
        (r#""put":"pppp"#, r#""put":"PPPP"#),
        (r#""rev":7"#, r#""rev":-7"#),
        (r#""rev":7"#, r#""rev":7.5"#),
        (r#""rev":7"#, r#""rev":"7""#),
        (r#""rev":7"#, r#""rev":18446744073709551616"#),
        (r#""rev":7,"#, r#""rev":7,"rev":8,"#),
        (r#""state":"live""#, r#""state":"alive""#),
        (r#""format":1,"#, ""),
        (r#"[6,"66666666666666666666"]"#, r#"[6]"#),
        (
            r#"[6,"66666666666666666666"]"#,
            r#"[6,"66666666666666666666",true,1]"#,
        ),
        (
            r#"[6,"66666666666666666666"]"#,
            r#"[6,"66666666666666666666",1]"#,
        ),
        (r#""created":"2026"#, r#""created":"soon"#),
        (r#""unique":{"#, r#""unique":["#),
    ] {
        assert!(whole.contains(right), "{right}");
        assert_corrupt(&whole.replacen(right, wrong, 1));
    }
    assert_corrupt(r#"{"_sb":1}"#);
    assert_corrupt(r#"{"_sb":null,"a":1}"#);
    assert_corrupt(r#"{"_sb":{}}"#);
    assert_corrupt(r#"{"a":1,"_sb":[]}"#);
}

#[test]
fn deep_nesting_neither_overflows_the_stack_nor_is_kept_in_the_envelope() {
    let bomb = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let unknown = sealed().replacen(r#""rev":7"#, &format!(r#""new":{bomb},"rev":7"#), 1);
    assert_eq!(open(&unknown).unwrap().envelope, envelope());
    assert_corrupt(&sealed().replacen("[]", &bomb, 1));
    assert_corrupt(&"[".repeat(200_000));
    assert_corrupt(&r#"{"a":"#.repeat(200_000));
    assert_corrupt(&format!("{{\"_sb\":{}", r#"{"a":"#.repeat(200_000)));
}

#[test]
fn a_newer_format_is_unsupported_even_where_its_members_differ() {
    for text in [
        sealed().replacen(r#""format":1"#, r#""format":2"#, 1),
        r#"{"_sb":{"format":2,"put":{"everything":"else"}}}"#.to_owned(),
        r#"{"a":1,"_sb":{"format":2}}"#.to_owned(),
    ] {
        let error = open(&text).unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Unsupported, "SB-UNSUPPORTED-FORMAT")
        );
    }
}

#[test]
fn an_unknown_need_is_unsupported_and_named() {
    for text in [
        sealed().replacen(r#""needs":[]"#, r#""needs":["chunks"]"#, 1),
        sealed()
            .replacen(r#""needs":[]"#, r#""needs":["chunks"]"#, 1)
            .replacen("\"live\"", "\"split\"", 1),
    ] {
        let error = open(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("`chunks`"), "{error}");
    }
}

#[test]
fn unknown_members_of_the_envelope_are_read_over() {
    let text = sealed().replacen(r#""rev":7"#, r#""later":{"x":[1]},"rev":7"#, 1);
    assert_eq!(open(&text).unwrap().envelope, envelope());
}

#[test]
fn no_value_stands_in_an_error() {
    let secret = "hunter2";
    for text in [
        sealed().replacen(r#""rev":7"#, r#""rev":"hunter2""#, 1),
        sealed().replacen("live", secret, 1),
        sealed()
            .replacen("\"1\"", "hunter2", 1)
            .replacen("ada@", "\\u0073", 1),
        format!(r#"{{"a":"{secret}" "b"}}"#),
    ] {
        let error = open(&text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
        assert!(std::error::Error::source(&error).is_none());
    }
}

#[test]
fn s20_pairs_of_revision_and_write_come_back() {
    let mut long = envelope();
    long.rev = 90;
    long.prev = (1..=8).map(|back| past(90 - 11 * back, 'a')).collect();
    assert_eq!(
        open(&text_of(&long.seal(b"{}"))).unwrap().envelope.prev,
        long.prev
    );
}

#[test]
fn s20_the_lineage_is_this_version_and_then_its_own_up_to_eight() {
    let mut current = envelope();
    assert_eq!(
        current.lineage(),
        [past(7, '7'), past(6, '6'), past(5, '5')]
    );
    current.prev = (0..8).rev().map(|rev| past(rev, 'e')).collect();
    current.rev = 8;
    assert_eq!(current.lineage().len(), Envelope::PREVIOUS);
    assert_eq!(current.lineage()[0], past(8, '7'));
    assert_eq!(current.lineage()[7], past(1, 'e'));
}

#[test]
fn s20_a_lineage_that_is_not_in_order_is_corrupt() {
    for (right, wrong) in [
        ("[6,", "[7,"),
        ("[6,", "[8,"),
        ("[6,", "[5,"),
        ("[5,", "[6,"),
    ] {
        assert_corrupt(&sealed().replacen(right, wrong, 1));
    }
}

#[test]
fn s21_the_flag_of_a_rewrite_comes_back_and_moves_into_the_lineage() {
    let mut rewritten = envelope();
    rewritten.rewrite = true;
    let text = text_of(&rewritten.seal(b"{}"));
    assert!(
        text.contains(r#""write":"77777777777777777777","rewrite":true,"prev""#),
        "{text}"
    );
    assert_eq!(open(&text).unwrap().envelope, rewritten);

    let mut next = envelope();
    next.rev = 8;
    next.write = nonce('8');
    next.prev = rewritten.lineage();
    let text = text_of(&next.seal(b"{}"));
    assert!(
        text.contains(r#""prev":[[7,"77777777777777777777",true],[6,"66666666666666666666"]"#),
        "{text}"
    );
    assert_eq!(
        open(&text).unwrap().envelope.prev[0],
        Past {
            rewrite: true,
            ..past(7, '7')
        }
    );
}

#[test]
fn an_intent_is_decoded_and_its_text_is_kept() {
    let text = r#"{"transaction":"k3.0","home":"record","op":"put","rev":8,"write":"88888888888888888888","members":2,"priority":[1,"k3"],"index":{},"unique":{},"body":{"email":"new"}}"#;
    let object = sealed().replacen(r#""00"}},"#, "", 0).replacen(
        "}},\"id\"",
        &format!("}},\"intent\":{text}}},\"id\""),
        1,
    );
    let opened = open(&object).unwrap();
    let intent = opened.envelope.intent.as_ref().unwrap();
    assert_eq!(
        (intent.transaction.as_str(), intent.rev, intent.write),
        ("k3.0", 8, nonce('8'))
    );
    assert_eq!(intent.text(), text);
    assert_eq!(text_of(&opened.envelope.seal(&opened.body)), object);
    assert_corrupt(&object.replacen("\"transaction\":\"k3.0\",", "", 1));
}

#[test]
fn the_physical_nonce_is_read_at_its_fixed_place_only() {
    assert_eq!(
        envelope::physical_nonce(sealed().as_bytes()),
        Some(nonce('p'))
    );
    assert_eq!(envelope::fingerprint(sealed().as_bytes()), nonce('p'));
    for text in [
        "",
        "{}",
        "{\"_sb\":{\"put\":\"pppp",
        &sealed()[..34],
        &sealed().replacen('p', "P", 2),
        &format!(" {}", sealed()),
        &sealed().replacen("pppppppppppppppppppp", "ppppppppppppppppppppp", 1),
    ] {
        assert_eq!(envelope::physical_nonce(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn without_a_physical_nonce_other_bytes_are_another_fingerprint() {
    let [one, other] =
        ["{\"a\":1}", "{\"a\":2}"].map(|text| envelope::fingerprint(text.as_bytes()));
    assert_ne!(one, other);
    assert_eq!(one, envelope::fingerprint(b"{\"a\":1}"));
}

prop_compose! {
    fn any_nonce()(random in any::<[u8; 13]>()) -> Nonce {
        Nonce::from_random(random)
    }
}

prop_compose! {
    fn any_envelope()(
        put in any_nonce(),
        write in any_nonce(),
        schema in any::<u32>(),
        (seal, embedded, readable_by) in (prop::option::of(any::<u64>()), prop::collection::btree_map("\\PC{1,6}", any::<u32>(), 0..3), any::<Option<u32>>()),
        state in prop_oneof![Just(State::Live), Just(State::Deleted), Just(State::Stub)],
        rewrite in any::<bool>(),
        steps in prop::collection::vec((1_u64..1000, any_nonce(), any::<bool>()), 0..9),
        catalog in any::<u64>(),
        tags in prop::collection::btree_map("[a-z\"\\\\]{1,5}", prop::collection::vec("\\PC{0,6}", 0..3), 0..3),
        unique in prop::collection::btree_map("[a-z]{1,5}", "[0-9a-f]{40}", 0..3),
        seconds in prop::option::of(-300_000_000_000_i64..250_000_000_000),
        nanoseconds in 0_u32..1_000_000_000,
    ) -> Envelope {
        let mut rev = u64::MAX;
        let shape = BodyShape { seal, embedded: Versions(embedded), readable_by };
        let prev = steps.into_iter().map(|(step, write, rewrite)| { rev -= step; Past { rev, write, rewrite } }).collect();
        let moment = seconds.map(|s| smarterbase_core::document::Timestamp::from_parts(s, nanoseconds).unwrap());
        Envelope {
            put, format: 1, needs: Vec::new(), schema, shape, state, rev: u64::MAX, write, rewrite, prev,
            created: moment, updated: moment, catalog, index: tags, unique, intent: None,
        }
    }
}

proptest! {
    #[test]
    fn every_envelope_comes_back_from_every_place(envelope in any_envelope(), name in "[a-z_\\\\\"]{0,4}", value in "\\PC{0,12}") {
        let body = serde_json::json!({ name: value }).to_string();
        let sealed = envelope.seal(body.as_bytes());
        prop_assert_eq!(envelope::physical_nonce(&sealed), Some(envelope.put));
        let opened = envelope::open(&sealed).unwrap();
        prop_assert_eq!(&opened.envelope, &envelope);
        prop_assert_eq!(&opened.body[..], body.as_bytes());
        prop_assert_eq!(opened.envelope.seal(&opened.body), &sealed);

        let value: serde_json::Value = serde_json::from_slice(&sealed).unwrap();
        let pretty = Bytes::from(serde_json::to_vec_pretty(&value).unwrap());
        let reopened = envelope::open(&pretty).unwrap();
        prop_assert_eq!(reopened.envelope, envelope);
        let (left, right): (serde_json::Value, serde_json::Value) =
            (serde_json::from_slice(&reopened.body).unwrap(), serde_json::from_str(&body).unwrap());
        prop_assert_eq!(left, right);
    }

    #[test]
    fn any_bytes_are_opened_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = envelope::physical_nonce(&bytes);
        check_opened(&Bytes::from(bytes));
    }

    #[test]
    fn any_damage_to_an_object_is_opened_or_refused(at in 0_usize..500, byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = sealed().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if cut {
            bytes.truncate(at + 1);
        }
        check_opened(&Bytes::from(bytes));
    }
}

/// What opens can be sealed and opened again, with the same envelope.
fn check_opened(bytes: &Bytes) {
    if let Ok(opened) = envelope::open(bytes) {
        let again = envelope::open(&opened.envelope.seal(&opened.body)).unwrap();
        assert_eq!(again.envelope, opened.envelope);
    }
}
