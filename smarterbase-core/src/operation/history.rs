//! History: what a document was before it was what it is.
//!
//! A version that is about to be replaced is copied first, beside the announcements, so there are no gaps. A copy whose write
//! was lost or never came is one of a version that is still current: reading history tells them apart by the write id.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    Collection, Engine,
    change::Change,
    engine::store_failure,
    published,
    read::{self, Fetched, at},
};
use crate::{
    document::{Document, Stored, Timestamp},
    error::{Code, Error, Result},
    format::{Envelope, Key, Nonce, path, path::EncodedId},
    port::StoreError,
    protocol::KeepMachine,
};

/// Whether a change replaces something that its type keeps.
pub(crate) fn keeps(collection: &Collection, change: &Change) -> bool {
    collection.spec.keeps_history && replaced(change).is_some()
}

/// Copies what a change replaces. Whatever becomes of the change, the copy is true.
///
/// # Errors
/// The store failed: nothing may be replaced.
pub(crate) async fn keep(
    engine: &Engine,
    collection: &Collection,
    change: &Change,
) -> Result<(), StoreError> {
    let Some(base) = replaced(change).filter(|_| collection.spec.keeps_history) else {
        return Ok(());
    };
    let (rev, write) = (base.envelope().rev, base.envelope().write);
    let key = path::replaced(collection.name(), &change.id, rev, write);
    engine.drive(KeepMachine::new(key, base.bytes)).await
}

/// A tombstone or a stub has nothing to keep.
fn replaced(change: &Change) -> Option<Fetched> {
    let base = change.base.as_ref()?;
    let fetched = Fetched::from(base.settled.clone());
    fetched.is_live().then_some(fetched)
}

/// Every version of a document, the oldest first; the current one, if it lives, is the last.
///
/// The current one is read first: what replaces it meanwhile keeps it, so that no version is missing that was there before.
pub(crate) async fn load<T: Document>(
    engine: &Arc<Engine>,
    collection: &Collection,
    id: &EncodedId,
) -> Result<Vec<Stored<T>>> {
    published::agree(engine, collection).await?;
    let current = read::peek(engine, collection.key(id)).await;
    let current = current.map_err(|error| at(collection, id, error))?;
    let mut versions: BTreeMap<Place, Stored<T>> = BTreeMap::new();
    let reading = stream::iter(copies(engine, collection, id).await?)
        .map(|key| async move { read::peek(engine, key).await })
        .buffer_unordered(engine.limits.concurrent_reads);
    let read: Vec<Option<Fetched>> = reading
        .try_collect()
        .await
        .map_err(|error| at(collection, id, error))?;
    for fetched in read.into_iter().flatten().chain(current) {
        if fetched.is_live() {
            let place = Place::of(fetched.envelope());
            versions.insert(place, read::decode(collection, id, fetched)?);
        }
    }
    Ok(versions.into_values().collect())
}

/// Where a version stands in a history. An id may live again, counting from 1: then its lives differ in when they began.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    created: Option<Timestamp>,
    rev: u64,
    write: Nonce,
}

impl Place {
    fn of(envelope: &Envelope) -> Self {
        Self {
            created: envelope.created,
            rev: envelope.rev,
            write: envelope.write,
        }
    }
}

/// The paths of the copies, at most as many as one call may collect.
async fn copies(engine: &Engine, collection: &Collection, id: &EncodedId) -> Result<Vec<Key>> {
    let most = engine.limits.collect;
    let prefix = path::history(collection.name(), id);
    let mut keys: Vec<Key> = Vec::new();
    loop {
        let page = engine.store.list(&prefix, keys.last(), 1_000).await;
        let page = page.map_err(|error| at(collection, id, store_failure(error)))?;
        keys.extend(page.objects.into_iter().map(|listed| listed.key));
        if keys.len() >= most {
            let text =
                format!("there are {most} older versions or more; raise `collect` to read them");
            return Err(at(collection, id, Error::new(Code::TOO_MANY, text)));
        }
        if !page.has_more {
            return Ok(keys);
        }
    }
}
