//! `save` and `reload`: a loaded document goes back, at the revision that it was read at.

use std::sync::Arc;

use super::{encode_key, not_found, revision_conflict, validate};
use crate::{
    document::{Document, Stored, stored::Origin},
    error::Result,
    format::{body, path::EncodedId},
    operation::{
        Collection, Engine,
        change::{Base, Change, only_rewrites_since},
        read::{self, Fetched},
        write::{Verdict, Written, write},
    },
};

/// Saves a document by compare-and-swap. An unchanged one writes nothing. After nothing but background rewrites it tries
/// again by itself (rule S21).
pub(crate) async fn save<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    document: &mut Stored<T>,
) -> Result<()> {
    validate(collection, &**document)?;
    let id = encode_key(collection, document.key())?;
    let Some((mut base, mut fetched)) = Base::of_stored(collection, &id, document)? else {
        return Err(revision_conflict(collection, &id));
    };
    check_expected(collection, &id, &fetched, &**document)?;
    for _ in 0..engine.limits.update_attempts {
        let unknown = read::unknown_members(collection, &id, &fetched)?;
        if body::encode(&**document, &unknown)? == fetched.opened.body {
            return Ok(());
        }
        engine.moment(engine.now(), false, |moment| document.stamp(moment));
        let change = Change::write(
            engine,
            collection,
            &id,
            Some(base.clone()),
            &**document,
            &unknown,
        )?;
        match write(engine, collection, change).await? {
            Verdict::Written(written) => {
                renew(document, written);
                return Ok(());
            }
            Verdict::Lost(object) => {
                let current = object
                    .map(|object| read::open(collection, &id, object))
                    .transpose()?;
                let rewritten = current.filter(|current| is_only_rewritten(&base, current));
                fetched = rewritten.ok_or_else(|| revision_conflict(collection, &id))?;
                base = Base::of::<T>(collection, &id, &fetched)?;
            }
        }
    }
    Err(super::contention(
        collection,
        &id,
        engine.limits.update_attempts,
    ))
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

/// Whether the document only was touched (a fence) or rewritten in the background since.
pub(super) fn is_only_rewritten(base: &Base, current: &Fetched) -> bool {
    current.is_live()
        && only_rewrites_since(base.envelope.rev, base.envelope.write, current.envelope())
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
    engine: &Engine,
    collection: &Collection,
    document: &mut Stored<T>,
) -> Result<()> {
    let id = encode_key(collection, document.key())?;
    *document = read::load(engine, collection, &id)
        .await?
        .ok_or_else(|| not_found(collection, &id))?;
    Ok(())
}
