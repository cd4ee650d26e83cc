//! `create`: a document that must not be there yet.

use std::sync::Arc;

use super::{encode_key, stored, validate};
use crate::{
    document::{Document, IntoDocument, Stored},
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{
        Collection, Engine,
        change::{Base, Change},
        read,
        write::{Verdict, write},
    },
    port::Object,
};

/// Creates a document: 1 PUT, besides its entries and claims. Over a tombstone it takes a read and one more put.
pub(crate) async fn create<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    new: impl IntoDocument<T>,
) -> Result<Stored<T>> {
    let value = engine.moment(engine.now(), true, |moment| {
        let mut value = new.into_document(moment);
        value.stamp(moment);
        value
    });
    validate(collection, &value)?;
    let id = encode_key(collection, value.key())?;
    let mut base = None;
    for _ in 0..engine.limits.update_attempts {
        let change = Change::write(engine, collection, &id, base.take(), &value, &Vec::new())?;
        match write(engine, collection, change).await? {
            Verdict::Written(written) => return Ok(stored(value, written)),
            // Between the lost put and the read the object was removed: nothing is there again.
            Verdict::Lost(None) => {}
            Verdict::Lost(Some(object)) => base = Some(grave::<T>(collection, &id, object)?),
        }
    }
    Err(super::contention(
        collection,
        &id,
        engine.limits.update_attempts,
    ))
}

/// A tombstone or a stub may be replaced; a live document may not.
fn grave<T: Document>(collection: &Collection, id: &EncodedId, object: Object) -> Result<Base> {
    let fetched = read::open(collection, id, object)?;
    if fetched.is_live() {
        return Err(read::at(
            collection,
            id,
            Error::new(Code::EXISTS, "a document with this id exists"),
        ));
    }
    Base::of::<T>(collection, id, &fetched)
}
