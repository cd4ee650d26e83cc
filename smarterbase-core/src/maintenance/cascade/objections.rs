//! Who forbids a deletion that is too large for one transaction. Who goes along itself forbids nothing: the same answer as in
//! one transaction, without holding the whole tree.

use std::collections::{BTreeSet, VecDeque};

use futures::{FutureExt, future::BoxFuture};

use super::{restricted, tree::referrer};
use crate::{
    document::{DocumentSpec, OnDelete},
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{
        View,
        relations::{Ancestry, Kin, Node, Referrer},
    },
};

/// How many documents are looked at in one step.
const PAGE: usize = 100;
/// How many documents are remembered, so that those that depend on several are looked at once.
const REMEMBERED: usize = 100_000;
/// How many documents are followed from one that forbids something, up to what is deleted.
const MOST_PARENTS: usize = 1_000;

/// Looks through everything that depends on a document before any of it goes.
///
/// # Errors
/// [`Refused`](crate::ErrorKind::Refused) (`SB-RESTRICTED`): a document that stays forbids it.
pub(super) async fn check(
    view: &View,
    spec: &'static DocumentSpec,
    id: &EncodedId,
    under: &Ancestry,
) -> Result<()> {
    if !can_be_forbidden(view, spec, &mut BTreeSet::new()) {
        return Ok(());
    }
    check_below(view, spec, id, under, &mut under.documents.clone()).await
}

/// Whether any type forbids that documents of this one, or those that go along, are deleted.
fn can_be_forbidden(view: &View, spec: &DocumentSpec, seen: &mut BTreeSet<&'static str>) -> bool {
    let referring = view.relations.referring_to(spec.collection);
    referring
        .into_iter()
        .any(|(kin, reference)| match reference.on_delete {
            OnDelete::Restrict => true,
            OnDelete::Cascade => {
                seen.insert(kin.spec.collection) && can_be_forbidden(view, kin.spec, seen)
            }
            OnDelete::Nullify | OnDelete::Nothing => false,
        })
}

fn check_below<'a>(
    view: &'a View,
    spec: &'static DocumentSpec,
    id: &'a EncodedId,
    under: &'a Ancestry,
    seen: &'a mut BTreeSet<Node>,
) -> BoxFuture<'a, Result<()>> {
    async move {
        for (kin, reference) in view.relations.referring_to(spec.collection) {
            let goes_on = match reference.on_delete {
                OnDelete::Restrict => true,
                OnDelete::Cascade => can_be_forbidden(view, kin.spec, &mut BTreeSet::new()),
                OnDelete::Nullify | OnDelete::Nothing => false,
            };
            if goes_on {
                check_referring(view, kin, &referrer(spec, id, reference), under, seen).await?;
            }
        }
        Ok(())
    }
    .boxed()
}

async fn check_referring(
    view: &View,
    kin: &Kin,
    referrer: &Referrer,
    under: &Ancestry,
    seen: &mut BTreeSet<Node>,
) -> Result<()> {
    let mut after = None;
    loop {
        let found = (kin.find)(view, referrer, after.as_ref(), PAGE).await?;
        for id in &found {
            if referrer.reference.on_delete == OnDelete::Restrict {
                goes_along(view, kin, id, under)
                    .await?
                    .ok_or_else(|| restricted(kin.spec.collection, id))?;
            } else if is_new(seen, kin, id) {
                check_below(view, kin.spec, id, under, seen).await?;
            }
        }
        if found.len() < PAGE {
            return Ok(());
        }
        after = found.into_iter().last();
    }
}

/// Circles end, and what is remembered is bounded: beyond that, a document may be looked at again.
fn is_new(seen: &mut BTreeSet<Node>, kin: &Kin, id: &EncodedId) -> bool {
    let node = (kin.spec.collection, id.as_str().to_owned());
    if seen.len() < REMEMBERED {
        return seen.insert(node);
    }
    !seen.contains(&node)
}

/// The reference by which a document goes along with one of those that are being deleted; `None`: it stays.
pub(super) async fn goes_along(
    view: &View,
    kin: &Kin,
    id: &EncodedId,
    under: &Ancestry,
) -> Result<Option<Referrer>> {
    for (parent, referrer) in (kin.parents)(view, id).await? {
        if is_deleted(view, parent, under).await? {
            return Ok(Some(referrer));
        }
    }
    Ok(None)
}

/// Whether a document is among those that are being deleted, or goes along with one.
async fn is_deleted(view: &View, node: Node, under: &Ancestry) -> Result<bool> {
    let mut seen = BTreeSet::from([node.clone()]);
    let mut open = VecDeque::from([node]);
    while let Some(node) = open.pop_front() {
        if under.documents.contains(&node) {
            return Ok(true);
        }
        let (Some(kin), Some(id)) = (view.relations.kin(node.0), EncodedId::parse(&node.1)) else {
            continue;
        };
        for (parent, _) in (kin.parents)(view, &id).await? {
            if seen.insert(parent.clone()) {
                open.push_back(parent);
            }
        }
        if seen.len() > MOST_PARENTS {
            let text = format!("a document goes along with more than {MOST_PARENTS} others");
            return Err(Error::new(Code::BUDGET, text).in_collection(kin.spec.collection));
        }
    }
    Ok(false)
}

/// Deletes what forbids a deletion and goes along itself.
///
/// # Errors
/// [`Refused`](crate::ErrorKind::Refused) (`SB-RESTRICTED`): it stays.
pub(super) async fn clear(view: &View, kin: &Kin, id: &EncodedId, under: &Ancestry) -> Result<()> {
    let Some(referrer) = goes_along(view, kin, id, under).await? else {
        return Err(restricted(kin.spec.collection, id));
    };
    (kin.delete_tree)(view, id, &referrer, under).await?;
    Ok(())
}
