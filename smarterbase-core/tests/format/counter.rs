//! Counters and sequences: what a build of format 1 writes, byte for byte, and what it makes of it.

use smarterbase_core::{
    ErrorKind,
    document::KeyText,
    format::{
        Envelope, Key,
        counter::{Counter, Repair},
        envelope,
        path::{self, EncodedId},
        sequence::Sequence,
    },
};

use crate::{
    fixtures::read,
    sample::{nonce, past},
};

fn seventh() -> Envelope {
    Envelope {
        rev: 7,
        write: nonce('7'),
        prev: vec![past(6, '6'), past(5, '5')],
        created: Some("2026-11-20T14:52:11.12Z".parse().unwrap()),
        updated: Some("2026-11-20T15:00:10Z".parse().unwrap()),
        ..Envelope::first(nonce('p'))
    }
}

fn counter() -> Counter {
    Counter {
        value: -3,
        least: Some(0),
        most: Some(100),
        repair: Some(Repair {
            reason: "the import ran twice".to_owned(),
            at: "2026-11-20T14:59:00Z".parse().unwrap(),
            was: 12,
        }),
    }
}

#[test]
fn counters_are_written_to_the_byte_and_come_back() {
    let bytes = read("counter.json");
    assert_eq!(seventh().seal(&counter().body()), bytes);
    let opened = envelope::open(&bytes).unwrap();
    assert_eq!(opened.envelope, seventh());
    assert_eq!(Counter::open(&opened.body).unwrap(), counter());
}

#[test]
fn sequences_are_written_to_the_byte_and_come_back() {
    let bytes = read("sequence.json");
    let sequence = Sequence {
        next: 65,
        repair: None,
    };
    assert_eq!(seventh().seal(&sequence.body()), bytes);
    let opened = envelope::open(&bytes).unwrap();
    assert_eq!(Sequence::open(&opened.body).unwrap(), sequence);
}

#[test]
fn a_plain_counter_is_one_number_and_begins_at_0_and_a_sequence_at_1() {
    assert_eq!(&Counter::default().body()[..], br#"{"value":0}"#);
    assert_eq!(&Sequence::default().body()[..], br#"{"next":1}"#);
}

#[test]
fn the_extremes_come_back() {
    for value in [i64::MIN, i64::MAX] {
        let counter = Counter {
            value,
            ..Counter::default()
        };
        assert_eq!(Counter::open(&counter.body()).unwrap(), counter);
    }
    let sequence = Sequence {
        next: u64::MAX,
        repair: None,
    };
    assert_eq!(Sequence::open(&sequence.body()).unwrap(), sequence);
}

#[test]
fn members_that_a_later_build_adds_are_read_over_and_nonsense_is_corrupt() {
    assert_eq!(Counter::open(br#"{"later":1,"value":7}"#).unwrap().value, 7);
    assert_eq!(Sequence::open(br#"{"later":1,"next":7}"#).unwrap().next, 7);
    for body in [
        &br#"{"value":"secret","next":"secret"}"#[..],
        br#"{"value":1.5,"next":-1}"#,
        br#"{"value":9223372036854775808,"next":18446744073709551616}"#,
        b"{}",
    ] {
        for error in [
            Counter::open(body).unwrap_err(),
            Sequence::open(body).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}

#[test]
fn they_are_named_as_ids_are() {
    let name = EncodedId::encode(&KeyText("Seats/1".to_owned())).unwrap();
    let (counter, sequence) = (path::counter(&name), path::sequence(&name));
    assert_eq!(counter.as_str(), "_counter/%53eats%2f1.json");
    assert_eq!(sequence.as_str(), "_sequence/%53eats%2f1.json");
    assert_eq!(
        path::parse_named(&path::counters(), &counter),
        Some(name.clone())
    );
    assert_eq!(path::parse_named(&path::sequences(), &sequence), Some(name));
    for other in [
        "_counter/%53Eats.json",
        "_counter/a.txt",
        "_counter/a/b.json",
        "a.json",
    ] {
        let key = Key::from_stored(other);
        assert_eq!(path::parse_named(&path::counters(), &key), None, "{other}");
    }
}
