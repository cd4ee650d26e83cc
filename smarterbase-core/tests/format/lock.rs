//! Lock documents: what a build of format 1 writes, byte for byte, and what it makes of it.

use std::time::Duration;

use smarterbase_core::{
    ErrorKind,
    document::{KeyText, Timestamp},
    format::{
        Envelope, Key,
        envelope::{self, Past},
        lock::{self, Holder},
        path::{self, EncodedId},
    },
};

use crate::{
    fixtures::read,
    sample::{nonce, past},
};

fn holder() -> Holder {
    Holder {
        label: Some("host-1 4711".to_owned()),
        process: nonce('a'),
        acquired: "2026-11-20T15:00:00Z".parse::<Timestamp>().unwrap(),
        lease: Duration::from_secs(30),
    }
}

fn document(rev: u64, write: char, prev: Vec<Past>) -> Envelope {
    Envelope {
        rev,
        write: nonce(write),
        prev,
        created: Some("2026-11-20T14:52:11.12Z".parse().unwrap()),
        updated: Some("2026-11-20T15:00:10Z".parse().unwrap()),
        ..Envelope::first(nonce('p'))
    }
}

#[test]
fn locks_are_written_to_the_byte_and_come_back() {
    let held = document(7, '7', vec![past(6, '6'), past(5, '5')]);
    let released = document(8, '8', held.lineage());
    for (name, envelope, holder) in [
        ("lock-held.json", held, Some(holder())),
        ("lock-released.json", released, None),
    ] {
        let bytes = read(name);
        assert_eq!(envelope.seal(&lock::body(holder.as_ref())), bytes, "{name}");
        let opened = envelope::open(&bytes).unwrap();
        assert_eq!(opened.envelope, envelope, "{name}");
        assert_eq!(lock::holder(&opened.body).unwrap(), holder, "{name}");
    }
}

#[test]
fn a_holder_may_have_no_label_and_a_fence_leaves_no_holder() {
    let silent = Holder {
        label: None,
        ..holder()
    };
    let body = lock::body(Some(&silent));
    assert!(!String::from_utf8(body.to_vec()).unwrap().contains("label"));
    assert_eq!(lock::holder(&body).unwrap(), Some(silent));
    assert_eq!(lock::holder(b"{}").unwrap(), None);
}

#[test]
fn members_that_a_later_build_adds_are_read_over_and_nonsense_is_corrupt() {
    let body = String::from_utf8(lock::body(Some(&holder())).to_vec()).unwrap();
    let newer = body.replace("{\"label\"", "{\"later\":1,\"label\"");
    assert_eq!(lock::holder(newer.as_bytes()).unwrap(), Some(holder()));
    let error = lock::holder(br#"{"holder":"secret"}"#).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn a_lock_is_named_as_ids_are() {
    let name = EncodedId::encode(&KeyText("Nightly/1".to_owned())).unwrap();
    let key = path::lock(&name);
    assert_eq!(key.as_str(), "_lock/%4eightly%2f1.json");
    assert!(key.as_str().starts_with(path::locks().as_str()));
    assert_eq!(path::parse_lock(&key), Some(name));
    for other in [
        "_lock/%4Eightly.json",
        "_lock/a.txt",
        "locks/a.json",
        "_lock/a/b.json",
    ] {
        assert_eq!(path::parse_lock(&Key::from_stored(other)), None, "{other}");
    }
}
