//! Snapshots: manifests and segments, byte for byte, and what is made of those that are not ours.

use std::collections::BTreeMap;

use bytes::Bytes;
use smarterbase_core::{
    ErrorKind,
    document::Version,
    format::{
        Envelope, Key, path,
        path::EncodedId,
        snapshot::{Manifest, OpenSegment, Segment, SegmentWriter},
    },
};

use crate::{
    fixtures::read,
    sample::{nonce, past},
};

const IDS: [&str; 2] = [
    "0199c7f5-5f0a-7e2b-9c1d-0123456789ab",
    "0199c7f5-5f0a-7e2b-9c1d-0123456789ac",
];

fn manifest() -> Manifest {
    let (_, manifest) = Manifest::open(&read("snapshot-manifest.json")).unwrap();
    manifest
}

fn key(number: usize) -> Key {
    Key::from_stored(format!("users/{}.json", IDS[number]))
}

fn version(number: usize) -> Version {
    Version::from_e_tag(format!("\"{:032x}\"", 0xa0 + number))
}

fn object(number: usize) -> Bytes {
    read(["document.json", "document-tombstone.json"][number])
}

#[test]
fn a_manifest_opens_and_is_sealed_again_to_the_same_bytes() {
    let bytes = read("snapshot-manifest.json");
    let envelope = Envelope {
        rev: 3,
        write: nonce('3'),
        prev: vec![past(2, '2'), past(1, '1')],
        ..Envelope::first(nonce('p'))
    };
    let opened = Manifest::open(&bytes).unwrap();
    assert_eq!(opened.0, envelope);
    let expected = Manifest {
        database: nonce('d'),
        collection: "users".to_owned(),
        generation: nonce('g'),
        packed: "2026-11-20T15:00:00Z".parse().unwrap(),
        documents: 2,
        segments: opened.1.segments.clone(),
        unknown: BTreeMap::new(),
    };
    assert_eq!(opened.1, expected);
    assert_eq!(expected.seal(&envelope), bytes);
    assert_eq!(
        (&*expected.segments[0].first, &*expected.segments[0].last),
        (IDS[0], IDS[1])
    );
}

#[test]
fn snapshots_lie_in_a_folder_per_collection_and_generation() {
    let manifest = path::snapshot_manifest("users");
    let segment = path::snapshot_segment("users", nonce('g'), 12);
    assert_eq!(manifest.as_str(), "_snapshot/users/manifest.json");
    assert_eq!(
        segment.as_str(),
        "_snapshot/users/gggggggggggggggggggg/000012.jsonl.lz4"
    );
    assert_eq!(
        path::parse_snapshot_segment("users", &segment),
        Some(nonce('g'))
    );
    assert_eq!(path::parse_snapshot_segment("user", &segment), None);
    assert_eq!(path::parse_snapshot_segment("users", &manifest), None);
}

/// The fixture was compressed by the `lz4` command.
#[test]
fn a_segment_is_lines_of_json_that_other_programs_compress_alike() {
    let bytes = read("snapshot-segment.jsonl.lz4");
    let segment = OpenSegment::read(&bytes, &manifest().segments[0]).unwrap();
    assert_eq!(segment.len(), 2);
    for number in 0..2 {
        let found = segment.object(&key(number), &version(number));
        assert_eq!(found, Some(object(number)));
    }
    assert_eq!(segment.object(&key(0), &version(1)), None);
    assert_eq!(segment.object(&key(0), &Version::default()), None);
    let generation = Version {
        generation: Some("7".to_owned()),
        ..version(0)
    };
    assert_eq!(segment.object(&key(0), &generation), None);
}

#[test]
fn what_is_written_has_the_text_of_the_fixture_and_comes_back() {
    let mut writer = SegmentWriter::default();
    for (number, id) in IDS.iter().enumerate() {
        let id = EncodedId::parse(id).unwrap();
        assert!(writer.push(&id, &key(number), &version(number), &object(number)));
    }
    let (bytes, segment) = writer.finish().unwrap().unwrap();
    let fixture = &manifest().segments[0];
    assert_eq!(
        (&segment.first, &segment.last),
        (&fixture.first, &fixture.last)
    );
    assert_eq!((segment.documents, segment.bytes), (2, fixture.bytes));
    let mut text = Vec::new();
    let mut decoder = lz4_flex::frame::FrameDecoder::new(&*bytes);
    std::io::Read::read_to_end(&mut decoder, &mut text).unwrap();
    assert_eq!(text, read("snapshot-segment.jsonl"));
    let open = OpenSegment::read(&bytes, &segment).unwrap();
    assert_eq!(open.object(&key(1), &version(1)), Some(object(1)));
    assert!(SegmentWriter::default().finish().unwrap().is_none());
}

#[test]
fn what_is_not_one_line_of_json_or_has_no_entity_tag_is_not_packed() {
    let id = EncodedId::parse(IDS[0]).unwrap();
    let mut writer = SegmentWriter::default();
    let texts = ["", "{", "{\"a\":\n1}", " {}", "{} ", "{}{}", "\u{feff}{}"];
    for text in texts {
        let is_packed = writer.push(&id, &key(0), &version(0), text.as_bytes());
        assert!(!is_packed, "{text:?}");
    }
    let of_google = Version {
        generation: Some("7".to_owned()),
        ..version(0)
    };
    for version in [Version::default(), of_google] {
        assert!(!writer.push(&id, &key(0), &version, b"{}"));
    }
    assert!(writer.is_empty());
}

#[test]
fn a_segment_that_the_manifest_does_not_name_or_that_is_none_is_corrupt_without_a_panic() {
    let bytes = read("snapshot-segment.jsonl.lz4");
    let named = manifest().segments[0].clone();
    let of = |bytes: &[u8], change: &dyn Fn(&mut Segment)| {
        let mut segment = named.clone();
        segment.sha256 = sha256(bytes);
        change(&mut segment);
        OpenSegment::read(bytes, &segment).unwrap_err()
    };
    let nothing = |_: &mut Segment| {};
    let errors = [
        OpenSegment::read(&bytes[1..], &named).unwrap_err(),
        of(b"", &nothing),
        of(b"secret", &nothing),
        of(&bytes[..bytes.len() - 9], &nothing),
        of(&bytes, &|segment| segment.bytes -= 1),
        of(&bytes, &|segment| segment.bytes += 1),
        // A bomb: no memory is taken for what the manifest says.
        of(&bytes, &|segment| segment.bytes = u64::MAX),
        of(&compressed(b"{\"key\":1}\n"), &|segment| segment.bytes = 10),
        of(&compressed(b"no lines\n"), &|segment| segment.bytes = 9),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(bytes))
}

fn compressed(text: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    std::io::Write::write_all(&mut encoder, text).unwrap();
    encoder.finish().unwrap()
}
