//! `create`: a document that must not be there yet.

use std::sync::Arc;

use super::{encode_key, stored, validate};
use crate::{
    document::{Document, IntoDocument, Stored},
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{
        Collection, View,
        change::{Base, Change},
        read::{self, Fetched},
        write::{Verdict, write},
    },
};

/// Creates a document: 1 PUT, besides its entries and claims. Over a tombstone it takes a read and one more put.
pub(crate) async fn create<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    new: impl IntoDocument<T>,
) -> Result<Stored<T>> {
    create_made(view, collection, made(view, new)).await
}

/// The document as it is to be stored, with its automatic fields filled.
pub(crate) fn made<T: Document>(view: &View, new: impl IntoDocument<T>) -> T {
    view.moment(view.now(), true, |moment| {
        let mut value = new.into_document(moment);
        value.stamp(moment);
        value
    })
}

/// As [`create`], of a document whose automatic fields are filled.
pub(crate) async fn create_made<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    value: T,
) -> Result<Stored<T>> {
    validate(collection, &value)?;
    let id = encode_key(collection, value.key())?;
    let mut base = None;
    for _ in 0..view.limits.update_attempts {
        let change = Change::write(view, collection, &id, base.take(), &value, &Vec::new())?;
        match write(view, collection, change).await? {
            Verdict::Written(written) => return Ok(stored(value, written)),
            // Without an object, it was removed between the lost put and the read: nothing is there again.
            Verdict::Lost(object) => {
                let found = read::reopen(view, collection, &id, object).await?;
                base = found
                    .map(|found| grave::<T>(collection, &id, &found))
                    .transpose()?;
            }
        }
    }
    Err(super::contention(
        collection,
        &id,
        view.limits.update_attempts,
    ))
}

/// A tombstone or a stub may be replaced; a live document may not.
fn grave<T: Document>(collection: &Collection, id: &EncodedId, found: &Fetched) -> Result<Base> {
    if read::live(collection, id, Some(found.clone()))?.is_some() {
        return Err(read::at(
            collection,
            id,
            Error::new(Code::EXISTS, "a document with this id exists"),
        ));
    }
    Base::of::<T>(collection, id, found)
}
