//! Splits an object at the end of its first member, without parsing what follows.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::value::RawValue;

use super::{Envelope, MEMBER, text};
use crate::{
    error::{Code, Error, Result},
    format::json,
};

/// The envelope and the text that follows it, when `_sb` is the first member and there can be no second one. `None` sends
/// the object to the slow path.
pub(super) fn first_member(object: &str) -> Option<(Result<Envelope>, &str)> {
    let value = after_name(object)?;
    let (envelope, end) = match text::read_first(value) {
        Some((envelope, end)) => (envelope, end),
        None => match raw_first(value)? {
            Err(error) => return Some((Err(json::corrupt("the envelope", &error)), "")),
            Ok((envelope, end)) => (text::read(envelope), end),
        },
    };
    let rest = &value[end..];
    (!may_name_envelope(rest)).then_some((envelope, rest))
}

/// The first value as text, and where it ends.
fn raw_first(value: &str) -> Option<serde_json::Result<(&RawValue, usize)>> {
    let mut values = serde_json::Deserializer::from_str(value).into_iter::<&RawValue>();
    let first = values.next()?;
    Some(first.map(|first| (first, values.byte_offset())))
}

/// What follows `{"_sb":`, white space allowed.
fn after_name(text: &str) -> Option<&str> {
    let inside = skip_blank(text).strip_prefix('{')?;
    let name = skip_blank(inside).strip_prefix('"')?;
    let quote = name.strip_prefix(MEMBER)?.strip_prefix('"')?;
    skip_blank(quote).strip_prefix(':')
}

/// Whether a member of the text could be called `_sb`, plain or with escapes. May say yes for a value.
fn may_name_envelope(text: &str) -> bool {
    // Most texts have no backslash at all, which is found out fast.
    text.contains("\"_sb\"")
        || text.contains('\\')
            && ["\\u005", "\\u007", "\\u006"]
                .iter()
                .any(|escape| text.contains(escape))
}

/// The body as an object of its own: the comma after the envelope becomes the opening brace.
pub(super) fn body(rest: &str) -> Result<Bytes> {
    let rest = json::trim(rest.as_bytes());
    match (rest.strip_prefix(b","), rest) {
        (Some(members), _) if has_member(members) => Ok(with_brace(members)),
        (None, b"}") => Ok(Bytes::from_static(b"{}")),
        _ => Err(Error::new(
            Code::CORRUPT,
            "the object does not end as a JSON object does",
        )),
    }
}

/// Whether the text begins with a name and ends with a brace.
fn has_member(members: &[u8]) -> bool {
    json::trim(members).starts_with(b"\"") && members.ends_with(b"}")
}

fn with_brace(members: &[u8]) -> Bytes {
    let mut body = BytesMut::with_capacity(members.len() + 1);
    body.put_u8(b'{');
    body.put_slice(members);
    body.freeze()
}

fn skip_blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
}
