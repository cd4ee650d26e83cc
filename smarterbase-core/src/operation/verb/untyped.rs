//! The verbs on documents without their type: JSON goes in and out, by the same protocol.

use serde_json::Value;

use super::{contention, encode_key, not_found, revision_conflict, save, update};
use crate::{
    document::KeyKind,
    error::{Code, Error, Result},
    format::{
        json::{self, ObjectWriter},
        path::EncodedId,
        schema::UntypedFacts,
        stored_type,
    },
    operation::{
        Collection, View,
        change::Change,
        read::{self, Fetched},
        untyped::{self, Members, Untyped, invalid},
        write::{Verdict, Written, write},
    },
};

/// Creates a document that must not be there yet. A missing UUID is made.
pub(crate) async fn create(
    view: &View,
    untyped: &Untyped,
    mut members: Members,
) -> Result<(EncodedId, Written)> {
    let collection = &untyped.collection;
    let facts = untyped.check_writable(view)?;
    let id = key_of_new(view, collection, &mut members)?;
    let body = judged(untyped, facts, None, &mut members)
        .map_err(|error| read::at(collection, &id, error))?;
    let mut base = None;
    for _ in 0..view.limits.update_attempts {
        let entries = untyped.entries(&members)?;
        let change = Change::of_body(
            view,
            collection,
            &id,
            base.take(),
            body.clone().into(),
            entries,
        )?;
        match write(view, collection, change).await? {
            Verdict::Written(written) => return Ok((id, written)),
            Verdict::Lost(object) => {
                let found = read::reopen(view, collection, &id, object).await?;
                if read::live(collection, &id, found.clone())?.is_some() {
                    let exists = Error::new(Code::EXISTS, "a document with this id exists");
                    return Err(read::at(collection, &id, exists));
                }
                base = found.map(|grave| untyped.base(&id, &grave)).transpose()?;
            }
        }
    }
    Err(contention(collection, &id, view.limits.update_attempts))
}

/// Writes other members in the place of a loaded document, if nobody changed it since. `None`: it has them already.
pub(crate) async fn save(
    view: &View,
    untyped: &Untyped,
    id: &EncodedId,
    loaded: (Fetched, bool),
    mut members: Members,
) -> Result<Option<Written>> {
    let collection = &untyped.collection;
    let facts = untyped.check_writable(view)?;
    check_key(collection, id, &mut members)?;
    let mut fetched = current(view, collection, id, loaded).await?;
    let before = untyped::members(collection, id, &fetched)?;
    // A document of another version is refused also where nothing would change.
    untyped.base(id, &fetched)?;
    if same(collection, &before, &members) {
        return Ok(None);
    }
    let body = judged(untyped, facts, Some((&before, &fetched)), &mut members)
        .map_err(|error| read::at(collection, id, error))?;
    for _ in 0..view.limits.update_attempts {
        let base = Some(untyped.base(id, &fetched)?);
        let entries = untyped
            .entries(&members)
            .map_err(|error| read::at(collection, id, error))?;
        let change = Change::of_body(view, collection, id, base, body.clone().into(), entries)?;
        match write(view, collection, change).await? {
            Verdict::Written(written) => return Ok(Some(written)),
            Verdict::Lost(object) => {
                let current = read::reopen(view, collection, id, object).await?;
                fetched = save::still(collection, id, &fetched, current)?;
            }
        }
    }
    Err(contention(collection, id, view.limits.update_attempts))
}

/// Deletes a loaded document, if nobody changed it since.
pub(crate) async fn remove(
    view: &View,
    untyped: &Untyped,
    id: &EncodedId,
    loaded: (Fetched, bool),
) -> Result<()> {
    let collection = &untyped.collection;
    untyped.check_writable(view)?;
    let mut fetched = current(view, collection, id, loaded).await?;
    for _ in 0..view.limits.update_attempts {
        let base = untyped.base(id, &fetched)?;
        let change = Change::delete(view, collection, id, base);
        match write(view, collection, change).await? {
            Verdict::Written(_) => return Ok(()),
            Verdict::Lost(object) => {
                let current = read::reopen(view, collection, id, object).await?;
                fetched = save::still(collection, id, &fetched, current)?;
            }
        }
    }
    Err(contention(collection, id, view.limits.update_attempts))
}

/// Deletes a document whatever its revision; gives whether there was one.
pub(crate) async fn delete(view: &View, untyped: &Untyped, id: &EncodedId) -> Result<bool> {
    let collection = &untyped.collection;
    untyped.check_writable(view)?;
    let mut current = read::fetch_to_replace(view, collection, id).await?;
    for attempt in 0..view.limits.update_attempts {
        let Some(fetched) = read::live(collection, id, current.take())? else {
            return Ok(false);
        };
        let base = untyped.base(id, &fetched)?;
        match write(view, collection, Change::delete(view, collection, id, base)).await? {
            Verdict::Written(_) => return Ok(true),
            Verdict::Lost(object) => current = read::reopen(view, collection, id, object).await?,
        }
        update::back_off(view, attempt).await;
    }
    Err(contention(collection, id, view.limits.update_attempts))
}

/// A document that is to be replaced at a revision which somebody remembers.
pub(crate) async fn at_revision(
    view: &View,
    untyped: &Untyped,
    id: &EncodedId,
    revision: u64,
) -> Result<(Fetched, bool)> {
    let collection = &untyped.collection;
    let fetched = read::fetch_to_replace(view, collection, id).await?;
    let live = read::live(collection, id, fetched)?.ok_or_else(|| not_found(collection, id))?;
    if live.envelope().rev != revision {
        return Err(revision_conflict(collection, id));
    }
    let is_known = live.settled.is_decided();
    Ok((live, is_known))
}

