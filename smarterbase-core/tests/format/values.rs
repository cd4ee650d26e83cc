//! Readable lines of index values, as they stand in fixtures and in the documentation.

use data_encoding::HEXLOWER;
use smarterbase_core::{document::Scalar, format::index_key::encode_value};

use crate::sample::SPEC;

/// Checks a line `<component> + <component> => <hex>`.
#[track_caller]
pub(crate) fn check(line: &str) {
    let (components, expected) = line.split_once(" => ").expect("`components => hex`");
    assert_eq!(encode(components), expected.trim(), "{line}");
}

/// The hex of the value with these components, in an index that has as many.
pub(crate) fn encode(components: &str) -> String {
    let components: Vec<Scalar<'_>> = components.trim().split(" + ").map(scalar).collect();
    let ordinal = u16::try_from(components.len() - 1).unwrap();
    let value = encode_value(&SPEC, ordinal, &components).unwrap().unwrap();
    HEXLOWER.encode(&value.0)
}

/// `null`, `bool true`, `signed -1`, `unsigned 1`, `float 1.5`, `text "…"`, `text "x" * 97`, `bytes 00ff`, `uuid …`,
/// `timestamp <seconds> <nanoseconds>`.
fn scalar(text: &str) -> Scalar<'static> {
    let (kind, value) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    match kind {
        "null" => Scalar::Null,
        "bool" => Scalar::Bool(value.parse().unwrap()),
        "signed" => Scalar::Signed(value.parse().unwrap()),
        "unsigned" => Scalar::Unsigned(value.parse().unwrap()),
        "float" => Scalar::Float(value.parse().unwrap()),
        "text" => Scalar::Text(repeated(value).into()),
        "bytes" => Scalar::Bytes(HEXLOWER.decode(value.as_bytes()).unwrap().into()),
        "uuid" => Scalar::Uuid(*uuid::Uuid::try_parse(value).unwrap().as_bytes()),
        "timestamp" => {
            let (seconds, nanoseconds) = value.split_once(' ').unwrap();
            Scalar::Timestamp(seconds.parse().unwrap(), nanoseconds.parse().unwrap())
        }
        other => panic!("{other} is no kind of value"),
    }
}

fn repeated(value: &str) -> String {
    let (text, count) = value.split_once(" * ").unwrap_or((value, "1"));
    let text: String = serde_json::from_str(text).unwrap();
    text.repeat(count.parse().unwrap())
}
