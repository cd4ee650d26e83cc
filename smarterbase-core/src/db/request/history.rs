//! Reading what a document was before.

use super::request;
use crate::{
    db::Db,
    document::{Document, Stored},
    operation::{history, verb::encode_key},
};

/// Reads every version of a document.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct ReadHistory<'a, T: Document> {
    db: &'a Db,
    key: T::Key,
}

impl<'a, T: Document> ReadHistory<'a, T> {
    pub(crate) fn new(db: &'a Db, key: &T::Key) -> Self {
        Self {
            db,
            key: key.clone(),
        }
    }
}

request!(impl['a, T: Document] ReadHistory<'a, T> => Vec<Stored<T>>, |this| async move {
    let engine = &this.db.engine;
    let collection = engine.collection::<T>();
    let id = encode_key(&collection, &this.key)?;
    history::load(engine, &collection, &id).await.map_err(|error| error.during("history"))
});
