//! Results of idempotent transactions: what a build of format 1 writes, byte for byte, and what it makes of it.

use std::time::Duration;

use serde_json::value::RawValue;
use smarterbase_core::{
    ErrorKind,
    format::{
        Envelope, envelope, path,
        result::{Kept, hash},
    },
};

use crate::{fixtures::read, sample::nonce};

#[test]
fn results_are_written_to_the_byte_and_come_back() {
    let bytes = read("result.json");
    let at = "2026-11-20T15:00:10Z".parse().unwrap();
    let envelope = Envelope {
        rev: 1,
        write: nonce('1'),
        created: Some(at),
        updated: Some(at),
        ..Envelope::first(nonce('p'))
    };
    let result = r#"{"number":4711,"lines":["tea"]}"#.to_owned();
    let result = RawValue::from_string(result).unwrap();
    let kept = Kept {
        keep: Duration::from_secs(24 * 60 * 60),
        result: &result,
    };
    assert_eq!(envelope.seal(&kept.body()), bytes);
    let opened = envelope::open(&bytes).unwrap();
    assert_eq!(opened.envelope, envelope);
    let read = Kept::open(&opened.body).unwrap();
    assert_eq!((read.keep, read.result.get()), (kept.keep, result.get()));
}

#[test]
fn a_result_is_named_by_the_hash_of_its_key() {
    // printf 'order-4711' | sha256sum
    assert_eq!(
        hash("order-4711"),
        "173d0ddbff034193face7ce60d3f58b416940a4c"
    );
    assert_eq!(
        path::result(&hash("order-4711")).as_str(),
        "_idem/173d0ddbff034193face7ce60d3f58b416940a4c.json"
    );
    assert!(
        path::result("a")
            .as_str()
            .starts_with(path::results().as_str())
    );
    assert_ne!(hash("order-4711"), hash("order-4712"));
}

#[test]
fn members_that_a_later_build_adds_are_read_over_and_nonsense_is_corrupt() {
    let newer = br#"{"later":1,"keep_ms":5,"result":null}"#;
    assert_eq!(Kept::open(newer).unwrap().result.get(), "null");
    for body in [
        &br#"{"keep_ms":"secret","result":1}"#[..],
        br#"{"keep_ms":1}"#,
        b"{}",
    ] {
        let error = Kept::open(body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
