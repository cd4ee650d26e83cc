//! Writing a document of an older version again at the version of today: a background rewrite (rule S21), one
//! compare-and-swap that never overwrites somebody else's change.

use std::sync::Arc;

use super::{
    Collection, Engine, View,
    change::{Base, Change},
    read::{self, Fetched},
    write::{Verdict, write_now},
};
use crate::{
    document::{Document, Upgrade},
    error::{Code, Error, Result},
    format::{
        path::EncodedId,
        upgrade::{self, Age},
    },
};

/// How many documents of one collection are written back in the background at the same time. What is read beyond that waits
/// for its next reader.
pub(crate) const WRITE_BACKS: usize = 16;

/// Makes the change that writes a fetched document again.
pub(crate) type Rewrite = fn(&Engine, &Collection, &EncodedId, &Fetched) -> Result<Change>;

/// The document as the type of today writes it. Nobody's change: when it was updated stays as it was.
pub(crate) fn rewritten<T: Document>(
    engine: &Engine,
    collection: &Collection,
    id: &EncodedId,
    fetched: &Fetched,
) -> Result<Change> {
    let document = read::decode::<T>(collection, id, fetched.clone())?;
    again(engine, collection, id, fetched, &*document)
}

/// Without the type, nothing is migrated.
pub(crate) fn without_type(
    _: &Engine,
    collection: &Collection,
    id: &EncodedId,
    _: &Fetched,
) -> Result<Change> {
    let text = "only a program with the type migrates its documents";
    Err(read::at(
        collection,
        id,
        Error::new(Code::UNSUPPORTED_SCHEMA, text),
    ))
}

/// The same of a document that is decoded already.
pub(crate) fn again<T: Document>(
    engine: &Engine,
    collection: &Collection,
    id: &EncodedId,
    fetched: &Fetched,
    document: &T,
) -> Result<Change> {
    let base = Base::of::<T>(collection, id, fetched)?;
    let unknown = read::unknown_members(collection, id, fetched)?;
    let mut change = Change::write(engine, collection, id, Some(base), document, &unknown)?;
    change.envelope.rewrite = true;
    change.envelope.updated = fetched.envelope().updated;
    Ok(change)
}

/// How a live document stands to the program of today. Only older ones are written again.
pub(crate) fn age(collection: &Collection, fetched: &Fetched) -> Age {
    upgrade::age(collection.spec, &collection.shape, &fetched.settled.opened)
}

/// After a reader got a document: writes it back in the background, if its type wants that.
pub(crate) fn offer(view: &View, collection: &Collection, id: &EncodedId, fetched: &Fetched) {
    if collection.spec.history.policy.upgrade == Upgrade::OnRead
        || !may_be_written_back(view, collection, fetched)
    {
        return;
    }
    let shared = collection.shared();
    let Some(place) = shared.and_then(|shared| Place::take(shared, id)) else {
        return;
    };
    let (engine, fetched) = (view.engine().clone(), fetched.clone());
    view.tasks.spawn(async move {
        write_back(&engine, &place.collection, &place.id, &fetched).await;
    });
}

/// A place among the write-backs of a collection; given back also when a step of a migration panics.
struct Place {
    collection: Arc<Collection>,
    id: EncodedId,
}

impl Place {
    fn take(collection: Arc<Collection>, id: &EncodedId) -> Option<Self> {
        collection.begin_rewrite(id).then(|| Self {
            id: id.clone(),
            collection,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.collection.end_rewrite(&self.id);
    }
}

/// What a transaction sees or holds is left to it.
fn may_be_written_back(view: &View, collection: &Collection, fetched: &Fetched) -> bool {
    let settled = &fetched.settled;
    view.attempt().is_none()
        && settled.is_decided()
        && !settled.bears_intent
        && age(collection, fetched) == Age::Older
        && view.check_writable().is_ok()
        && !view.tasks.is_closed()
}

/// One attempt at exactly the version that was read. Whoever was faster has won.
async fn write_back(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    id: &EncodedId,
    fetched: &Fetched,
) {
    let written = match (collection.rewrite)(engine, collection, id, fetched) {
        Ok(change) => write_now(engine, collection, change).await,
        Err(error) => Err(error),
    };
    match written {
        Ok(Verdict::Written(_) | Verdict::Lost(_)) => {}
        Err(error) => {
            tracing::debug!(collection = collection.name(), %error, "a document of an older version was not written back");
        }
    }
}
