//! Deleting a document with what depends on it: one transaction while it fits, else piece by piece under a journal.
//!
//! Who refers is found by the index over the reference, inside of the transaction: whoever comes to refer meanwhile, or no
//! longer does, makes it run again.

mod journal;
mod kin;
mod objections;
mod pieces;
mod tree;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{FutureExt, future::BoxFuture};

pub(crate) use journal::resume;

use self::tree::{Collected, Tree};
use crate::{
    document::{Document, Stored},
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{
        Collection, View,
        read::{self, Fetched},
        relations::{Ancestry, Condition, Kin},
        transaction::{self, attempt::Kind},
        verb::{encode_key, not_found, remove},
    },
};

/// How many documents one transaction takes along.
const MOST_AT_ONCE: usize = 500;

/// What deleting a document would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CascadePlan {
    /// How many documents would be deleted, by collection; the document itself included.
    pub deleted: BTreeMap<&'static str, u64>,
    /// How many documents would lose a reference, by collection.
    pub nullified: BTreeMap<&'static str, u64>,
    /// Collections with documents that forbid it.
    pub restricted_by: Vec<&'static str>,
    /// Whether all were found; `false`: there are more than
    /// [`Limits::scan_documents`](crate::operation::limits::Limits::scan_documents), and these are only some of them.
    pub is_complete: bool,
}

/// Deletes a document of a type that others may refer to.
pub(crate) async fn delete<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
) -> Result<bool> {
    let always = |_: &Fetched| Ok(true);
    delete_under::<T>(view, collection, id, &always, &Ancestry::default()).await
}

/// The same while `still` says so of what is there: judged inside of every transaction that deletes something of it. A journal, or
/// somebody who asks again, carries on what was left half way.
pub(crate) async fn delete_while<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
    still: impl Fn(&Fetched) -> Result<bool> + Send + Sync,
    is_repeated: bool,
) -> Result<bool> {
    let root = Root {
        collection,
        id,
        still: &still,
    };
    let ancestry = Ancestry::while_holds(&root, is_repeated);
    delete_under::<T>(view, collection, id, &still, &ancestry).await
}

/// The document that a deletion began with.
struct Root<'a, F> {
    collection: &'a Arc<Collection>,
    id: &'a EncodedId,
    still: &'a F,
}

impl<F: Fn(&Fetched) -> Result<bool> + Send + Sync> Condition for Root<'_, F> {
    fn holds<'a>(&'a self, view: &'a View) -> BoxFuture<'a, Result<bool>> {
        async move {
            let there = read::fetch(view, self.collection, self.id).await?;
            let live = read::live(self.collection, self.id, there)?;
            live.map_or(Ok(false), |fetched| (self.still)(&fetched))
        }
        .boxed()
    }
}

async fn delete_under<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
    still: &(impl Fn(&Fetched) -> Result<bool> + Send + Sync),
    ancestry: &Ancestry<'_>,
) -> Result<bool> {
    let deleted = delete_with_dependants::<T>(view, collection, id, still, ancestry).await;
    ancestry.note(&deleted, |deleted| *deleted);
    deleted
}

async fn delete_with_dependants<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
    still: &(impl Fn(&Fetched) -> Result<bool> + Send + Sync),
    ancestry: &Ancestry<'_>,
) -> Result<bool> {
    if view.relations.referring_to(collection.name()).is_empty() {
        return alone::<T>(view, collection, id, still).await;
    }
    if view.attempt().is_some() {
        return match within::<T>(view, collection, id, still, ancestry).await? {
            Outcome::Deleted(deleted) => Ok(deleted),
            Outcome::Forbidden(kin, by) => Err(restricted(kin.spec.collection, &by)),
            Outcome::TooMany => Err(too_many_for_one(collection, id)),
        };
    }
    match at_once::<T>(view, collection, id, still, ancestry).await? {
        Outcome::Deleted(deleted) => Ok(deleted),
        // Part of a larger deletion: who forbids it may go along with another part.
        Outcome::Forbidden(..) if ancestry.is_part() => {
            pieces::delete::<T>(view, collection, id, still, ancestry).await
        }
        Outcome::Forbidden(kin, by) => Err(restricted(kin.spec.collection, &by)),
        Outcome::TooMany => pieces::delete::<T>(view, collection, id, still, ancestry).await,
    }
}

/// A document that nobody refers to.
fn alone<'a, T: Document>(
    view: &'a View,
    collection: &'a Arc<Collection>,
    id: &'a EncodedId,
    still: &'a (impl Fn(&Fetched) -> Result<bool> + Send + Sync),
) -> BoxFuture<'a, Result<bool>> {
    remove::delete_where::<T>(view, collection, id, still).boxed()
}

/// Deletes a loaded document at the revision that it was read at, with what depends on it: never in pieces.
pub(crate) async fn remove<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    document: &Stored<T>,
) -> Result<()> {
    if view.relations.referring_to(collection.name()).is_empty() {
        return remove::remove(view, collection, document).await;
    }
    if view.attempt().is_some() {
        return remove_within(view, collection, document).await;
    }
    transaction::run(view.engine(), Kind::ReadWrite, |attempt| async move {
        remove_within(&View::of(attempt), collection, document).await
    })
    .await
}

