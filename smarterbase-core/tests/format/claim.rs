use bytes::Bytes;
use smarterbase_core::{
    ErrorKind,
    document::Scalar,
    format::{
        claim::{self, Claim},
        index_key::{EncodedValue, encode_value},
    },
};

use crate::sample::{SPEC, UNIQUE, envelope};

fn email(text: &str) -> EncodedValue {
    encode_value(&SPEC, UNIQUE, &[Scalar::Text(text.into())])
        .unwrap()
        .unwrap()
}

#[test]
fn s12_the_hash_is_of_collection_definition_and_uncut_value() {
    let value = EncodedValue(Bytes::from_static(b"\x04a\0\0"));
    // printf 'users\0email-77aa01c3\0\004a\0\0' | sha256sum
    assert_eq!(
        claim::hash("users", "email-77aa01c3", &value),
        "7eb5d0abac2b6319e5c672a1ca784e9ee1c20106"
    );
}

#[test]
fn s12_two_long_values_that_differ_late_are_two_claims() {
    let [left, right] =
        ["a", "b"].map(|end| claim::hash("users", "email", &email(&("x".repeat(1000) + end))));
    assert_ne!(left, right);
}

#[test]
fn s12_collection_definition_and_value_cannot_run_into_each_other() {
    let value = email("a");
    assert_ne!(
        claim::hash("users", "email", &value),
        claim::hash("user", "semail", &value)
    );
    assert_ne!(
        claim::hash("users", "email", &value),
        claim::hash(
            "users",
            "emai",
            &EncodedValue([b"l\0", &value.0[..]].concat().into())
        )
    );
}

#[test]
fn a_claim_says_who_holds_it_and_not_what() {
    let held = Claim {
        envelope: envelope(),
        owner: Some("users/ada.json".into()),
    };
    let text = String::from_utf8(held.seal().to_vec()).unwrap();
    assert!(text.ends_with(r#"},"owner":"users/ada.json"}"#), "{text}");
    assert_eq!(Claim::open(&held.seal()).unwrap(), held);
}

#[test]
fn a_released_claim_has_no_owner() {
    let released = Claim {
        envelope: envelope(),
        owner: None,
    };
    assert!(released.seal().ends_with(br#"},"owner":null}"#));
    assert_eq!(Claim::open(&released.seal()).unwrap(), released);
    assert_eq!(Claim::open(&envelope().seal(b"{}")).unwrap(), released);
}

#[test]
fn a_claim_that_is_malformed_is_corrupt() {
    for body in [
        r#"{"owner":1}"#,
        r#"{"owner":"a","owner":"b"}"#,
        r#"{"owner":"a"}}"#,
    ] {
        let bytes = envelope().seal(body.as_bytes());
        assert_eq!(
            Claim::open(&bytes).unwrap_err().kind(),
            ErrorKind::Corrupt,
            "{body}"
        );
    }
}
