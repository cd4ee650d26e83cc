//! `delete` and `remove`: a tombstone takes the document's place.

use std::sync::Arc;

use super::{contention, encode_key, save, update};
use crate::{
    document::{Document, Stored},
    error::Result,
    format::path::EncodedId,
    operation::{
        Collection, View,
        change::{Base, Change, origin},
        read::{self, Fetched},
        write::{Verdict, write},
    },
};

/// Deletes a document while `still` says so of what is there; judged again after every lost race. Gives whether there was
/// one.
pub(crate) async fn delete_where<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
    still: impl Fn(&Fetched) -> Result<bool>,
) -> Result<bool> {
    view.check_writable()?;
    let mut current = read::fetch_to_replace(view, collection, id).await?;
    for attempt in 0..view.limits.update_attempts {
        let Some(fetched) = read::live(collection, id, current.take())? else {
            return Ok(false);
        };
        if !still(&fetched)? {
            return Ok(false);
        }
        let base = Base::of::<T>(collection, id, &fetched)?;
        match write(view, collection, Change::delete(view, collection, id, base)).await? {
            Verdict::Written(_) => return Ok(true),
            Verdict::Lost(object) => current = read::reopen(view, collection, id, object).await?,
        }
        update::back_off(view, attempt).await;
    }
    Err(contention(collection, id, view.limits.update_attempts))
}

/// Deletes a loaded document at the revision that it was read at. A touch or a background rewrite is no change.
pub(crate) async fn remove<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    document: &Stored<T>,
) -> Result<()> {
    let id = encode_key(collection, document.key())?;
    let (mut fetched, is_known) = origin(collection, &id, document)?;
    if !is_known {
        fetched = save::again(view, collection, &id, &fetched).await?;
    }
    for _ in 0..view.limits.update_attempts {
        let base = Base::of::<T>(collection, &id, &fetched)?;
        let change = Change::delete(view, collection, &id, base);
        match write(view, collection, change).await? {
            Verdict::Written(_) => return Ok(()),
            Verdict::Lost(object) => {
                let current = read::reopen(view, collection, &id, object).await?;
                fetched = save::still(collection, &id, &fetched, current)?;
            }
        }
    }
    Err(contention(collection, &id, view.limits.update_attempts))
}
