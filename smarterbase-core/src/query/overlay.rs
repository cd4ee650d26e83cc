//! What a transaction wrote itself, among what a query finds in the store.

use std::{collections::VecDeque, sync::Arc};

use super::{
    selection::{Place, Selection},
    walk::Found,
};
use crate::{
    document::{Document, Stored},
    error::Result,
    format::path::EncodedId,
    operation::{Collection, View, read},
};

/// Ids compare as `<id>.json` (rule S22).
pub(crate) fn name(id: &EncodedId) -> String {
    format!("{id}.json")
}

/// The documents that the transaction wrote after `after`, in the order of ids; none outside of a transaction.
pub(crate) fn ids_after(
    view: &View,
    collection: &Collection,
    after: Option<&EncodedId>,
) -> Result<VecDeque<EncodedId>> {
    let Some(attempt) = view.attempt() else {
        return Ok(VecDeque::new());
    };
    let after = after.map(name);
    let written = attempt.written(collection)?;
    let mut ids: Vec<EncodedId> = written.into_iter().map(|write| write.change.id).collect();
    ids.retain(|id| after.as_ref().is_none_or(|after| name(id) > *after));
    ids.sort_by_cached_key(name);
    Ok(ids.into())
}

/// Adds the matching documents that the transaction wrote to what was found strictly after `after`, in order, at most
/// `most` in all.
pub(crate) fn add_own<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    selection: &Selection<'_, T>,
    after: Option<&Place>,
    most: usize,
    found: &mut Vec<Found<T>>,
) -> Result<()> {
    let own = matches::<T>(view, collection, selection)?;
    if own.is_empty() {
        return Ok(());
    }
    for (document, place) in own {
        let comes_after = after.is_none_or(|after| selection.precedes(after, &place));
        let is_there = found.iter().any(|found| found.place.id == place.id);
        if comes_after && !is_there {
            found.push(Found { document, place });
        }
    }
    found.sort_by_cached_key(|found| found.place.sort_key());
    if selection.descending {
        found.reverse();
    }
    found.truncate(most);
    Ok(())
}

/// The documents that the transaction wrote and that match; none outside of a transaction.
pub(crate) fn matches<T: Document>(
    view: &View,
    collection: &Collection,
    selection: &Selection<'_, T>,
) -> Result<Vec<(Stored<T>, Place)>> {
    let Some(attempt) = view.attempt() else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for write in attempt.written(collection)? {
        let fetched = write.fetched();
        if !fetched.is_live() {
            continue;
        }
        let document = read::decode::<T>(collection, &write.change.id, fetched)?;
        if let Some(place) = selection.place(&document, &write.change.id)? {
            found.push((document, place));
        }
    }
    Ok(found)
}
