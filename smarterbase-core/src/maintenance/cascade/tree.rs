//! Everything that depends on a document.

use std::collections::{BTreeSet, VecDeque};

use super::kin::scalar_of;
use crate::{
    document::{DocumentSpec, OnDelete, ReferenceSpec},
    error::Result,
    format::path::EncodedId,
    operation::{
        View,
        relations::{Kin, Node, Referrer},
    },
};

/// What goes along with a document, and what stands against it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Parents before their children.
    pub(super) deleted: Vec<(Kin, EncodedId, Referrer)>,
    pub(super) nullified: Vec<(Kin, EncodedId, Referrer)>,
    pub(super) restricted: Vec<(Kin, EncodedId)>,
}

/// A tree, whole or as much of it as was looked at.
#[derive(Debug)]
pub(super) enum Collected {
    Whole(Tree),
    Part(Tree),
}

/// Collects what depends on a document, at most `most` documents.
pub(super) async fn collect(
    view: &View,
    spec: &'static DocumentSpec,
    id: &EncodedId,
    most: usize,
    ancestors: &BTreeSet<Node>,
) -> Result<Collected> {
    let mut tree = Tree::default();
    // Documents may refer to each other in circles.
    let mut seen = ancestors.clone();
    seen.insert((spec.collection, id.as_str().to_owned()));
    let mut open = VecDeque::from([(spec, id.clone())]);
    let mut left = most;
    while let Some((spec, id)) = open.pop_front() {
        for (kin, reference) in view.relations.referring_to(spec.collection) {
            let referrer = referrer(spec, &id, reference);
            // One more than are left tells whether it is too much.
            let found = (kin.find)(view, &referrer, None, left + 1).await?;
            if found.len() > left {
                tree.keep(kin, found, &referrer, &mut seen);
                return Ok(Collected::Part(tree));
            }
            left -= found.len();
            for child in tree.keep(kin, found, &referrer, &mut seen) {
                open.push_back((kin.spec, child));
            }
        }
    }
    tree.forgive(&seen);
    Ok(Collected::Whole(tree))
}

/// How documents refer to this one.
pub(super) fn referrer(
    spec: &'static DocumentSpec,
    id: &EncodedId,
    reference: &'static ReferenceSpec,
) -> Referrer {
    Referrer {
        reference,
        target: scalar_of(spec.key_kind, id),
    }
}

impl Tree {
    /// Sorts what was found into its place. Gives the documents whose own dependants are to be found.
    fn keep(
        &mut self,
        kin: &Kin,
        found: Vec<EncodedId>,
        referrer: &Referrer,
        seen: &mut BTreeSet<Node>,
    ) -> Vec<EncodedId> {
        let mut children = Vec::new();
        for id in found {
            match referrer.reference.on_delete {
                OnDelete::Nothing => {}
                OnDelete::Restrict => self.restricted.push((*kin, id)),
                OnDelete::Nullify => self.nullified.push((*kin, id, referrer.clone())),
                OnDelete::Cascade => {
                    if seen.insert((kin.spec.collection, id.as_str().to_owned())) {
                        self.deleted.push((*kin, id.clone(), referrer.clone()));
                        children.push(id);
                    }
                }
            }
        }
        children
    }

    /// What is deleted itself stands against nothing, and needs no reference cleared.
    fn forgive(&mut self, deleted: &BTreeSet<Node>) {
        let goes = |kin: &Kin, id: &EncodedId| {
            deleted.contains(&(kin.spec.collection, id.as_str().to_owned()))
        };
        self.restricted.retain(|(kin, id)| !goes(kin, id));
        self.nullified.retain(|(kin, id, _)| !goes(kin, id));
    }
}
