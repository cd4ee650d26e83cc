//! The order of encoded values is the order of the values, ranges hold what lies inside, names come back.
#![no_main]

use std::{cmp::Ordering, ops::Bound};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use smarterbase_core::{
    document::{KeyText, Scalar},
    format::{
        Key, Nonce,
        entry::{self, EntryName, Tag},
        index_key::{EncodedValue, encode_range, encode_value},
        path::{self, EncodedId},
    },
};
use smarterbase_fuzz::SPEC;

#[derive(Arbitrary, Clone, Debug)]
enum Value {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Text(String),
    Bytes(Vec<u8>),
    Uuid([u8; 16]),
    Timestamp(i64, u32),
}

impl Value {
    fn scalar(&self) -> Scalar<'_> {
        match self {
            Self::Null => Scalar::Null,
            Self::Bool(value) => Scalar::Bool(*value),
            Self::Signed(value) => Scalar::Signed(*value),
            Self::Unsigned(value) => Scalar::Unsigned(*value),
            Self::Text(value) => Scalar::Text(value.into()),
            Self::Bytes(value) => Scalar::Bytes(value.into()),
            Self::Uuid(value) => Scalar::Uuid(*value),
            Self::Timestamp(seconds, nanoseconds) => Scalar::Timestamp(*seconds, *nanoseconds),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Signed(_) | Self::Unsigned(_) => 3,
            Self::Text(_) => 4,
            Self::Bytes(_) => 5,
            Self::Uuid(_) => 6,
            Self::Timestamp(..) => 7,
        }
    }

    fn integer(&self) -> Option<i128> {
        match self {
            Self::Signed(value) => Some(i128::from(*value)),
            Self::Unsigned(value) => Some(i128::from(*value)),
            _ => None,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Bytes(left), Self::Bytes(right)) => left.cmp(right),
            (Self::Uuid(left), Self::Uuid(right)) => left.cmp(right),
            (Self::Timestamp(s1, n1), Self::Timestamp(s2, n2)) => (s1, n1).cmp(&(s2, n2)),
            _ => (self.kind(), self.integer()).cmp(&(other.kind(), other.integer())),
        }
    }

    /// Whether it may be cut where up to four components stand: with 18 bytes kept, zero bytes counting twice.
    fn is_short(&self) -> bool {
        match self {
            Self::Text(text) => text.len() <= 9,
            Self::Bytes(bytes) => bytes.len() <= 9,
            _ => true,
        }
    }
}

#[derive(Arbitrary, Debug)]
struct Input {
    left: [Value; 4],
    right: [Value; 4],
    components: u8,
    bound: Value,
    id: String,
    base: u64,
    name: String,
}

fn encode(ordinal: u16, values: &[Value]) -> EncodedValue {
    let scalars: Vec<Scalar<'_>> = values.iter().map(Value::scalar).collect();
    encode_value(&SPEC, ordinal, &scalars)
        .expect("none of the kinds is refused")
        .expect("not unique")
}

fuzz_target!(|input: Input| {
    let count = usize::from(input.components % 4) + 1;
    let ordinal = u16::try_from(count - 1).unwrap();
    let (left, right) = (&input.left[..count], &input.right[..count]);
    let (encoded_left, encoded_right) = (encode(ordinal, left), encode(ordinal, right));
    assert!(encoded_left.0.len() <= 150);
    assert!(encoded_left == encoded_right || !encoded_right.0.starts_with(&encoded_left.0));
    if left.iter().chain(right).all(Value::is_short) {
        let expected = left
            .iter()
            .zip(right)
            .map(|(l, r)| l.compare(r))
            .find(|order| order.is_ne());
        assert_eq!(
            encoded_left.cmp(&encoded_right),
            expected.unwrap_or(Ordering::Equal)
        );
    }
    check_ranges(ordinal, left, &encoded_left, &input.bound);
    check_names(&input, encoded_left);
});

fn check_ranges(ordinal: u16, values: &[Value], encoded: &EncodedValue, bound: &Value) {
    let (last, prefix) = values.split_last().unwrap();
    let prefix: Vec<Scalar<'_>> = prefix.iter().map(Value::scalar).collect();
    let range = |lower, upper| encode_range(&SPEC, ordinal, &prefix, lower, upper).unwrap();
    let (included, excluded) = (
        || Bound::Included(bound.scalar()),
        || Bound::Excluded(bound.scalar()),
    );
    let order = last.compare(bound);
    let cases = [
        (range(included(), Bound::Unbounded), order.is_ge()),
        (range(excluded(), Bound::Unbounded), order.is_gt()),
        (
            range(Bound::Unbounded, included()),
            order.is_le() && !matches!(last, Value::Null),
        ),
        (
            range(Bound::Unbounded, excluded()),
            order.is_lt() && !matches!(last, Value::Null),
        ),
        (range(included(), included()), order.is_eq()),
        (range(Bound::Unbounded, Bound::Unbounded), true),
    ];
    for (range, is_inside) in cases {
        assert!(range.contains(&encoded.0) || !is_inside);
        if bound.is_short() {
            assert_eq!(range.contains(&encoded.0), is_inside);
        }
    }
}

fn check_names(input: &Input, value: EncodedValue) {
    let prefix = path::entries("fuzzed", "a-00000000");
    let _ = EntryName::parse(
        &prefix,
        &Key::from_stored(format!("{prefix}{}", input.name)),
    );
    if let Some(id) = EncodedId::parse(&input.name) {
        assert_eq!(EncodedId::encode(&id.decode()).unwrap(), id);
    }
    let Ok(id) = EncodedId::encode(&KeyText(input.id.clone())) else {
        return;
    };
    let tag = Tag::new(input.base, Nonce::from_random([7; 13]), &value);
    let name = EntryName { value, id, tag };
    let key = name.key("fuzzed", "a-00000000");
    assert!(key > entry::seek(&prefix, &name.value.0));
    assert_eq!(EntryName::parse(&prefix, &key), Some(name));
}
