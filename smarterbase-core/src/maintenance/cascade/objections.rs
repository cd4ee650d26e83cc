//! Who forbids a deletion that is too large for one transaction. Who goes along itself forbids nothing: the same answer as in
//! one transaction, without holding the whole tree.

use std::collections::{BTreeSet, VecDeque};

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
/// How many documents that others go along with are remembered, so that each is looked at once, and circles end.
const REMEMBERED: usize = 100_000;
/// How many documents are followed from one that forbids something, up to what is deleted.
const MOST_PARENTS: usize = 1_000;

/// Looks through everything that depends on a document before any of it goes.
///
/// # Errors
/// [`Refused`](crate::ErrorKind::Refused): a document that stays forbids it (`SB-RESTRICTED`), or too much would go along
/// (`SB-BUDGET`).
pub(super) async fn check(
    view: &View,
    spec: &'static DocumentSpec,
    id: &EncodedId,
    under: &Ancestry<'_>,
) -> Result<()> {
    if !can_be_forbidden(view, spec, &mut BTreeSet::new()) {
        return Ok(());
    }
    let mut search = Search {
        view,
        under,
        seen: under.documents.clone(),
        open: vec![(spec, id.clone())],
    };
    search.look_at(spec, id).await?;
    while let Some((spec, id)) = search.open.pop() {
        search.go_down(spec, &id).await?;
    }
    Ok(())
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

/// Whether documents go along with those of this type that may be forbidden to.
fn leads_on(view: &View, spec: &DocumentSpec) -> bool {
    let mut referring = view.relations.referring_to(spec.collection).into_iter();
    referring.any(|(kin, reference)| goes_and_can_be_forbidden(view, kin, reference.on_delete))
}

/// Whether documents that refer so go along, and any type forbids that.
fn goes_and_can_be_forbidden(view: &View, kin: &Kin, on_delete: OnDelete) -> bool {
    on_delete == OnDelete::Cascade && can_be_forbidden(view, kin.spec, &mut BTreeSet::new())
}

/// A walk through what depends on a document. Holds the names of those that lead on, and one page.
struct Search<'a> {
    view: &'a View,
    under: &'a Ancestry<'a>,
    seen: BTreeSet<Node>,
    /// Those of which what goes along is still to be found: a part of `seen`.
    open: Vec<(&'static DocumentSpec, EncodedId)>,
}

impl Search<'_> {
    /// Whether anybody who stays forbids that this document goes.
    async fn look_at(&self, spec: &'static DocumentSpec, id: &EncodedId) -> Result<()> {
        for (kin, reference) in self.view.relations.referring_to(spec.collection) {
            if reference.on_delete != OnDelete::Restrict {
                continue;
            }
            let referrer = referrer(spec, id, reference);
            let mut pages = Pages::of(kin, &referrer);
            while let Some(found) = pages.next(self.view).await? {
                for id in &found {
                    goes_along(self.view, kin, id, self.under)
                        .await?
                        .ok_or_else(|| restricted(kin.spec.collection, id))?;
                }
            }
        }
        Ok(())
    }

    /// Looks at those that go along with a document.
    async fn go_down(&mut self, spec: &'static DocumentSpec, id: &EncodedId) -> Result<()> {
        let view = self.view;
        for (kin, reference) in view.relations.referring_to(spec.collection) {
            if !goes_and_can_be_forbidden(view, kin, reference.on_delete) {
                continue;
            }
            let leads_on = leads_on(view, kin.spec);
            let referrer = referrer(spec, id, reference);
            let mut pages = Pages::of(kin, &referrer);
            while let Some(found) = pages.next(view).await? {
                for id in found {
                    if !leads_on {
                        self.look_at(kin.spec, &id).await?;
                    } else if self.is_new(kin, &id)? {
                        self.look_at(kin.spec, &id).await?;
                        self.open.push((kin.spec, id));
                    }
                }
            }
        }
        Ok(())
    }

    fn is_new(&mut self, kin: &Kin, id: &EncodedId) -> Result<bool> {
        let node = (kin.spec.collection, id.as_str().to_owned());
        if self.seen.contains(&node) {
            return Ok(false);
        }
        if self.seen.len() >= REMEMBERED {
            let text = format!(
                "more than {REMEMBERED} documents that others depend on would go along; delete some of them first"
            );
            return Err(Error::new(Code::BUDGET, text).in_collection(kin.spec.collection));
        }
        Ok(self.seen.insert(node))
    }
}

/// The documents that refer to one, page by page.
struct Pages<'a> {
    kin: &'a Kin,
    referrer: &'a Referrer,
    after: Option<EncodedId>,
    has_more: bool,
}

impl<'a> Pages<'a> {
    fn of(kin: &'a Kin, referrer: &'a Referrer) -> Self {
        Self {
            kin,
            referrer,
            after: None,
            has_more: true,
        }
    }

    async fn next(&mut self, view: &View) -> Result<Option<Vec<EncodedId>>> {
        if !self.has_more {
            return Ok(None);
        }
        let found = (self.kin.find)(view, self.referrer, self.after.as_ref(), PAGE).await?;
        self.has_more = found.len() == PAGE;
        self.after = found.last().cloned();
        Ok(Some(found))
    }
}

/// The reference by which a document goes along with one of those that are being deleted; `None`: it stays.
pub(super) async fn goes_along(
    view: &View,
    kin: &Kin,
    id: &EncodedId,
    under: &Ancestry<'_>,
) -> Result<Option<Referrer>> {
    for (parent, referrer) in (kin.parents)(view, id).await? {
        if is_deleted(view, parent, under).await? {
            return Ok(Some(referrer));
        }
    }
    Ok(None)
}

/// Whether a document is among those that are being deleted, or goes along with one.
async fn is_deleted(view: &View, node: Node, under: &Ancestry<'_>) -> Result<bool> {
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
pub(super) async fn clear(
    view: &View,
    kin: &Kin,
    id: &EncodedId,
    under: &Ancestry<'_>,
) -> Result<()> {
    let Some(referrer) = goes_along(view, kin, id, under).await? else {
        return Err(restricted(kin.spec.collection, id));
    };
    (kin.delete_tree)(view, id, &referrer, under).await?;
    Ok(())
}
