//! A cascade that is too large for one transaction: from the leaves up, some documents at a time. A journal says that it
//! has begun, so that anybody can go on after a crash; what has gone is simply not found again.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};

use super::{Outcome, at_once, journal, restricted, tree::referrer};
use crate::{
    document::{Document, DocumentSpec, OnDelete},
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{
        Collection, Engine, View, read,
        relations::{Act, Kin, Referrer},
        transaction::{self, attempt::Kind},
    },
};

/// How many documents go in one transaction.
const PIECE: usize = 100;
/// How deep documents may depend on each other here.
const DEEPEST: usize = 32;
/// How often the document itself is tried again because more came to depend on it meanwhile.
const TRIES: usize = 64;

/// Deletes a document and what depends on it.
pub(super) async fn delete<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
) -> Result<bool> {
    let entry = journal::begin(view, collection.name(), id).await?;
    let deleted = run::<T>(view, collection, id).await;
    // What forbids it forbids it tomorrow as well; anything else may be gone on with.
    if deleted.is_ok() || deleted.as_ref().is_err_and(is_final) {
        journal::end(view, &entry).await;
    }
    deleted
}

fn is_final(error: &Error) -> bool {
    error.code() == Code::RESTRICTED.text()
}

async fn run<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
) -> Result<bool> {
    for _ in 0..TRIES {
        prune(view, collection.spec, id, 0).await?;
        let last = at_once::<T>(view, collection, id, &|_: &read::Fetched| Ok(true)).await?;
        if let Outcome::Deleted(deleted) = last {
            return Ok(deleted);
        }
    }
    let text = "documents that depend on it keep coming; try again";
    Err(read::at(collection, id, Error::new(Code::CONTENTION, text)))
}

/// Deletes everything that depends on a document, but not the document.
fn prune<'a>(
    view: &'a View,
    spec: &'static DocumentSpec,
    id: &'a EncodedId,
    depth: usize,
) -> BoxFuture<'a, Result<()>> {
    async move {
        if depth == DEEPEST {
            let text = format!("documents depend on each other more than {DEEPEST} deep");
            return Err(Error::new(Code::BUDGET, text).in_collection(spec.collection));
        }
        for (kin, reference) in view.relations.referring_to(spec.collection) {
            let referrer = referrer(spec, id, reference);
            while prune_piece(view, kin, &referrer, depth).await? {}
        }
        Ok(())
    }
    .boxed()
}

/// Some of the documents that refer. Gives whether there may be more.
async fn prune_piece(view: &View, kin: &Kin, referrer: &Referrer, depth: usize) -> Result<bool> {
    let found = (kin.find)(view, referrer, PIECE).await?;
    let act = match (referrer.reference.on_delete, found.first()) {
        (_, None) | (OnDelete::Nothing, _) => return Ok(false),
        (OnDelete::Restrict, Some(first)) => return Err(restricted(kin.spec.collection, first)),
        (OnDelete::Nullify, _) => kin.nullify,
        (OnDelete::Cascade, _) => {
            for child in &found {
                prune(view, kin.spec, child, depth + 1).await?;
            }
            kin.delete
        }
    };
    together(view, &found, act, referrer).await?;
    Ok(found.len() == PIECE)
}

/// One transaction over some documents.
async fn together(
    engine: &Arc<Engine>,
    ids: &[EncodedId],
    act: Act,
    referrer: &Referrer,
) -> Result<()> {
    transaction::run(engine, Kind::ReadWrite, |attempt| async move {
        let view = View::of(attempt);
        for id in ids {
            act(&view, id, referrer).await?;
        }
        Ok(())
    })
    .await
}
