//! The form of entries in backends that keep sorted members: an encoded value followed by an id; and entries of
//! manifests, a number followed by a value.

use bytes::Bytes;

use super::{Hit, Manifest, member_id};
use crate::{
    document::KeyKind,
    format::{index_key::EncodedValue, path::EncodedId},
};

/// What ends a text id in a member, as in paths (rule S22).
const EXTENSION: &str = ".json";
/// The bytes of a UUID.
const UUID: usize = 16;
/// 20 digits and the extension.
const UNSIGNED: usize = 20 + EXTENSION.len();

/// The member of an entry.
#[must_use]
pub fn encode(kind: KeyKind, value: &EncodedValue, id: &EncodedId) -> Vec<u8> {
    [&value.0[..], &member_id(kind, id)].concat()
}

/// Reads a member; `None` when it is none.
#[must_use]
pub fn decode(kind: KeyKind, member: &[u8]) -> Option<Hit> {
    let (value, id) = member.split_at_checked(match kind {
        KeyKind::Uuid => member.len().checked_sub(UUID)?,
        KeyKind::Unsigned => member.len().checked_sub(UNSIGNED)?,
        KeyKind::Text => value_length(member)?,
    })?;
    Some(Hit {
        value: EncodedValue(Bytes::copy_from_slice(value)),
        id: decode_id(kind, id)?,
        tag: None,
        last_modified: None,
    })
}

/// Reads the bytes of an id.
#[must_use]
pub fn decode_id(kind: KeyKind, id: &[u8]) -> Option<EncodedId> {
    match kind {
        KeyKind::Uuid => {
            EncodedId::parse(&uuid::Uuid::from_slice(id).ok()?.as_hyphenated().to_string())
        }
        KeyKind::Text | KeyKind::Unsigned => {
            EncodedId::parse(std::str::from_utf8(id).ok()?.strip_suffix(EXTENSION)?)
        }
    }
}

/// The entry of a manifest: the number of the index in 4 bytes, then the value.
#[must_use]
pub fn entry(number: u32, value: &EncodedValue) -> Vec<u8> {
    [&number.to_be_bytes()[..], &value.0].concat()
}

/// Reads what a manifest says: entries, and bare numbers of definitions that tell nothing.
#[must_use]
pub fn decode_manifest(entries: &[Vec<u8>]) -> Option<Manifest> {
    let mut manifest = Manifest::default();
    for entry in entries {
        let (number, value) = entry.split_first_chunk::<4>()?;
        let number = u32::from_be_bytes(*number);
        match value {
            [] => manifest.silent.push(number),
            value => {
                let value = EncodedValue(Bytes::copy_from_slice(value));
                manifest.values.push((number, value));
            }
        }
    }
    Some(manifest)
}

/// How long the value at the start of a member is. No id begins with a byte below `20`, and every component does.
fn value_length(member: &[u8]) -> Option<usize> {
    let mut length = 0;
    while let Some(tag @ 0..0x20) = member.get(length).copied() {
        length += 1 + match tag {
            0x00..=0x02 => 0,
            0x03 => 10,
            0x04 | 0x05 => text_length(&member[length + 1..])?,
            0x06 => 16,
            0x07 => 12,
            _ => return None,
        };
    }
    Some(length)
}

