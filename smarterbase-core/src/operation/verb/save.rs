//! `save` and `reload`: a loaded document goes back, at the revision that it was read at.

use std::sync::Arc;

use super::{encode_key, not_found, revision_conflict, validate};
use crate::{
    document::{Document, Stored, stored::Origin},
    error::Result,
    format::{body, path::EncodedId},
    operation::{
        Collection, View,
        change::{Base, Change, only_rewrites_since, origin},
        read::{self, Fetched},
        write::{Verdict, Written, write},
    },
};

/// Saves a document by compare-and-swap. An unchanged one writes nothing. After nothing but background rewrites it tries
/// again by itself (rule S21).
pub(crate) async fn save<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    document: &mut Stored<T>,
) -> Result<()> {
    validate(collection, &**document)?;
    let id = encode_key(collection, document.key())?;
    let (mut fetched, is_known) = origin(collection, &id, document)?;
    check_expected(collection, &id, &fetched, &**document)?;
    if !is_known {
        fetched = again(view, collection, &id, &fetched).await?;
    }
    for _ in 0..view.limits.update_attempts {
        let unknown = read::unknown_members(collection, &id, &fetched)?;
        if body::encode(&**document, &unknown)? == fetched.settled.opened.body {
            return Ok(());
        }
        view.moment(view.now(), false, |moment| document.stamp(moment));
        let base = Some(Base::of::<T>(collection, &id, &fetched)?);
        let change = Change::write(view, collection, &id, base, &**document, &unknown)?;
        match write(view, collection, change).await? {
            Verdict::Written(written) => {
                renew(document, written);
                return Ok(());
            }
            Verdict::Lost(object) => {
                let current = read::reopen(view, collection, &id, object).await?;
                fetched = still(collection, &id, &fetched, current)?;
            }
        }
    }
    Err(super::contention(
        collection,
        &id,
        view.limits.update_attempts,
    ))
}

/// Reads a document whose version is not known, if it is still the one that was loaded.
pub(crate) async fn again(
    view: &View,
    collection: &Collection,
    id: &EncodedId,
    loaded: &Fetched,
) -> Result<Fetched> {
    let current = read::fetch_to_replace(view, collection, id).await?;
    still(collection, id, loaded, current)
}

/// What is there now, if it only was touched (a fence, a transaction that came to nothing) or rewritten in the background
/// since it was loaded.
pub(crate) fn still(
    collection: &Collection,
    id: &EncodedId,
    loaded: &Fetched,
    current: Option<Fetched>,
) -> Result<Fetched> {
    let read = loaded.envelope();
    let is_same = |current: &Fetched| {
        current.is_live() && only_rewrites_since(read.rev, read.write, current.envelope())
    };
    current
        .filter(is_same)
        .ok_or_else(|| revision_conflict(collection, id))
}

fn renew<T: Document>(document: &mut Stored<T>, written: Written) {
    document.set_revision(written.envelope.rev);
    let meta = read::meta(&written.envelope, written.bytes.len());
    document.renew(
        meta,
        Origin {
            version: written.version,
            bytes: written.bytes,
        },
    );
}

/// A `#[field(revision)]` that came back from a client must still be the one that was read.
fn check_expected<T: Document>(
    collection: &Collection,
    id: &EncodedId,
    fetched: &Fetched,
    value: &T,
) -> Result<()> {
    match value.expected_revision() {
        Some(expected) if expected != fetched.envelope().rev => {
            Err(revision_conflict(collection, id))
        }
        _ => Ok(()),
    }
}

/// Reads the document again.
pub(crate) async fn reload<T: Document>(
    view: &View,
    collection: &Collection,
    document: &mut Stored<T>,
) -> Result<()> {
    let id = encode_key(collection, document.key())?;
    *document = read::load(view, collection, &id)
        .await?
        .ok_or_else(|| not_found(collection, &id))?;
    Ok(())
}
