//! Intents, records and staged bodies: what a build of format 1 writes, byte for byte, and what it makes of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use smarterbase_core::{
    ErrorKind,
    format::{
        Envelope, Key,
        envelope::{self, State},
        intent::{Attempt, Author, Content, Home, Intent, Operation, Pending, Priority, Staged},
        path,
        record::{Decision, Record},
    },
};

use crate::{
    fixtures::read,
    sample::{envelope as sample, nonce},
};

const BODY: &[u8] =
    br#"{"id":"0199c7f5-5f0a-7e2b-9c1d-0123456789ab","email":"ada@example.com","plan":"team"}"#;

fn author(home: Home, members: u32) -> Author {
    Author {
        transaction: Attempt::new(nonce('t'), 2),
        home,
        members,
        priority: Priority(1_795_186_331_120, nonce('t').to_string()),
    }
}

fn pending(base: &Envelope, state: State, content: Content) -> Pending {
    Pending {
        state,
        rev: base.rev + 1,
        write: nonce('8'),
        schema: 2,
        shape: Default::default(),
        created: base.created,
        updated: base.updated,
        catalog: 12,
        index: BTreeMap::from([(
            "plan-1f0c9a2b".to_owned(),
            vec!["7-88888888888888888888-0011aabb".to_owned()],
        )]),
        unique: BTreeMap::new(),
        content,
    }
}

fn staged() -> Staged {
    Staged {
        key: path::staged(&Attempt::new(nonce('t'), 2), 0),
        sha256: "d28cbd0bfbb9eb2ae3ea2ac0ee5e1ee4e7ac0bc5bed1f5cd0ba25a56ab1a4d3c".to_owned(),
    }
}

