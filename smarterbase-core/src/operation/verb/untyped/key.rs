//! Keys in JSON: the key of a new document, and that a stored one keeps its own.

use serde_json::Value;
use uuid::Uuid;

use super::super::encode_key;
use crate::{
    document::{DocumentKey, KeyKind},
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{
        Collection, View, read,
        untyped::{Members, invalid},
    },
};

/// The id of a new document, from its key; a UUID is made where there is none.
pub(super) fn of_new(
    view: &View,
    collection: &Collection,
    members: &mut Members,
) -> Result<EncodedId> {
    let (field, kind) = (collection.spec.key_field, collection.spec.key_kind);
    if kind == KeyKind::Uuid && members.get(field).is_none_or(Value::is_null) {
        let uuid = view.moment(view.now(), true, |moment| moment.new_uuid());
        members.insert(field.to_owned(), Value::String(uuid.to_string()));
    }
    let text = members.get(field).and_then(|value| key_text(kind, value));
    let text = text.ok_or_else(|| invalid(field, "is not a key of this collection"))?;
    encode_text(collection, kind, &text)
}

/// A document keeps its key. A key that is left out is put back.
pub(super) fn check(collection: &Collection, id: &EncodedId, members: &mut Members) -> Result<()> {
    let (field, kind) = (collection.spec.key_field, collection.spec.key_kind);
    let plain = id.decode().0;
    let Some(value) = members.get(field) else {
        members.insert(field.to_owned(), key_value(kind, &plain));
        return Ok(());
    };
    if key_text(kind, value) == Some(plain) {
        return Ok(());
    }
    let text = "the key of a stored document must not change; create a new document instead";
    Err(read::at(collection, id, Error::new(Code::INVALID_ID, text)))
}

/// The plain text of a key in JSON.
fn key_text(kind: KeyKind, value: &Value) -> Option<String> {
    match (kind, value) {
        (KeyKind::Text | KeyKind::Uuid, Value::String(text)) => Some(text.clone()),
        (KeyKind::Unsigned, value) => value.as_u64().map(|number| format!("{number:020}")),
        _ => None,
    }
}

fn key_value(kind: KeyKind, plain: &str) -> Value {
    match kind {
        KeyKind::Text | KeyKind::Uuid => Value::String(plain.to_owned()),
        KeyKind::Unsigned => plain.parse::<u64>().map_or(Value::Null, Value::from),
    }
}

/// The encoded id of a key's plain text; of an unsigned one also without its leading zeros.
pub(crate) fn encode_text(collection: &Collection, kind: KeyKind, text: &str) -> Result<EncodedId> {
    match kind {
        KeyKind::Text => encode_key(collection, &text.to_owned()),
        KeyKind::Uuid => {
            let uuid = Uuid::from_text(text);
            encode_key(
                collection,
                &uuid.map_err(|error| error.in_collection(collection.name()))?,
            )
        }
        KeyKind::Unsigned => {
            let number = text.parse::<u64>().map_err(|_| {
                Error::new(Code::INVALID_ID, "not an unsigned integer")
                    .in_collection(collection.name())
            })?;
            encode_key(collection, &number)
        }
    }
}