/// The loaded document as it can be replaced. The flag says whether its version is known: see the typed verb.
async fn current(
    view: &View,
    collection: &Collection,
    id: &EncodedId,
    (mut loaded, is_known): (Fetched, bool),
) -> Result<Fetched> {
    loaded.settled.bears_intent = true; // Perhaps; then a fence must leave what was committed.
    match is_known {
        true => Ok(loaded),
        false => save::again(view, collection, id, &loaded).await,
    }
}

/// The members are those of the stored document; the key may be missing on either side.
fn same(collection: &Collection, before: &Members, after: &Members) -> bool {
    let key = collection.spec.key_field;
    let mut before = before.clone();
    if let (None, Some(value)) = (before.get(key), after.get(key)) {
        before.insert(key.to_owned(), value.clone());
    }
    before == *after
}

/// Checks what changes, and gives the JSON text: members that stay as they were keep their text, to the last digit.
fn judged(
    untyped: &Untyped,
    facts: &UntypedFacts,
    before: Option<(&Members, &Fetched)>,
    members: &mut Members,
) -> Result<Vec<u8>> {
    let stored = before.map(|(members, _)| members);
    for (name, value) in members.iter() {
        let stays = stored.is_some_and(|stored| stored.get(name) == Some(value));
        if !stays {
            judge(facts, name, value)?;
        }
    }
    let was_missing = |name: &String| stored.is_some_and(|stored| !stored.contains_key(name));
    for (name, ty) in &facts.types {
        if !members.contains_key(name) && !ty.is_optional() && !was_missing(name) {
            return Err(invalid(name, "is missing"));
        }
    }
    complete(&untyped.collection, facts, members);
    Ok(text(before.map(|(_, fetched)| fetched), members))
}

fn judge(facts: &UntypedFacts, name: &str, value: &Value) -> Result<()> {
    if name.starts_with("_sb") {
        let text =
            "the document has a member starting with `_sb`; these names belong to the format";
        return Err(Error::new(Code::INVALID, text));
    }
    let mut aliases = facts.aliases.iter();
    if let Some((field, _)) = aliases.find(|(_, aliases)| aliases.iter().any(|alias| alias == name))
    {
        return Err(invalid(field, "is to be written by this name"));
    }
    match facts.types.get(name) {
        Some(ty) => stored_type::fits(ty, value).map_err(|misfit| {
            invalid(
                &format!("{name}{}", misfit.path),
                "is not what its type says",
            )
        }),
        None if facts.denies_unknown => Err(Error::new(
            Code::INVALID,
            "the document has a member that its type does not have, and the type takes none",
        )),
        None => Ok(()),
    }
}

/// A missing optional value that is indexed is written as null, as the type would write it: what the type makes of a missing
/// one is its own affair.
fn complete(collection: &Collection, facts: &UntypedFacts, members: &mut Members) {
    let components = collection
        .spec
        .indexes
        .iter()
        .flat_map(|index| index.components);
    for component in components {
        let is_optional = |ty: &stored_type::StoredType| ty.is_optional();
        if !members.contains_key(component.field)
            && facts.types.get(component.field).is_some_and(is_optional)
        {
            members.insert(component.field.to_owned(), Value::Null);
        }
    }
}

/// The JSON text of the members, in the order that they are stored in; new ones come last.
fn text(before: Option<&Fetched>, members: &Members) -> Vec<u8> {
    let stored = before.map(|fetched| json::Members::read(&fetched.settled.opened.body));
    let stored = stored.and_then(std::result::Result::ok);
    let stored = stored.map(|stored| stored.0).unwrap_or_default();
    let mut body = ObjectWriter::default();
    let is_last = |position: usize, name: &String| {
        !stored[position + 1..]
            .iter()
            .any(|(later, _)| later == name)
    };
    for (position, (name, raw)) in stored.iter().enumerate() {
        if let Some(value) = members.get(name).filter(|_| is_last(position, name)) {
            let stays = serde_json::from_str::<Value>(raw.get()).is_ok_and(|was| was == *value);
            match stays {
                true => body.push(name, raw.get()),
                false => body.push(name, &value.to_string()),
            }
        }
    }
    let is_new = |name: &String| !stored.iter().any(|(known, _)| known == name);
    for (name, value) in members.iter().filter(|(name, _)| is_new(name)) {
        body.push(name, &value.to_string());
    }
    body.finish()
}

/// The id of a new document, from its key; a UUID is made where there is none.
fn key_of_new(view: &View, collection: &Collection, members: &mut Members) -> Result<EncodedId> {
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
fn check_key(collection: &Collection, id: &EncodedId, members: &mut Members) -> Result<()> {
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
    use uuid::Uuid;
    match kind {
        KeyKind::Text => encode_key(collection, &text.to_owned()),
        KeyKind::Uuid => {
            let uuid = <Uuid as crate::document::DocumentKey>::from_text(text);
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

/// A document as it was just written.
pub(crate) fn fetched(written: Written) -> Result<(Fetched, bool)> {
    let opened = crate::format::envelope::open(&written.bytes)?;
    let is_known = written.version.is_some();
    let settled = crate::protocol::Settled {
        version: written.version.unwrap_or_default(),
        opened,
        bears_intent: true,
    };
    let bytes = written.bytes;
    Ok((Fetched { settled, bytes }, is_known))
}
