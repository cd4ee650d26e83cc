//! The verbs on documents without their type: JSON goes in and out, by the same protocol.

mod body;
mod key;

pub(crate) use key::encode_text;

use super::{contention, not_found, revision_conflict, save, update};
use crate::{
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{
        Collection, View,
        change::Change,
        read::{self, Fetched},
        untyped::{self, Members, Untyped},
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
    let id = key::of_new(view, collection, &mut members)?;
    let body = body::judged(untyped, facts, None, &mut members)
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
    key::check(collection, id, &mut members)?;
    let mut fetched = current(view, collection, id, loaded).await?;
    let before = untyped::members(collection, id, &fetched)?;
    // A document of another version is refused also where nothing would change.
    untyped.base(id, &fetched)?;
    if same(collection, &before, &members) {
        return Ok(None);
    }
    let body = body::judged(untyped, facts, Some((&before, &fetched)), &mut members)
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