async fn remove_within<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    document: &Stored<T>,
) -> Result<()> {
    let id = encode_key(collection, document.key())?;
    let nobody = BTreeSet::new();
    let collected = tree::collect(view, collection.spec, &id, most(view), &nobody);
    let Collected::Whole(tree) = collected.await? else {
        return Err(too_many_for_one(collection, &id));
    };
    if let Some((kin, by)) = tree.restricted.first() {
        return Err(restricted(kin.spec.collection, by));
    }
    apply(view, &tree).await?;
    remove::remove(view, collection, document).await
}

/// How a deletion in one transaction ended.
enum Outcome {
    /// Whether there was such a document.
    Deleted(bool),
    /// This document, which does not go along, forbids it; nothing was changed.
    Forbidden(Kin, EncodedId),
    /// More depends on it than one transaction takes along; nothing was changed.
    TooMany,
}

/// Boxed, as all that is large: a deletion in pieces stands 32 deep on the stack.
fn at_once<'a, T: Document>(
    view: &'a View,
    collection: &'a Arc<Collection>,
    id: &'a EncodedId,
    still: &'a (impl Fn(&Fetched) -> Result<bool> + Send + Sync),
    ancestry: &'a Ancestry<'a>,
) -> BoxFuture<'a, Result<Outcome>> {
    let ended = transaction::run(view, Kind::ReadWrite, move |attempt| async move {
        within::<T>(&view.inside(attempt), collection, id, still, ancestry).await
    });
    async move {
        match ended.await {
            // So few documents, but too large ones.
            Err(error) if error.code() == Code::BUDGET.text() => Ok(Outcome::TooMany),
            other => other,
        }
    }
    .boxed()
}

/// Inside of a transaction: everything is found, then everything goes.
fn within<'a, T: Document>(
    view: &'a View,
    collection: &'a Arc<Collection>,
    id: &'a EncodedId,
    still: &'a (impl Fn(&Fetched) -> Result<bool> + Send + Sync),
    ancestry: &'a Ancestry<'a>,
) -> BoxFuture<'a, Result<Outcome>> {
    async move {
        let there = read::fetch_to_replace(view, collection, id).await?;
        match read::live(collection, id, there)? {
            Some(fetched) if still(&fetched)? => {}
            _ => return Ok(Outcome::Deleted(false)),
        }
        if ancestry.is_part() && !ancestry.is_wanted(view).await? {
            return Ok(Outcome::Deleted(false));
        }
        let collected = tree::collect(view, collection.spec, id, most(view), &ancestry.documents);
        let Collected::Whole(tree) = collected.await? else {
            return Ok(Outcome::TooMany);
        };
        if let Some((kin, by)) = tree.restricted.first() {
            return Ok(Outcome::Forbidden(*kin, by.clone()));
        }
        apply(view, &tree).await?;
        let deleted = remove::delete_where::<T>(view, collection, id, |_| Ok(true)).await?;
        Ok(Outcome::Deleted(deleted))
    }
    .boxed()
}

/// How many documents one transaction takes along.
fn most(view: &View) -> usize {
    MOST_AT_ONCE.min(view.limits.transactions.writes / 2)
}

async fn apply(view: &View, tree: &Tree) -> Result<()> {
    // Children before their parents, and references before what they lead to.
    for (kin, id, referrer) in &tree.nullified {
        (kin.nullify)(view, id, referrer).await?;
    }
    for (kin, id, referrer) in tree.deleted.iter().rev() {
        (kin.delete)(view, id, referrer).await?;
    }
    Ok(())
}

/// What deleting a document would do, as far as can be seen now.
pub(crate) async fn plan(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
) -> Result<CascadePlan> {
    let there = read::fetch(view, collection, id).await?;
    if read::live(collection, id, there)?.is_none() {
        return Err(not_found(collection, id));
    }
    let most = view.limits.scan_documents;
    let nobody = BTreeSet::new();
    let collected = tree::collect(view, collection.spec, id, most, &nobody);
    let (tree, is_complete) = match collected.await? {
        Collected::Whole(tree) => (tree, true),
        Collected::Part(tree) => (tree, false),
    };
    let mut plan = CascadePlan {
        is_complete,
        ..CascadePlan::default()
    };
    plan.deleted.insert(collection.name(), 1);
    for (kin, ..) in &tree.deleted {
        *plan.deleted.entry(kin.spec.collection).or_default() += 1;
    }
    for (kin, ..) in &tree.nullified {
        *plan.nullified.entry(kin.spec.collection).or_default() += 1;
    }
    let restricted = tree.restricted.iter();
    plan.restricted_by = restricted.map(|(kin, _)| kin.spec.collection).collect();
    plan.restricted_by.sort_unstable();
    plan.restricted_by.dedup();
    Ok(plan)
}

fn restricted(collection: &'static str, id: &EncodedId) -> Error {
    let text = format!(
        "the document of {collection} with the id {id} refers to it and forbids that it is deleted"
    );
    Error::new(Code::RESTRICTED, text)
}

fn too_many_for_one(collection: &Collection, id: &EncodedId) -> Error {
    let text = "more documents depend on it than one transaction takes along; delete it outside of a transaction";
    read::at(collection, id, Error::new(Code::TOO_MANY, text))
}