/// Every fixture of this page and what makes it.
fn written() -> Vec<(&'static str, Bytes)> {
    let base = sample();
    let bearing = |intent: Intent| {
        let envelope = Envelope {
            intent: Some(intent),
            ..base.clone()
        };
        envelope.seal(br#"{"plan":"pro"}"#)
    };
    let record = author(Home::Record, 2);
    let here = Content::Here(Bytes::from_static(BODY));
    let gone = Content::Here(Bytes::from_static(b"{}"));
    let large = Content::Staged(staged());
    let put = Intent::write(&record, &pending(&base, State::Live, here));
    let delete = author(Home::Own, 1);
    let delete = Intent::write(&delete, &pending(&base, State::Deleted, gone));
    let stage = Intent::write(&record, &pending(&base, State::Live, large));
    let lock = Intent::hold(&record, Operation::Lock, base.rev, nonce('8'));
    let committed = Record {
        transaction: record.transaction.clone(),
        decision: Decision::Committed,
        objects: vec![
            Key::from_stored("orders/o9.json"),
            Key::from_stored("users/u1.json"),
        ],
        staged: vec![staged().key],
    };
    let aborted = Record::aborted(record.transaction.clone());
    vec![
        ("intent-put.json", bearing(put)),
        ("intent-delete-own.json", bearing(delete)),
        ("intent-staged.json", bearing(stage)),
        ("intent-lock.json", bearing(lock)),
        ("record-committed.json", committed.seal(nonce('p'))),
        ("record-aborted.json", aborted.seal(nonce('p'))),
    ]
}

#[test]
fn transactions_write_these_bytes() {
    for (name, bytes) in written() {
        assert_eq!(
            String::from_utf8_lossy(&bytes),
            String::from_utf8_lossy(&read(name)),
            "{name}"
        );
    }
}

#[test]
fn intents_open_and_are_sealed_again_to_the_same_bytes() {
    for (name, bytes) in written() {
        let opened = envelope::open(&bytes).unwrap();
        assert_eq!(opened.envelope.seal(&opened.body), bytes, "{name}");
    }
}

#[test]
fn an_intent_says_what_would_follow() {
    let opened = envelope::open(&read("intent-put.json")).unwrap();
    let intent = opened.envelope.intent.clone().unwrap();
    assert_eq!(
        (intent.home, intent.operation, intent.members),
        (Home::Record, Operation::Put, 2)
    );
    let pending = intent.pending(&opened.envelope).unwrap().unwrap();
    let next = pending.envelope(&opened.envelope, nonce('q'));
    assert_eq!((next.rev, next.write), (8, nonce('8')));
    assert_eq!(next.prev[0].rev, 7);
    assert_eq!(pending.content, Content::Here(Bytes::from_static(BODY)));
    assert!(intent.lists("plan-1f0c9a2b", "7-88888888888888888888-0011aabb"));
    assert!(!intent.lists("plan-1f0c9a2b", "6-88888888888888888888-0011aabb"));
}

#[test]
fn an_intent_of_an_earlier_build_has_the_rest_from_the_version_before() {
    let opened = envelope::open(&read("document-intent.json")).unwrap();
    let intent = opened.envelope.intent.clone().unwrap();
    let pending = intent.pending(&opened.envelope).unwrap().unwrap();
    assert_eq!(pending.schema, opened.envelope.schema);
    assert_eq!(pending.created, opened.envelope.created);
    assert_eq!(pending.catalog, opened.envelope.catalog);
}

#[test]
fn touches_and_locks_change_nothing() {
    let opened = envelope::open(&read("intent-lock.json")).unwrap();
    let intent = opened.envelope.intent.clone().unwrap();
    assert!(!intent.writes());
    assert_eq!(intent.pending(&opened.envelope).unwrap(), None);
}

#[test]
fn records_come_back() {
    let record = Record::open(&read("record-committed.json")).unwrap();
    assert_eq!(record.decision, Decision::Committed);
    assert_eq!(record.objects.len(), 2);
    assert_eq!(record.staged, [staged().key]);
    let aborted = Record::open(&read("record-aborted.json")).unwrap();
    assert_eq!(aborted, Record::aborted(record.transaction));
}

#[test]
fn a_record_is_named_by_its_attempt() {
    let attempt = Attempt::new(nonce('t'), 2);
    assert_eq!(attempt.as_str(), "tttttttttttttttttttt.2");
    assert_eq!(attempt.transaction(), "tttttttttttttttttttt");
    let record = path::record(&attempt);
    assert_eq!(record.as_str(), "_tx/fb/tttttttttttttttttttt.2.json");
    assert!(record.as_str().starts_with(path::records().as_str()));
    assert_eq!(
        path::staged(&attempt, 3).as_str(),
        "_stage/tttttttttttttttttttt.2/3.json"
    );
}

#[test]
fn names_that_lead_elsewhere_are_no_attempts_and_no_staged_bodies() {
    for text in ["", "..", "a..b", "a/b", "A.0", "a%2f.0", "é"] {
        assert_eq!(Attempt::parse(text), None, "{text}");
    }
    for text in ["users/a.json", "_stage/../users/a.json", "_stage/a", ""] {
        assert!(!path::is_staged(text), "{text}");
    }
}

#[test]
fn an_intent_without_a_usable_body_is_corrupt() {
    let good = String::from_utf8(read("intent-staged.json").to_vec()).unwrap();
    for (from, to) in [
        ("\"ref\":\"_stage/", "\"ref\":\"_unique/"),
        ("\"sha256\":", "\"sha255\":"),
        ("\"ref\":", "\"body\":[],\"fer\":"),
    ] {
        let broken = good.replace(from, to);
        assert_ne!(broken, good);
        let opened = envelope::open(&Bytes::from(broken)).unwrap();
        let intent = opened.envelope.intent.clone().unwrap();
        let error = intent.pending(&opened.envelope).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{from}");
    }
}

#[test]
fn replaced_versions_lie_in_the_order_of_revisions() {
    let id = path::EncodedId::parse("0199c7f5").unwrap();
    let key = path::replaced("users", &id, 7, nonce('v'));
    assert_eq!(
        key.as_str(),
        "_history/users/0199c7f5/00000000000000000007-vvvvvvvvvvvvvvvvvvvv.json"
    );
    assert!(
        key.as_str()
            .starts_with(path::history("users", &id).as_str())
    );
    assert!(key < path::replaced("users", &id, 10, nonce('a')));
}
