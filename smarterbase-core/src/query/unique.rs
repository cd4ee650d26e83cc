//! Finding the holder of a unique value: 2 GETs, exact, without any index.

use std::sync::Arc;

use super::{
    access::Holder,
    gather, overlay,
    plan::{self, Plan},
    range::IndexRange,
    selection::Selection,
};
use crate::{
    document::{Document, Scalar, Stored},
    error::{Code, Error, Result},
    format::{
        Key, Nonce, claim, index_key,
        path::{self, EncodedId},
    },
    operation::{
        Collection, View, agreement,
        outage::Fallback,
        profile::trace,
        read::{self, Fetched},
    },
};

/// How often the claim is read again because it moved meanwhile (rule S31).
const TRIES: usize = 16;
/// How often the value is looked up again because the agreement grew too old meanwhile (rule S4).
const FRESH_TRIES: usize = 4;

/// The document that holds a value of the unique definition at `ordinal`. `fallback` says whether it may be scanned for while
/// the definition is not ready.
pub(crate) async fn find<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    ordinal: u16,
    components: &[Scalar<'_>],
    fallback: Option<Fallback>,
) -> Result<Option<Stored<T>>> {
    // A value with a `None` in it is never claimed.
    let Some(value) = index_key::encode_value(collection.spec, ordinal, components)? else {
        return Ok(None);
    };
    let range = IndexRange::new(collection.spec, ordinal, components, None)?;
    let selection = Selection::<T>::by_entry(range);
    let own = overlay::matches::<T>(view, collection, &selection)?;
    if let Some((document, _)) = own.into_iter().next() {
        return Ok(Some(document));
    }
    let definition = &collection.definitions[usize::from(ordinal)].name;
    let hash = claim::hash(collection.name(), definition, &value);
    for _ in 0..FRESH_TRIES {
        let agreement = agreement::current(view, collection).await?;
        if !agreement.unique_is_ready(collection, usize::from(ordinal)) {
            trace::scans_instead();
            plan::scan_instead(view, collection, fallback)?;
            let supply = gather::supply(view, collection, &selection, Plan::Scan, None);
            let found = gather::page(view, &selection, supply, None, 1).await?;
            return Ok(found.into_iter().next().map(|found| found.document));
        }
        let found = find_holder(view, collection, definition, &hash, &selection).await?;
        if agreement.is_current(view) {
            return Ok(found);
        }
    }
    let text = "the store is too slow to keep the collection's catalog in view";
    Err(Error::new(Code::UNAVAILABLE, text).in_collection(collection.name()))
}

/// Who owns the claim of a value; `None` when claims do not answer now. Whoever holds the value throughout is the owner.
pub(crate) async fn owner_of(
    view: &View,
    collection: &Arc<Collection>,
    holder: &Holder,
) -> Result<Option<Option<EncodedId>>> {
    let position = usize::from(holder.ordinal);
    let value = index_key::encode_value(collection.spec, holder.ordinal, &holder.components)?;
    let Some(value) = value else {
        return Ok(Some(None));
    };
    let definition = &collection.definitions[position].name;
    let hash = claim::hash(collection.name(), definition, &value);
    for _ in 0..FRESH_TRIES {
        let agreement = agreement::current(view, collection).await?;
        if !agreement.unique_is_ready(collection, position) {
            return Ok(None);
        }
        let claim = path::claim(collection.name(), definition, &hash);
        let found = owner(view, collection, &claim).await?;
        if agreement.is_current(view) {
            return Ok(Some(found.map(|(_, id)| id)));
        }
        collection.catalog.forget();
    }
    Ok(None)
}

async fn find_holder<T: Document>(
    view: &View,
    collection: &Collection,
    definition: &str,
    hash: &str,
    selection: &Selection<'_, T>,
) -> Result<Option<Stored<T>>> {
    let claim = path::claim(collection.name(), definition, hash);
    let mut seen: Option<(u64, Nonce)> = None;
    for _ in 0..TRIES {
        let Some((version, owner)) = owner(view, collection, &claim).await? else {
            return Ok(None);
        };
        if seen == Some(version) {
            return Ok(None); // The owner did not hold it, and the claim has not moved since.
        }
        if let Some(fetched) = read::fetch(view, collection, &owner).await?
            && holds(&fetched, definition, hash)
        {
            let document = read::decode_for_reader::<T>(view, collection, &owner, fetched)?;
            let matches = selection.place(&document, &owner)?.is_some();
            return if matches {
                Ok(Some(document))
            } else {
                Err(disagreement(collection, &owner))
            };
        }
        seen = Some(version);
    }
    Err(Error::new(
        Code::UNAVAILABLE,
        "the unique value keeps moving between documents",
    )
    .in_collection(collection.name()))
}

/// The claim's version and its owner.
async fn owner(
    view: &View,
    collection: &Collection,
    claim: &Key,
) -> Result<Option<((u64, Nonce), EncodedId)>> {
    let fetched = match view.attempt() {
        Some(attempt) => attempt.fetch(claim).await,
        None => read::peek(view, claim.clone()).await,
    };
    let Some(fetched) = fetched.map_err(|error| error.in_collection(collection.name()))? else {
        return Ok(None);
    };
    let owner = claim::owner(&fetched.settled.opened.body)
        .map_err(|error| error.in_collection(collection.name()))?;
    let owner = owner.and_then(|owner| collection.id_of(&Key::from_stored(owner)));
    let version = (fetched.envelope().rev, fetched.envelope().write);
    Ok(owner.map(|owner| (version, owner)))
}

/// A claim is effective iff its owner is live and stores its hash (rule S12).
fn holds(fetched: &Fetched, definition: &str, hash: &str) -> bool {
    fetched.is_live()
        && fetched
            .envelope()
            .unique
            .get(definition)
            .is_some_and(|stored| stored == hash)
}

/// A person edited the field and left the envelope as it was.
fn disagreement(collection: &Collection, id: &EncodedId) -> Error {
    let text = "the document's envelope claims a unique value that its fields do not have; save it again, or run `verify`";
    read::at(collection, id, Error::new(Code::CORRUPT, text))
}
