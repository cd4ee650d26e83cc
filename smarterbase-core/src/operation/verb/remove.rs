//! `delete` and `remove`: a tombstone takes the document's place.

use std::sync::Arc;

use super::{contention, encode_key, revision_conflict, save, update};
use crate::{
    document::{Document, Stored},
    error::Result,
    format::path::EncodedId,
    operation::{
        Collection, Engine,
        change::{Base, Change},
        read::{self, Fetched},
        write::{Verdict, write},
    },
};

/// Deletes a document whatever its revision. Gives whether there was one.
pub(crate) async fn delete<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    key: &T::Key,
) -> Result<bool> {
    let id = encode_key(collection, key)?;
    delete_where::<T>(engine, collection, &id, |_| Ok(true)).await
}

/// Deletes a document while `still` says so of what is there; judged again after every lost race.
pub(crate) async fn delete_where<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    id: &EncodedId,
    still: impl Fn(&Fetched) -> Result<bool>,
) -> Result<bool> {
    engine.check_writable()?;
    let mut current = read::fetch(engine, collection, id).await?;
    for attempt in 0..engine.limits.update_attempts {
        let Some(fetched) = current.take().filter(Fetched::is_live) else {
            return Ok(false);
        };
        if !still(&fetched)? {
            return Ok(false);
        }
        let base = Base::of::<T>(collection, id, &fetched)?;
        match write(
            engine,
            collection,
            Change::delete(engine, collection, id, base),
        )
        .await?
        {
            Verdict::Written(_) => return Ok(true),
            Verdict::Lost(object) => current = update::open(collection, id, object)?,
        }
        update::back_off(engine, attempt).await;
    }
    Err(contention(collection, id, engine.limits.update_attempts))
}

/// Deletes a loaded document at the revision that it was read at. A touch or a background rewrite is no change.
pub(crate) async fn remove<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    document: &Stored<T>,
) -> Result<()> {
    let id = encode_key(collection, document.key())?;
    let conflict = || revision_conflict(collection, &id);
    let (mut base, _) = Base::of_stored(collection, &id, document)?.ok_or_else(conflict)?;
    for _ in 0..engine.limits.update_attempts {
        match write(
            engine,
            collection,
            Change::delete(engine, collection, &id, base.clone()),
        )
        .await?
        {
            Verdict::Written(_) => return Ok(()),
            Verdict::Lost(object) => {
                let current = update::open(collection, &id, object)?;
                let same = current
                    .filter(|current| save::is_only_rewritten(&base, current))
                    .ok_or_else(conflict)?;
                base = Base::of::<T>(collection, &id, &same)?;
            }
        }
    }
    Err(contention(collection, &id, engine.limits.update_attempts))
}