/// How long an escaped text is, with its end `00 00`, or with `00 01` and the 16 bytes of hash of one that was cut.
fn text_length(text: &[u8]) -> Option<usize> {
    let mut position = 0;
    loop {
        position += text.get(position..)?.iter().position(|byte| *byte == 0)?;
        match text.get(position + 1)? {
            0x00 => return Some(position + 2),
            0x01 => return Some(position + 2 + 16),
            _ => position += 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::document::{
        ComponentSpec, DocumentKey, DocumentSpec, History, IndexKind, IndexSpec, KeyKind, KeyText,
        Scalar, UnknownMembers, index_value::Encoding,
    };
    use crate::format::index_key::encode_value;

    use super::{EncodedId, EncodedValue, decode, encode};

    const fn component(name: &'static str) -> ComponentSpec {
        ComponentSpec {
            field: "value",
            origin: "value",
            touched: 1,
            encoding: Encoding {
                name,
                optional: true,
                version: 1,
                converted: false,
            },
            lower: None,
            computed: None,
        }
    }
    static PAIR: [ComponentSpec; 2] = [component("string"), component("string")];
    static SPEC: DocumentSpec = DocumentSpec {
        type_name: "Pair",
        collection: "pairs",
        schema_version: 1,
        shards: 1,
        key_field: "id",
        key_kind: KeyKind::Text,
        fields: &[],
        computed: &[],
        indexes: &[IndexSpec {
            name: "pair",
            kind: IndexKind::Index,
            each: false,
            range: true,
            ttl: None,
            components: &PAIR,
            predicate: None,
        }],
        references: &[],
        unknown: UnknownMembers::Keep,
        keeps_history: false,
        history: History::none(1),
    };

    fn scalars() -> Vec<Scalar<'static>> {
        let long: &'static str =
            "0\u{0}ü0123456789012345678901234567890123456789012345678901234567890123456789";
        let bytes: &'static [u8] = &[0, 0, 1, 0xFF, 0, 0x20];
        vec![
            Scalar::Null,
            Scalar::Bool(false),
            Scalar::Bool(true),
            Scalar::Signed(-1),
            Scalar::Unsigned(u64::MAX),
            Scalar::Float(0.5),
            Scalar::Text("".into()),
            Scalar::Text("a\u{0}".into()),
            Scalar::Text(long.into()),
            Scalar::Bytes(bytes.into()),
            Scalar::Bytes(vec![0; 100].into()),
            Scalar::Uuid([0; 16]),
            Scalar::Timestamp(-1, 999_999_999),
        ]
    }

    fn values() -> Vec<EncodedValue> {
        let scalars = scalars();
        let pairs = scalars.iter().flat_map(|first| {
            scalars
                .iter()
                .map(move |second| [first.clone(), second.clone()])
        });
        pairs
            .map(|pair| encode_value(&SPEC, 0, &pair).unwrap().unwrap())
            .collect()
    }

    fn ids(kind: KeyKind) -> Vec<EncodedId> {
        let texts: Vec<String> = match kind {
            KeyKind::Text => ["0", "-", "Ä/b", "a.json", "z"].map(str::to_owned).to_vec(),
            KeyKind::Unsigned => [0_u64, 7, u64::MAX].map(|id| id.to_text().0).to_vec(),
            KeyKind::Uuid => [0_u128, 0x0199_c7f5, u128::MAX]
                .map(|id| uuid::Uuid::from_u128(id).as_hyphenated().to_string())
                .to_vec(),
        };
        texts
            .into_iter()
            .map(|text| EncodedId::encode(&KeyText(text)).unwrap())
            .collect()
    }

    #[test]
    fn every_member_is_read_back() {
        for kind in [KeyKind::Text, KeyKind::Unsigned, KeyKind::Uuid] {
            for value in values() {
                for id in ids(kind) {
                    let hit = decode(kind, &encode(kind, &value, &id)).unwrap();
                    assert_eq!((&hit.value, &hit.id), (&value, &id));
                }
            }
        }
    }

    #[test]
    fn s22_members_sort_by_value_then_by_path() {
        for kind in [KeyKind::Text, KeyKind::Unsigned, KeyKind::Uuid] {
            let mut entries: Vec<_> = values()
                .into_iter()
                .flat_map(|value| ids(kind).into_iter().map(move |id| (value.clone(), id)))
                .collect();
            let mut by_member = entries.clone();
            by_member.sort_by_key(|(value, id)| encode(kind, value, id));
            entries.sort_by_key(|(value, id)| (value.clone(), format!("{id}.json")));
            assert_eq!(by_member, entries);
        }
    }

    #[test]
    fn bytes_that_are_no_member_are_refused() {
        for bytes in [
            &b""[..],
            b"\x00",
            b"\x04abc",
            b"\x09a.json",
            b"\x03a.json",
            b"\x00a",
            b"\x04a\x00\x01a.json",
        ] {
            for kind in [KeyKind::Text, KeyKind::Unsigned, KeyKind::Uuid] {
                assert_eq!(decode(kind, bytes), None, "{bytes:?}");
            }
        }
    }
}
