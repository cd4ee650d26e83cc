//! The body of a document: the user's JSON, its unknown members and its id.

mod trouble;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::json::{Members, ObjectWriter};
use crate::{
    document::{Document, DocumentKey, DocumentSpec, KeyKind, UnknownMembers as OnUnknown},
    error::{Code, Error, Result},
};

/// A member of the stored JSON that the type does not have, kept as text.
pub type UnknownMembers = Vec<(String, Box<RawValue>)>;

/// The start of the names that belong to the format.
const RESERVED: &str = "_sb";

/// The top-level members of `body` that are neither stored names nor aliases of the type, in stored order; none for a type
/// that drops them. Of a name that occurs twice, the last one counts, as it does for most readers of JSON.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt): not a JSON object.
pub fn unknown_members(spec: &DocumentSpec, body: &[u8]) -> Result<UnknownMembers> {
    let mut unknown = UnknownMembers::new();
    if spec.unknown == OnUnknown::Drop {
        return Ok(unknown);
    }
    let members = read_members(body)?;
    for (name, value) in members.0 {
        if is_known(spec, &name) {
            continue;
        }
        unknown.retain(|(earlier, _)| *earlier != name);
        unknown.push((name, value.to_owned()));
    }
    Ok(unknown)
}

/// Refuses a body with members that the type does not have, if the type wants that.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt): it has one, or is not a JSON object.
pub fn check_known(spec: &DocumentSpec, body: &[u8]) -> Result<()> {
    if spec.unknown != OnUnknown::Deny {
        return Ok(());
    }
    let members = read_members(body)?;
    let unknown = members.0.iter().find(|(name, _)| !is_known(spec, name));
    unknown.map_or(Ok(()), |(name, _)| {
        let text = format!(
            "the document has a member `{}`, which `{}` does not have",
            name.escape_debug(),
            spec.type_name
        );
        Err(Error::new(Code::CORRUPT, text))
    })
}

/// Whether the name belongs to the type (rule S28): by its stored names and those that a past step took away, never by what
/// it happens to serialize.
fn is_known(spec: &DocumentSpec, name: &str) -> bool {
    let is_of_field =
        |field: &crate::document::FieldSpec| field.name == name || field.aliases.contains(&name);
    let adopt = spec.history.policy.adopt;
    name == spec.key_field
        || spec.fields.iter().any(is_of_field)
        || spec.history.retired(name)
        || adopt.is_some_and(|adoption| adoption.version_field == name)
}

/// The JSON text of a document with its unknown members after its own. Where both have a name, the type's member wins.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid): it does not serialize to a JSON object, has a member starting with `_sb`, or
/// holds a number that JSON cannot write (`NaN`, infinite), so that it could not be read again.
pub fn encode<T: Document>(value: &T, unknown: &UnknownMembers) -> Result<Bytes> {
    let own = serde_json::to_string(value)
        .map_err(|_| Error::new(Code::INVALID, "the document does not serialize to JSON"))?;
    check_readable::<T>(&own)?;
    // serde_json writes `_` as it is, so a reserved name cannot hide behind an escape.
    if own.starts_with('{') && unknown.is_empty() && !own.contains("\"_sb") {
        return Ok(own.into());
    }
    merge(&own, unknown)
}

/// serde_json writes `NaN` and infinities as `null`, which would make the document unreadable: better to say so now.
fn check_readable<T: Document>(own: &str) -> Result<()> {
    if own.contains("null") && serde_json::from_str::<T>(own).is_err() {
        return Err(Error::new(
            Code::INVALID,
            "the document could not be read back (a number that is NaN or infinite is written as null)",
        ));
    }
    Ok(())
}

fn merge(own: &str, unknown: &UnknownMembers) -> Result<Bytes> {
    let members = Members::read(own.as_bytes())
        .map_err(|_| Error::new(Code::INVALID, "the document is not a JSON object"))?;
    let mut body = ObjectWriter::default();
    let foreign = unknown
        .iter()
        .filter(|(name, _)| !members.has(name))
        .map(|(name, value)| (name, &**value));
    for (name, value) in members
        .0
        .iter()
        .map(|(name, value)| (name, *value))
        .chain(foreign)
    {
        refuse_reserved(name)?;
        body.push(name, value.get());
    }
    Ok(body.finish().into())
}

fn refuse_reserved(name: &str) -> Result<()> {
    if name.starts_with(RESERVED) {
        return Err(Error::new(
            Code::INVALID,
            "the document has a member starting with `_sb`; these names belong to the format",
        ));
    }
    Ok(())
}

/// Decodes a body. A body without the key field gets it from `key`, the id of its path.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt): not the JSON that the type says (`SB-CORRUPT`), or with another id than its
/// path's (`SB-CORRUPT-ID`). The message holds the place, never a value.
pub fn decode<T: Document>(body: &[u8], key: &T::Key) -> Result<T> {
    match serde_json::from_slice::<T>(body) {
        Ok(document) if document.key() == key => Ok(document),
        Ok(_) => match with_key::<T>(body, key)? {
            Some(completed) => decode_completed(&completed, key),
            None => Err(other_id()),
        },
        Err(error) => match with_key::<T>(body, key)? {
            Some(completed) => decode_completed(&completed, key),
            None => Err(trouble::explain(T::SPEC, body, &error)),
        },
    }
}

fn decode_completed<T: Document>(body: &[u8], key: &T::Key) -> Result<T> {
    let document: T =
        serde_json::from_slice(body).map_err(|error| trouble::explain(T::SPEC, body, &error))?;
    if document.key() == key {
        Ok(document)
    } else {
        Err(other_id())
    }
}

fn other_id() -> Error {
    Error::new(Code::CORRUPT_ID, "the body has another id than its path")
}

/// The body with the key field in front; `None` when it has one already.
fn with_key<T: Document>(body: &[u8], key: &T::Key) -> Result<Option<Vec<u8>>> {
    let members = read_members(body)?;
    let aliases = T::SPEC
        .fields
        .iter()
        .find(|field| field.name == T::SPEC.key_field)
        .map_or(&[][..], |field| field.aliases);
    if members.has(T::SPEC.key_field) || aliases.iter().any(|alias| members.has(alias)) {
        return Ok(None);
    }
    let mut completed = ObjectWriter::default();
    completed.push(T::SPEC.key_field, &key_json(key));
    for (name, value) in &members.0 {
        completed.push(name, value.get());
    }
    Ok(Some(completed.finish()))
}

/// A key as the type's JSON has it: an unsigned one is a number, every other one is text.
fn key_json<K: DocumentKey>(key: &K) -> String {
    let text = key.to_text().0;
    match K::KIND {
        KeyKind::Unsigned => {
            let digits = text.trim_start_matches('0');
            if digits.is_empty() { "0" } else { digits }.to_owned()
        }
        KeyKind::Uuid | KeyKind::Text => serde_json::Value::String(text).to_string(),
    }
}

fn read_members(body: &[u8]) -> Result<Members<'_>> {
    Members::read(body).map_err(|error| super::json::corrupt("the body", &error))
}
