//! A cascade that is too large for one transaction: from the leaves up, some documents at a time. A journal says that it
//! has begun, so that anybody can go on after a crash; what has gone is simply not found again.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};

use super::{Outcome, at_once, journal, objections, tree::referrer};
use crate::{
    document::{Document, DocumentSpec, OnDelete},
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{
        Collection, View,
        read::{self, Fetched},
        relations::{Act, Ancestry, Kin, Referrer},
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
pub(super) fn delete<'a, T: Document>(
    view: &'a View,
    collection: &'a Arc<Collection>,
    id: &'a EncodedId,
    still: &'a (impl Fn(&Fetched) -> Result<bool> + Send + Sync),
    ancestry: &'a Ancestry<'a>,
) -> BoxFuture<'a, Result<bool>> {
    async move {
        if ancestry.documents.len() >= DEEPEST {
            let text = format!("documents depend on each other more than {DEEPEST} deep");
            return Err(Error::new(Code::BUDGET, text).in_collection(collection.name()));
        }
        let mut under = ancestry.clone();
        let root = (collection.name(), id.as_str().to_owned());
        under.documents.insert(root);
        match (ancestry.is_part(), ancestry.is_repeated) {
            (true, _) => run::<T>(view, collection, id, still, &under).await,
            (false, true) => repeated::<T>(view, collection, id, still, &under).await,
            (false, false) => journaled::<T>(view, collection, id, still, under).await,
        }
    }
    .boxed()
}

/// Somebody asks again, for what is still to go then.
async fn repeated<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
    still: &(impl Fn(&Fetched) -> Result<bool> + Send + Sync),
    under: &Ancestry<'_>,
) -> Result<bool> {
    objections::check(view, collection.spec, id, under).await?;
    match run::<T>(view, collection, id, still, under).await {
        Ok(false) if under.has_changed() => Err(stays(collection, id)),
        Err(error) if under.has_changed() => {
            Err(in_part(collection, id, "the rest is tried again", &error))
        }
        ended => ended,
    }
}

/// It was changed in the middle of its deletion, so that it does not go.
fn stays(collection: &Collection, id: &EncodedId) -> Error {
    let text = "it was changed while it was being deleted, and stays; some of what depends on it has been deleted";
    read::at(collection, id, Error::new(Code::OUTCOME_UNKNOWN, text))
}

async fn journaled<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
    still: &(impl Fn(&Fetched) -> Result<bool> + Send + Sync),
    mut under: Ancestry<'_>,
) -> Result<bool> {
    objections::check(view, collection.spec, id, &under).await?;
    let Some(entry) = journal::begin(view, collection, id).await? else {
        return Ok(false);
    };
    under.entry = Some(entry.clone());
    match run::<T>(view, collection, id, still, &under).await {
        Ok(deleted) => {
            journal::end(view, &entry).await;
            match !deleted && under.has_changed() && under.condition.is_some() {
                true => Err(stays(collection, id)),
                false => Ok(deleted),
            }
        }
        Err(error) if is_final(&error) => Err(match journal::remove(view, &entry).await {
            Ok(()) if !under.has_changed() => error,
            Ok(()) => in_part(collection, id, "delete it again", &error),
            Err(_) => in_part(collection, id, OR_RESUME, &error),
        }),
        Err(error) => Err(in_part(collection, id, OR_RESUME, &error)),
    }
}

/// What forbids it tomorrow as well, whoever goes on with it. After any other failure the entry stays: another process may be at it.
fn is_final(error: &Error) -> bool {
    [Code::RESTRICTED, Code::BUDGET]
        .iter()
        .any(|code| error.code() == code.text())
}

/// What helps while the entry of the journal is there, or may be.
const OR_RESUME: &str = "delete it again, or go on with `resume_cascades`";

/// Pieces that went are gone: nobody may take this for "nothing happened".
fn in_part(collection: &Collection, id: &EncodedId, what_helps: &str, error: &Error) -> Error {
    let text = format!("some of what depends on it may have been deleted; {what_helps} ({error})");
    read::at(collection, id, Error::new(Code::OUTCOME_UNKNOWN, text))
}

async fn run<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
    still: &(impl Fn(&Fetched) -> Result<bool> + Send + Sync),
    under: &Ancestry<'_>,
) -> Result<bool> {
    for _ in 0..TRIES {
        if !prune(view, collection.spec, id, under).await? {
            return Ok(false);
        }
        match at_once::<T>(view, collection, id, still, under).await? {
            Outcome::Deleted(deleted) => return Ok(deleted),
            Outcome::Forbidden(kin, by) => objections::clear(view, &kin, &by, under).await?,
            Outcome::TooMany => {}
        }
    }
    let text = "documents that depend on it keep coming; try again";
    Err(read::at(collection, id, Error::new(Code::CONTENTION, text)))
}

/// Deletes everything that depends on a document, but not the document. Gives whether that is still to go.
fn prune<'a>(
    view: &'a View,
    spec: &'static DocumentSpec,
    id: &'a EncodedId,
    under: &'a Ancestry<'a>,
) -> BoxFuture<'a, Result<bool>> {
    async move {
        for (kin, reference) in view.relations.referring_to(spec.collection) {
            let referrer = referrer(spec, id, reference);
            let mut has_more = true;
            while has_more {
                if !under.is_wanted(view).await? {
                    return Ok(false);
                }
                has_more = prune_piece(view, kin, &referrer, under).await?;
            }
        }
        Ok(true)
    }
    .boxed()
}

/// Some of the documents that refer. Gives whether there may be more.
async fn prune_piece(
    view: &View,
    kin: &Kin,
    referrer: &Referrer,
    under: &Ancestry<'_>,
) -> Result<bool> {
    let mut found = (kin.find)(view, referrer, None, PIECE).await?;
    let is_full = found.len() == PIECE;
    // In a circle: it is being deleted already.
    let goes = |id: &EncodedId| (kin.spec.collection, id.as_str().to_owned());
    found.retain(|id| !under.documents.contains(&goes(id)));
    let act = match (referrer.reference.on_delete, found.first()) {
        (_, None) | (OnDelete::Nothing, _) => return Ok(false),
        (OnDelete::Restrict, _) => {
            for id in &found {
                objections::clear(view, kin, id, under).await?;
            }
            return Ok(is_full);
        }
        (OnDelete::Nullify, _) => kin.nullify,
        (OnDelete::Cascade, _) => kin.delete,
    };
    let has_dependants = !view.relations.referring_to(kin.spec.collection).is_empty();
    if has_dependants && referrer.reference.on_delete == OnDelete::Cascade {
        // Each with what depends on it, in a transaction that looks first whether it still refers.
        for child in &found {
            (kin.delete_tree)(view, child, referrer, under).await?;
        }
    } else {
        let done = together(view, &found, act, referrer, under).await;
        under.note(&done, |done| *done);
        done?;
    }
    Ok(is_full)
}

/// One transaction over some documents. Gives whether they were still to go.
fn together<'a>(
    view: &'a View,
    ids: &'a [EncodedId],
    act: Act,
    referrer: &'a Referrer,
    under: &'a Ancestry<'a>,
) -> BoxFuture<'a, Result<bool>> {
    transaction::run(view, Kind::ReadWrite, move |attempt| async move {
        let view = view.inside(attempt);
        if !under.is_wanted(&view).await? {
            return Ok(false);
        }
        for id in ids {
            act(&view, id, referrer).await?;
        }
        Ok(true)
    })
    .boxed()
}
